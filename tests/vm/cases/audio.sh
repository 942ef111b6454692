# Audio discs of ours in the guest: an album with everything, in three encodings, a CD Extra, and data before sound. What other people's programs read of them through the
# kernel is what was asked for, to the last sample.
# recorders: --buffer 2097152
# discs: cd-r
# deadline: 600
. /host/lib.sh
content
install_discmaster || exit 1
await_service 0 || exit 1
failed=0
for letters in latin-1 ascii ms-jis; do
    disc 0 cd-r || exit 1
    python3 /host/audio.py "$letters" "$(drive 0)" "$id" || failed=1
done
# The last of them was left open.
timeout $((120 * $(cat /host/patience))) discmaster burn /tmp/one --recorder "$id" 2> /host/log/cd-r.discmaster.extra || failed=1
same 0 iso9660 /tmp/one || failed=1
udevadm settle
cd-info --no-header "$(drive 0)" > /tmp/info
grep -q CD-Plus/Extra /tmp/info || { cat /tmp/info; failed=1; }
for way in --gapless --track-at-once; do
    disc 0 cd-r || exit 1
    timeout $((120 * $(cat /host/patience))) discmaster audio --data /tmp/one $way --verify --recorder "$id" /tmp/album-ascii/*.wav 2> /host/log/cd-r.discmaster.mixed || failed=1
    same 0 iso9660 /tmp/one || failed=1
    udevadm settle
    cd-info --no-header "$(drive 0)" > /tmp/info
    grep -q 'ISO 9660' /tmp/info && grep -q 'mixed mode CD' /tmp/info && [ "$(grep -c '[0-9] audio ' /tmp/info)" = 3 ] || { cat /tmp/info; failed=1; }
done
printf 'cd-r\tdiscmaster\taudio\t%s\n' $failed >> /host/results
host control 0 violations || failed=1
[ $failed = 0 ] || journalctl -b -u 'discmaster*' --no-pager | tail -60
exit $failed
