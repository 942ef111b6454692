# Other people's tools on our recorder, through the kernel: each does on every disc what it can.
# recorders: --buffer 2097152
# discs: cd-r cd-rw | dvd+r dvd+r-dl | dvd-r dvd-r-dl dvd-rw | dvd-rw-ro dvd+rw | dvd-ram bd-r bd-re
# deadline: 840
. /host/lib.sh

export HOME=/root
sr=$(drive 0)
export sr

content
genisoimage -quiet -R -J -V ONE -o /tmp/one.iso /tmp/one
genisoimage -quiet -R -J -udf -V ONE -o /tmp/udf.iso /tmp/one
# Whole blocks of 64 KiB, as on discs that are written in such.
truncate -s %64K /tmp/one.iso /tmp/udf.iso

# try TOOL STEP COMMAND…: runs it, in a shell of its own, and notes how it went.
try() {
    tool=$1 step=$2
    shift 2
    log=/host/log/$kind.$tool.$step
    timeout $((150 * $(cat /host/patience))) bash -c '. /host/lib.sh; "$@"' try "$@" > "$log" 2>&1 < /dev/null
    status=$?
    printf '%s\t%s\t%s\t%s\n' "$kind" "$tool" "$step" $status >> /host/results
    return $status
}

# starts IMAGE: whether the disc starts with the image.
starts() { reload 0 && cmp -n "$(stat -c %s "$1")" "$1" "$sr"; }
read_back() { reload 0 && same 0 "$@"; }
# identified VARIABLE: whether udev's cdrom_id sees that the disc is of the kind.
identified() { /lib/udev/cdrom_id "$sr" | tee /dev/stderr | grep -qx "$1=1"; }
export -f starts read_back identified

fresh() { disc 0 "$kind"; }

xorriso_steps() {
    fresh
    case $kind in
        # Where a session can be written alone, it ends the disc.
        dvd-r-dl)
            try xorriso write xorriso -outdev "$sr" -joliet on -map /tmp/one / -close on
            try xorriso read read_back iso9660 /tmp/one
            return
            ;;
    esac
    try xorriso write xorriso -outdev "$sr" -joliet on -map /tmp/one /
    try xorriso read read_back iso9660 /tmp/one
    try xorriso append xorriso -dev "$sr" -joliet on -map /tmp/two /two -close on
    try xorriso read-appended read_back iso9660 /tmp/one
    case $kind in
        cd-rw | dvd-rw | dvd-rw-ro | dvd+rw | dvd-ram | bd-re)
            try xorriso blank xorriso -outdev "$sr" -blank as_needed -joliet on -map /tmp/two /
            try xorriso read-blanked read_back iso9660 /tmp/two
            ;;
    esac
    case $kind in
        dvd-rw | bd-r)
            fresh
            try xorriso format xorriso -outdev "$sr" -format as_needed
            ;;
    esac
}

cdrskin_steps() {
    fresh
    case $kind in
        # Sessions that can be appended to, track at once.
        cd-r | cd-rw | dvd-r | dvd-rw | dvd+r | dvd+r-dl | bd-r)
            try cdrskin write cdrskin dev="$sr" -multi -tao /tmp/one.iso
            try cdrskin read starts /tmp/one.iso
            try cdrskin append cdrskin dev="$sr" -tao /tmp/udf.iso
            ;;
        dvd-r-dl) ;;
        *)
            [ "$kind" != bd-re ] || try cdrskin format cdrskin dev="$sr" blank=format_if_needed
            try cdrskin write cdrskin dev="$sr" -tao /tmp/one.iso
            try cdrskin read starts /tmp/one.iso
            ;;
    esac
    # BD-RE has to be formatted first, and stays so.
    [ "$kind" = bd-re ] || fresh
    try cdrskin write-at-once cdrskin dev="$sr" -sao /tmp/udf.iso
    try cdrskin read-udf read_back udf /tmp/one
    case $kind in
        cd-rw | dvd-rw) try cdrskin blank cdrskin dev="$sr" blank=fast ;;
    esac
}

growisofs_steps() {
    fresh
    try growisofs write growisofs -use-the-force-luke=notray -Z "$sr" -quiet -R -J /tmp/one
    try growisofs read read_back iso9660 /tmp/one
    [ "$kind" = dvd-r-dl ] || {
        try growisofs append growisofs -use-the-force-luke=notray -M "$sr" -quiet -R -J /tmp/two
        try growisofs read-appended read_back iso9660 /tmp/one /tmp/two
    }
    fresh
    try growisofs write-closed growisofs -use-the-force-luke=notray -dvd-compat -Z "$sr=/tmp/udf.iso"
    try growisofs read-udf read_back udf /tmp/one
    case $kind in
        dvd-rw*)
            try dvd+rw-format blank dvd+rw-format -blank "$sr"
            try dvd+rw-format format dvd+rw-format -force "$sr"
            ;;
        dvd+rw | dvd-ram | bd-re | bd-r)
            fresh
            try dvd+rw-format format dvd+rw-format -force "$sr"
            ;;
    esac
}

wodim_steps() {
    fresh
    [ "$kind" != dvd+rw ] || try wodim format wodim -s gracetime=2 dev="$sr" -format
    try wodim write wodim -s gracetime=2 dev="$sr" -tao /tmp/one.iso
    try wodim read starts /tmp/one.iso
    case $kind in
        cd-rw | dvd-rw) try wodim blank wodim -s gracetime=2 dev="$sr" blank=fast ;;
    esac
    case $kind in
        cd-*)
            fresh
            try wodim write-at-once wodim -s gracetime=2 dev="$sr" -sao /tmp/one.iso
            try wodim read-at-once starts /tmp/one.iso
            ;;
    esac
}

cdrdao_steps() {
    fresh
    printf 'CD_ROM\nTRACK MODE1\nDATAFILE "/tmp/one.iso"\n' > /tmp/toc
    try cdrdao write cdrdao write --driver generic-mmc:0 --device "$sr" -n /tmp/toc
    try cdrdao read starts /tmp/one.iso
    try cd-info read cd-info --no-cddb --no-device-info "$sr"
    rm -f /tmp/read.toc /tmp/read.bin
    try cdrdao read-cd cdrdao read-cd --driver generic-mmc:0 --device "$sr" --datafile /tmp/read.bin /tmp/read.toc
    [ "$kind" = cd-r ] || try cdrdao blank cdrdao blank --driver generic-mmc:0 --device "$sr" --blank-mode minimal
}

for kind in $(cat /host/kinds); do
    # As udev writes it: DVD_PLUS_R_DL, DVD_RW.
    media=$(echo "$kind" | sed 's/-ro$//; s/+/_plus_/; s/-/_/g' | tr a-z A-Z)
    fresh || exit 1
    try cdrom_id identify identified "ID_CDROM_MEDIA_$media"
    xorriso_steps
    cdrskin_steps
    case $kind in
        cd-*) cdrdao_steps ;;
        *) try dvd+rw-mediainfo read dvd+rw-mediainfo "$sr"; growisofs_steps ;;
    esac
    case $kind in
        bd-*) ;;
        *) wodim_steps ;;
    esac
    host control 0 violations > "/host/log/$kind.violations" || true
done
