#!/bin/sh
# The eight steps of a burn, each a call on D-Bus, with nothing but busctl.
#
#   eight-steps.sh FOLDER [RECORDER]
#
# FOLDER    what to burn; its content lies at the root of the disc
# RECORDER  which recorder, as in sr0; needless where there is only one that can record the disc
#
# Environment:
#   DISCMASTER_BUS   system (the default), user, or the address of a bus
#   VOLUME           the disc's name; otherwise today's date
#   VERIFY           none, quick or full (the default)
#   SIMULATE         true for a test write: everything but the laser
#
# busctl connects anew for every call, so the session must not end with the connection: it is opened `detached`.
# A program that stays connected leaves that out, and gets progress and completion by signal instead of asking.
set -eu

service=org.discmaster1
root=/org/discmaster1

say() { printf '%s\n' "$*" >&2; }
die() { say "eight-steps: $*"; exit 1; }

[ $# -ge 1 ] && [ $# -le 2 ] || die "usage: eight-steps.sh FOLDER [RECORDER]"
[ -d "$1" ] || die "$1 is no folder"
command -v busctl >/dev/null || die "busctl is not installed (it is part of systemd)"
folder=$(cd -- "$1" && pwd -P)
wanted=${2-}
verify=${VERIFY-full}
simulate=${SIMULATE-false}

case ${DISCMASTER_BUS-system} in
    system) bus=--system ;;
    user | session) bus=--user ;;
    *) bus=--address=$DISCMASTER_BUS ;;
esac

# call PATH INTERFACE METHOD [SIGNATURE ARGUMENT…]: the answer as JSON, {"type":"o","data":["/…"]}. What busctl says of
# a failure goes to standard error, and ends the script. A first call may start the service, and a person may have to
# authenticate: two minutes are enough for both.
call() {
    path=$1 interface=$2
    shift 2
    busctl "$bus" --timeout=120 --json=short call "$service" "$path" "$service.$interface" "$@"
}

# object …: the same, for a method that returns one path.
object() {
    answer=$(call "$@") || exit 1
    printf '%s\n' "$answer" | sed -n 's/.*"data":\["\([^"]*\)".*/\1/p'
}

# property PATH INTERFACE NAME: its value, without quotes.
property() {
    answer=$(busctl "$bus" --timeout=20 --json=short get-property "$service" "$1" "$service.$2" "$3") || exit 1
    printf '%s\n' "$answer" | sed 's/^{"type":"[^"]*","data"://; s/}$//; s/^"//; s/"$//'
}

# Follows a job to its end: a line when something changed, then the outcome.
follow() {
    last=
    while :; do
        result=$(property "$1" Job Result)
        phase=$(property "$1" Job Phase)
        progress=$(property "$1" Job Progress)
        now=$(printf '%s\n' "$progress" | awk -v phase="$phase" '{ printf "%-9s %3d %%", phase, $1 * 100 }')
        [ "$now" = "$last" ] || say "    $now"
        last=$now
        [ -z "$result" ] || break
        sleep 1
    done
    [ "$result" = success ] || die "$result
$(call "$1" Job GetResult)"
}

session=
close() {
    [ -n "$session" ] || return 0
    # During a burn this is refused, and rightly: the burn goes on, and the session closes itself when idle.
    call "$session" Session Close >/dev/null 2>&1 || say "The session $session is still open: is it burning?"
    session=
}
trap close EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "1  MSDiscMasterObj: the service is there as soon as it is called"
busctl "$bus" --timeout=60 get-property "$service" "$root" "$service.DiscMaster" Version >/dev/null ||
    die "there is no service $service on this bus"

say "2  IDiscMaster::Open"
session=$(object "$root" DiscMaster Open 'a{sv}' 2 detached b true client-name s eight-steps.sh)
say "    $session"

say "3  EnumDiscMasterFormats, SetActiveDiscMasterFormat"
formats=$(call "$session" Session EnumDiscMasterFormats)
say "    there are: $(printf '%s\n' "$formats" | sed 's/.*"data":\[\[\(.*\)\]\]}/\1/; s/"//g')"
format=$(object "$session" Session SetActiveDiscMasterFormat s joliet)
say "    $format"

say "4  EnumDiscRecorders, SetActiveDiscRecorder"
answer=$(call "$session" Session EnumDiscRecorders)
recorders=$(printf '%s\n' "$answer" | grep -o '"/[^"]*"' | tr -d '"') || die "no recorder can record this format"
if [ -n "$wanted" ]; then
    recorder=$(printf '%s\n' "$recorders" | grep -- "/$wanted\$") || die "no recorder $wanted; there are:
$recorders"
else
    [ "$(printf '%s\n' "$recorders" | wc -l)" -eq 1 ] || die "several recorders, name one:
$recorders"
    recorder=$recorders
fi
call "$session" Session SetActiveDiscRecorder 'oa{sv}' "$recorder" 0 >/dev/null
name="$(property "$recorder" Recorder Vendor) $(property "$recorder" Recorder Product)"
kind=$(property "$recorder" Medium Kind)
free=$(property "$recorder" Medium FreeBlocks)
say "    $recorder: $name, $kind, $free blocks free"

say "5  ProgressAdvise: below, by asking the job"

say "6  AddData"
if [ -n "${VOLUME-}" ]; then
    call "$format" Joliet SetJolietProperties 'a{sv}' 1 VolumeName s "$VOLUME" >/dev/null
fi
job=$(object "$format" Joliet AddPath 'sa{sv}' "$folder" 1 special-files s skip)
follow "$job"
used=$(call "$format" Joliet GetUsedDataBlocks)
say "    $(printf '%s\n' "$used" | sed 's/.*\[\([0-9]*\)\].*/\1/') blocks of 2048 bytes"

say "7  RecordDisc"
job=$(object "$session" Session RecordDisc 'a{sv}' 2 verify s "$verify" simulate b "$simulate")
follow "$job"

say "8  Close"
call "$session" Session Close >/dev/null
session=
say "The disc is done."
