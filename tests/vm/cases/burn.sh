# Our service in the guest, with all that is real there: systemd, the bus, polkit, udev, the kernel's SCSI layer. Every disc
# is burned through /dev/sr0 and read back by the kernel.
# recorders: --buffer 2097152
# discs: cd-r cd-rw dvd-r dvd-rw dvd+r dvd+r-dl bd-r | dvd+rw dvd-rw-ro dvd-ram bd-re
# deadline: 840
. /host/lib.sh
content
install_discmaster || exit 1
failed=0
note() { printf '%s\t%s\t%s\t%s\n' "$kind" discmaster "$1" "$2" >> /host/results; [ "$2" = 0 ] || failed=1; }
step() {
    name=$1
    shift
    timeout $((120 * $(cat /host/patience))) bash -c '"$@"' step "$@" > "/host/log/$kind.discmaster.$name" 2>&1 < /dev/null
    status=$?
    note "$name" $status
    return $status
}

# Whether a command is refused by the place where the disc is mounted.
refused_mounted() {
    ! "$@" 2> /tmp/said && cat /tmp/said && grep -q FileSystem /tmp/said && grep -q /mnt /tmp/said
}
export -f refused_mounted

await_service 0 || exit 1
# What desktops hear of a disc that is recorded.
udevadm monitor --udev --property --subsystem-match=block >> /tmp/events &
for kind in $(cat /host/kinds); do
    disc 0 "$kind" || exit 1
    udevadm settle
    : > /tmp/events
    if step write discmaster burn /tmp/one --recorder "$id" --appendable; then
        same 0 iso9660 /tmp/one > "/host/log/$kind.discmaster.read" 2>&1
        note read $?
        case $kind in
            # Its size is what it was, and the drive tells nothing.
            dvd+rw | dvd-rw-ro | dvd-ram | bd-re) ;;
            *) until_so 10 grep -q '^DISK_MEDIA_CHANGE=1' /tmp/events || { echo "$kind: nobody hears of the new disc"; failed=1; } ;;
        esac
        if step append discmaster burn /tmp/two --recorder "$id" --append; then
            same 0 iso9660 /tmp/one /tmp/two > "/host/log/$kind.discmaster.read-appended" 2>&1
            note read-appended $?
        fi
    fi
    case $kind in
        cd-rw | dvd-rw* | dvd+rw | dvd-ram | bd-re)
            mount -o ro "$(drive 0)" /mnt
            step refuse-mounted refused_mounted discmaster erase "$id"
            step erase discmaster erase "$id" --unmount
            ! mountpoint -q /mnt || { umount /mnt; failed=1; }
            ;;
    esac
    host control 0 violations || failed=1
done
# The machine was kept awake: logind grants what the installed rules allow.
! journalctl -b -u discmaster --no-pager | grep "logind grants no" || failed=1
# So was each worker kept to its device.
! journalctl -b -u 'discmaster-worker@*' --no-pager | grep "not confined" || failed=1
discmaster jobs
journalctl -b -u 'discmaster*' --no-pager | tail -60
exit $failed
