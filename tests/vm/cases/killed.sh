# Clients, their connections and the service are killed at random moments, and the service is restarted again and again: every disc completes and
# verifies, and nothing leaks. VM_KILLS is how many of each (6), VM_SEED makes a run again.
# recorders: --media @first.disc --create dvd+rw
# deadline: 7200
# long: yes
. /host/lib.sh
install_discmaster || exit 1
await_disc 0
await_service 0 || exit 1
host control 0 speed 2000
if ! python3 /host/killed.py "$(drive 0)"; then
    journalctl -b --no-pager -u 'discmaster*' | tail -80
    exit 1
fi
journalctl -b --no-pager | grep -i panicked && exit 1
host control 0 violations
