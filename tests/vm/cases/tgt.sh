# A recorder that we did not make: the DVD+R of Debian's tgt, by iSCSI on the loopback. Our service burns to it through
# the kernel; others read it.
# recorders: none
# deadline: 500
. /host/lib.sh
content
modprobe iscsi_tcp || exit 1
tgtd --iscsi portal=127.0.0.1:3260 || exit 1
until_so 20 tgtadm --lld iscsi --op show --mode sys > /dev/null || exit 1
target=iqn.2001-04.org.discmaster:recorder
tgtadm --lld iscsi --op new --mode target --tid 1 -T $target || exit 1
tgtimg --op new --device-type cd --type dvd+r --file /tmp/disc || exit 1
tgtadm --lld iscsi --op new --mode logicalunit --tid 1 --lun 1 -b /tmp/disc --device-type=cd || exit 1
tgtadm --lld iscsi --op bind --mode target --tid 1 -I ALL
echo InitiatorName=iqn.2001-04.org.discmaster:guest > /etc/iscsi/initiatorname.iscsi
systemctl start iscsid.service || iscsid || exit 1
iscsiadm -m discovery -t st -p 127.0.0.1 || exit 1
iscsiadm -m node -T $target -p 127.0.0.1 --login || exit 1
until_so 30 test -b /dev/sr0 || exit 1
udevadm settle
install_discmaster || exit 1
until_so 30 sh -c "discmaster info sr0 | grep -q 'condition: *blank'" || { discmaster info sr0; journalctl -b -u 'discmaster*' | tail -50; exit 1; }
discmaster info sr0
failed=0
step() {
    status=0
    name=$1
    shift
    "$@" || { failed=1; status=1; }
    printf 'dvd+r\tdiscmaster-tgt\t%s\t%s\n' "$name" $status >> /host/results
}
in_folder() { (cd "$1" && sha256sum --quiet -c /tmp/sums); }
(cd /tmp/one && find . -type f -print0 | xargs -0 sha256sum) > /tmp/sums
mounted() {
    until_so 20 eject /dev/sr0 && until_so 20 eject -t /dev/sr0 && until_so 20 mount -o ro /dev/sr0 /mnt || return 1
    in_folder /mnt
    same=$?
    umount /mnt
    return $same
}
extracted() { xorriso -osirrox on -indev /dev/sr0 -extract / /tmp/extracted && in_folder /tmp/extracted; }
listed() { isoinfo -R -f -i /dev/sr0 | sed 's/^/./' | grep -c 'a file with a long name' | grep -qx 40; }
step write discmaster burn --verify full /tmp/one --recorder sr0
step read mounted
step xorriso extracted
step isoinfo listed
[ $failed = 0 ] || journalctl -b -u 'discmaster*' --no-pager | tail -60
exit $failed
