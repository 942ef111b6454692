# Who may do what: every method of every interface, called by each kind of user, with sessions and seats that are real. Two recorders: the second is at
# a seat of its own.
# recorders: --media @first.disc --create cd-rw | --media @second.disc --create cd-rw
# page: who-may.md
# deadline: 700
. /host/lib.sh

# A seat needs a device to stand for it: the drive itself.
cat > /etc/udev/rules.d/72-guest.rules <<'RULES'
ACTION!="remove", SUBSYSTEM=="block", KERNEL=="sr*", ENV{ID_SCSI_SERIAL}=="VD000001", TAG+="seat", TAG+="master-of-seat", ENV{ID_SEAT}="seat1"
RULES
udevadm control --reload
for n in 0 1; do await_disc $n || exit 1; done
udevadm trigger --settle --subsystem-match=block
until_so 20 loginctl seat-status seat1 > /dev/null || exit 1

printf 'account required pam_permit.so\nsession required pam_systemd.so\n' > /etc/pam.d/guest
for name in anna active inactive remote elsewhere nobodys; do useradd -m "$name"; done

# What polkit shows to rules, written down by one; and Anna may do everything: what is hers, the others try.
cat > /etc/polkit-1/rules.d/00-guest.rules <<'RULES'
polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.discmaster1.") != 0) {
        return polkit.Result.NOT_HANDLED;
    }
    polkit.log("asked " + subject.user + " " + action);
    return subject.user == "anna" ? polkit.Result.YES : polkit.Result.NOT_HANDLED;
});
RULES
chmod 644 /etc/polkit-1/rules.d/00-guest.rules
# What rules write down goes to standard error, which Debian has polkitd throw away.
mkdir -p /run/systemd/system/polkit.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/lib/polkit-1/polkitd\n' > /run/systemd/system/polkit.service.d/guest.conf
systemctl daemon-reload
systemctl restart polkit

install_discmaster || exit 1
for n in 0 1; do
    await_service $n || exit 1
done
if ! python3 /host/users.py page "$(basename "$(drive 0)")" "$(basename "$(drive 1)")" > /host/page; then
    loginctl list-sessions
    journalctl -b --no-pager | grep -v audit | tail -60
    exit 1
fi
journalctl -b --no-pager | grep -i panicked && exit 1
host control 0 violations && host control 1 violations
