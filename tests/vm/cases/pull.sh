# Recorders that come and go while our service has them: pulled from the machine's bus, or gone without a word, when idle,
# while files are staged, while a disc is written and while it is verified. Each time the error has a name, and no lock, no
# process and no inhibitor stays; the recorder works when it is back.
# recorders: --buffer 2097152
# deadline: 700
. /host/lib.sh
content
install_discmaster || exit 1
head -c 20000000 /dev/urandom > /tmp/large
mkdir /tmp/many && (cd /tmp/many && seq 20000 | split -l 4 -a 4)
failed=0
fail() {
    echo "FAILED: $*" >&2
    failed=1
}

# The recorder's name on the bus, once the service has looked at it.
known() {
    id=$(basename "$(drive 0)")
    until_so 30 sh -c "discmaster --json list | grep -q '\"id\":\"$id\"'" || { discmaster list; return 1; }
}
unknown() { until_so 30 sh -c "! discmaster --json list | grep -q '\"id\"'"; }

# gone WAY: as a device that is taken from the bus, or as one that goes first and is cleared away later.
gone() {
    case $1 in
        pulled) host pull 0 ;;
        vanished) host control 0 unplug ;;
    esac
}
# Back with another disc; a recorder that was pulled is started anew, so that its violations are asked for before.
back() {
    [ "$1" = vanished ] || host control 0 violations || fail "violations, $1"
    host plug 0 --buffer 2097152 && known && blank
}
blank() { disc 0 dvd+r && until_so 30 sh -c "discmaster info $id | grep -q 'condition: *blank'"; }

# Nothing of ours is left that belongs to the recorder or to whoever used it.
clean() {
    until_so 30 sh -c '! pgrep -x discmaster-work' || fail "a worker is left: $(pgrep -al discmaster)"
    until_so 30 sh -c '! pgrep -x discmaster-stag' || fail "a stager is left: $(pgrep -al discmaster)"
    ! systemctl list-units --failed --no-legend 'discmaster*' | grep . || fail "a unit has failed"
    ! systemd-inhibit --list --no-pager --no-legend | grep -i discmaster || fail "an inhibitor is left"
    for session in $(busctl tree --list org.discmaster1 | grep '/sessions/[0-9]*$'); do
        busctl get-property org.discmaster1 "$session" org.discmaster1.Session State | grep closed || fail "a session is left"
    done
}

# Whether the device can be had for oneself.
opened() { python3 -c 'import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK | os.O_EXCL)' "$1"; }

call() { busctl --timeout=60 call org.discmaster1 "$@"; }
object() { sed -n 's/^o "\(.*\)"$/\1/p'; }

idle() {
    gone "$1" || fail "idle, $1"
    unknown || fail "the recorder is known still, $1"
}

# The session outlives the recorder, and its image can be written once there is one again.
staging() {
    recorder=/org/discmaster1/recorders/$id
    session=$(call /org/discmaster1 org.discmaster1.DiscMaster Open 'a{sv}' 1 detached b true | object)
    joliet=$(call "$session" org.discmaster1.Session SetActiveDiscMasterFormat s joliet | object)
    call "$session" org.discmaster1.Session SetActiveDiscRecorder 'oa{sv}' "$recorder" 0 || fail "the recorder cannot be chosen"
    call "$joliet" org.discmaster1.Joliet AddPath 'sa{sv}' /tmp/large 1 wait b true || fail "nothing can be staged"
    call "$joliet" org.discmaster1.Joliet AddPath 'sa{sv}' /tmp/many 2 copy b true wait b true &
    adding=$!
    gone "$1" || fail "staging, $1"
    kill -0 $adding || fail "staging was faster than this test"
    unknown || fail "the recorder is known still, staging, $1"
    wait $adding || fail "what is staged needs no recorder, $1"
    said=$(call "$session" org.discmaster1.Session RecordDisc 'a{sv}' 0 2>&1) && fail "a disc was recorded without a recorder"
    echo "$said" | grep -i "recorder" || fail "it is not said that the recorder is gone: $said"
    back "$1" || fail "the recorder is not back"
    call "$session" org.discmaster1.Session SetActiveDiscRecorder 'oa{sv}' "/org/discmaster1/recorders/$id" 0 || fail "the session is of no use"
    job=$(call "$session" org.discmaster1.Session RecordDisc 'a{sv}' 0 | object)
    until_so 60 sh -c "busctl call org.discmaster1 $job org.discmaster1.Job GetResult | grep -q '^bss.*true'" || fail "the image was not written: $(call "$job" org.discmaster1.Job GetResult)"
    call "$session" org.discmaster1.Session Close || fail "the session cannot be closed"
    udevadm settle
    mount -o ro "$(drive 0)" /mnt && cmp /mnt/large /tmp/large || fail "the image was lost"
    umount /mnt
    blank
}

# while_in PHASE WAY: the command line says what has become of the disc, and ends.
while_in() {
    host control 0 speed 2x
    discmaster --json burn --verify full /tmp/large --recorder "$id" > /tmp/said 2> /tmp/error < /dev/null &
    burn=$!
    until_so 60 grep -q "\"phase\":\"$1\"" /tmp/said || fail "no $1: $(cat /tmp/said /tmp/error)"
    # Nor does anybody get at the drive by its other name.
    [ "$1" = verifying ] || ! opened "$(generic 0)" || fail "the generic node is open to others"
    gone "$2" || fail "$1, $2"
    until_so 60 sh -c "! kill -0 $burn 2>/dev/null" || fail "the burn hangs, $1, $2"
    wait $burn && fail "a burn without a recorder went well, $1, $2"
    cat /tmp/error /tmp/said | tail -4
    grep -Eq 'DeviceNotPresent|WriteFailed|VerifyFailed' /tmp/error /tmp/said || fail "the error has no name, $1, $2: $(cat /tmp/error)"
    unknown || fail "the recorder is known still, $1, $2"
}

known && blank || fail "no recorder"
opened "$(generic 0)" || fail "the generic node of a drive that nobody uses cannot be had"
for way in pulled vanished; do
    for when in idle staging "while_in writing" "while_in verifying"; do
        echo "== $when, $way"
        $when $way
        [ "$when" = staging ] || back $way || fail "the recorder is not back, $when, $way"
        clean
    done
done
# After all that: a disc.
discmaster burn /tmp/one --recorder "$id" && same 0 iso9660 /tmp/one || fail "no disc after all that"
# Whoever wants the disc, to mount it for one, is not kept from it by a look at it, which is under way here.
looked_at() {
    out 0 && host control 0 fault 'get-performance hang(5s)' && host control 0 insert @looked-at.disc --create dvd+r &&
        until_so 30 host control 0 unfired && opened "$(drive 0)"
}
looked_at || fail "a disc that is looked at is kept from others"
journalctl -b -u 'discmaster*' --no-pager | tail -60
exit $failed
