# What the service costs while nothing goes on, beside udisksd and upowerd: resident memory, wake-ups, and the time from its start to its name.
# recorders: --buffer 2097152
# deadline: 1800
# long: yes
. /host/lib.sh
install_discmaster || exit 1
await_disc 0
await_service 0 || exit 1
systemctl start udisks2 upower
python3 /host/idle.py
