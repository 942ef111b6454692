# A stager that was taken over, in the installed one's place: it lies about every field of every message and about every word of the ring. What it owns it may
# spoil: its user's files, and the disc that its user was allowed to record. It cannot crash broker or worker or hold them for longer than a cancel takes, not
# have more written than was planned, not have a disc called good that holds anything but what went through the ring, and not have its state told
# otherwise than it is; and afterwards an honest stager burns as if nothing had been.
# VM_ROUNDS is how many discs are lied about (12), VM_LIES how many lies are told at least of each kind of message (6), VM_SEED makes a run again.
# recorders: --media @first.disc --create cd-rw | --media @second.disc --create dvd+rw
# deadline: 3600
# long: yes
. /host/lib.sh
everybody_may 'true'
install_discmaster || exit 1
# A ring that does not hold the whole image, so that both sides are at it at once.
echo 'ring = 262144' > /etc/discmaster/discmaster.toml
systemctl restart discmaster.service
mkdir /run/liar
[ -z "$VM_KEEP" ] || (until [ -e /run/liar/told ]; do sleep 1; done; tail -f /run/liar/told > /host/log/told) &
journalctl -b -f --no-pager -u "discmaster*" > /host/log/journal &
chmod 755 /host/liar.stager.py
for n in 0 1; do
    await_disc $n
    await_service $n || exit 1
done
if ! python3 /host/liar.py "$(drive 0)" "$(drive 1)"; then
    journalctl -b --no-pager -u 'discmaster*' | tail -120
    cp /run/liar/told /host/log/
    exit 1
fi
host control 0 violations && host control 1 violations
