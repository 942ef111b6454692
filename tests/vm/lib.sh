# What the scripts in the guest share.

# The place of recorder N in the machine: its SCSI device, once it is there and udev has seen it.
place() {
    tries=0
    while [ $tries -lt 300 ]; do
        for dir in /sys/bus/pci/devices/0000:00:1"$1".0/virtio*/host*/target*/*:0:0:0; do
            if [ -d "$dir/block" ] && [ -d "$dir/scsi_generic" ]; then
                echo "$dir"
                return 0
            fi
        done
        tries=$((tries + 1))
        sleep 0.1
    done
    echo "recorder $1 is not there" >&2
    return 1
}

# Its block device, such as /dev/sr0.
drive() { echo "/dev/$(ls "$(place "$1")/block")"; }

# Its generic device, such as /dev/sg0.
generic() { echo "/dev/$(ls "$(place "$1")/scsi_generic")"; }

# A new disc in recorder N: disc N NAME KIND. The name is for the host; a disc of that name is made anew.
disc() {
    host control "$1" insert "@$2.disc" --create "$3" || return 1
    await_disc "$1"
}

# Waits until the kernel, too, has taken note of the disc.
await_disc() {
    sr=$(drive "$1")
    tries=0
    until sg_turs "$(generic "$1")" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "no disc in recorder $1" >&2; return 1; }
        sleep 0.1
    done
    # Opening it makes the kernel ask for its size anew.
    blockdev --getsize64 "$sr" >/dev/null 2>&1 || true
}
