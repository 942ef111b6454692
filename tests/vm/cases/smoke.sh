# A recorder is a drive of the guest's; the kernel and udev know it for what it is, and one tool writes to it.
# recorders: | --media @two.disc --create dvd+rw
# deadline: 150
. /host/lib.sh
set -e
for n in 0 1; do
    udevadm settle
    udevadm info -q property "$(drive $n)" > /tmp/known
    grep -q '^ID_CDROM_BD_R=1' /tmp/known
    grep -q "^ID_SCSI_SERIAL=VD00000$n" /tmp/known
done
grep -q 'Can write CD-RW:.*1' /proc/sys/dev/cdrom/info
mkdir -p /tmp/tree
head -c 2000000 /dev/urandom > /tmp/tree/large
disc 0 dvd+r
xorriso -outdev "$(drive 0)" -map /tmp/tree / -commit
reload 0
mount -t iso9660 -o ro "$(drive 0)" /mnt
cmp /mnt/large /tmp/tree/large
umount /mnt
host control 0 violations
cat /proc/uptime
cut -d' ' -f 1-8 /proc/loadavg
