# What the scripts in the guest share.
. /host/environment

# The place of recorder N in the machine: its SCSI device, once it is there and udev has seen it.
place() {
    tries=0
    while [ $tries -lt $((300 * $(cat /host/patience))) ]; do
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

# A new disc in recorder N: disc N KIND.
disc() {
    out "$1" || return 1
    discs=$((${discs:-0} + 1))
    host control "$1" insert "@$discs-$1.disc" --create "$2" || return 1
    await_disc "$1"
}

# Opens the tray as a person at the machine does: udev keeps it locked while a disc is in, and whoever looks at the disc
# keeps it busy for a moment.
out() { until_so 20 eject "$(drive "$1")"; }

# Out and in again, so that the kernel takes note of what was written.
reload() { out "$1" && until_so 20 eject -t "$(drive "$1")" && await_disc "$1"; }

# Waits until the disc is ready and the kernel has its size.
await_disc() {
    tries=0
    until sg_turs "$(generic "$1")" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt $((100 * $(cat /host/patience))) ] || { echo "no disc in recorder $1" >&2; return 1; }
        sleep 0.1
    done
    udevadm settle
    blockdev --getsize64 "$(drive "$1")" >/dev/null 2>&1 || true
}

# Installs what was built, as `make install` would.
install_discmaster() {
    cp -R --preserve=mode /host/root/. / &&
        systemd-sysusers && systemctl daemon-reload && systemctl reload dbus &&
        systemctl --quiet enable --now discmaster-stager.socket && systemctl --quiet enable discmaster.service &&
        udevadm control --reload && udevadm trigger --settle --subsystem-match=block
}

# await_service N: until the installed service has recorder N, whose name is in $id then.
await_service() {
    id=$(basename "$(drive "$1")")
    until_so 20 sh -c "discmaster list | grep -q $id" || { journalctl -b | tail -50; return 1; }
}

# everybody_may CONDITION: polkit lets everybody do what is the service's, where this holds of the action.
everybody_may() {
    cat > /etc/polkit-1/rules.d/00-guest.rules <<RULES
polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.discmaster1.") == 0 && $1) {
        return polkit.Result.YES;
    }
});
RULES
    chmod 644 /etc/polkit-1/rules.d/00-guest.rules
    systemctl restart polkit
}

# until SECONDS COMMAND…: waits for it to succeed.
until_so() {
    limit=$(($(date +%s) + $1 * $(cat /host/patience)))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt $limit ] || { echo "never so: $*" >&2; return 1; }
        sleep 0.2
    done
}

# What is burned: two folders, and images of the first.
content() {
    mkdir -p /tmp/one/folder /tmp/two
    head -c 3000000 /dev/urandom > /tmp/one/folder/large
    for n in $(seq 40); do echo "file $n" > "/tmp/one/folder/a file with a long name $n.txt"; done
    ln -sfn folder/large /tmp/one/link
    head -c 700000 /dev/urandom > "/tmp/two/the second session"
}

# same N TYPE FOLDER…: whether what is on the disc in recorder N, mounted, is what is in the folders.
same() {
    same_drive=$(drive "$1") same_type=$2 same_good=0
    shift 2
    # udev looks at a disc that was changed, for itself alone; nobody else of ours is to be in the way.
    udevadm settle
    mount -t "$same_type" -o ro "$same_drive" /mnt || return 1
    for folder in "$@"; do
        (cd "$folder" && find . -type f -print0 | xargs -0 sha256sum) > /tmp/sums
        (cd /mnt && sha256sum --quiet -c /tmp/sums) || same_good=1
    done
    umount /mnt
    return $same_good
}

# Everything that packages may leave: files and links, users, units, processes. Not what dpkg and the journal keep of everything.
belongings() {
    find /etc /usr /lib /var /opt /run -xdev \( -path /var/lib/dpkg -o -path /var/log -o -path /var/cache/ldconfig -o -path /run/systemd \
        -o -path /run/udev -o -path /run/log -o -path /run/user -o -path '/etc/*-' -o -path '/var/tmp/systemd-private*' \
        -o -name __pycache__ -o -path '/var/lib/systemd/timers' \) -prune -o -print | sort
    cut -d: -f1 /etc/passwd /etc/group
    systemctl list-units --all --plain --no-legend 'discmaster*' 'dbus-org.discmaster1*' | grep -v /run/credentials
    pgrep -a discmaster
}
