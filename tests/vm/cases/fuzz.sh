# Random calls of everything on the bus name, as a user and as root: no crash, no hang, no growth. VM_CALLS is how often each method is called (25),
# VM_SEED makes a run again. Where a build of dfuzzer, which Debian 12 lacks, lies beside this as fuzz.dfuzzer, it has its turn as well; fuzz.conf is what
# it leaves out.
# recorders: --media @first.disc --create cd-rw
# deadline: 1800
# long: yes
. /host/lib.sh
everybody_may 'true'
install_discmaster || exit 1
await_disc 0
await_service 0 || exit 1
export VM_SEED=${VM_SEED:-$(date +%s)}
echo "seed $VM_SEED"
service=$(systemctl show -p MainPID --value discmaster.service)
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$service/status"; }
fuzz() { setpriv --reuid="$1" --regid="$1" --clear-groups python3 /host/fuzz.py || failed=1; }
failed=0
# What is taken once and kept is taken after a round.
fuzz user1
before=$(resident) descriptors=$(ls "/proc/$service/fd" | wc -l)
fuzz user1
fuzz root
if [ -x /host/fuzz.dfuzzer ]; then
    cp /host/fuzz.conf /tmp/dfuzzer.conf
    for user in user1 root; do
        # Objects to try the methods of a session on, in each format.
        for format in joliet redbook; do
            session=$(setpriv --reuid="$user" --regid="$user" --clear-groups busctl --json=short call org.discmaster1 /org/discmaster1 org.discmaster1.DiscMaster \
                Open 'a{sv}' 1 detached b true | sed 's/.*"\(\/[^"]*\)".*/\1/')
            setpriv --reuid="$user" --regid="$user" --clear-groups busctl -q call org.discmaster1 "$session" org.discmaster1.Session SetActiveDiscMasterFormat s "$format"
            # It gives up, with 1, when an object that it has listed is gone before it looks: jobs end.
            for _ in 1 2 3; do
                (cd /tmp && setpriv --reuid="$user" --regid="$user" --clear-groups /host/fuzz.dfuzzer -v -n org.discmaster1 -x "${VM_CALLS:-25}" > "/tmp/dfuzzer.$user.$format" 2>&1)
                status=$?
                [ $status = 1 ] || break
                tail -3 "/tmp/dfuzzer.$user.$format"
            done
            echo "dfuzzer as $user, $format: $status; $(grep -c PASS "/tmp/dfuzzer.$user.$format") passed, $(grep -c FAIL "/tmp/dfuzzer.$user.$format") failed"
            [ $status = 0 ] || { grep -B3 -A8 FAIL "/tmp/dfuzzer.$user.$format" | tail -60; failed=1; }
            setpriv --reuid="$user" --regid="$user" --clear-groups busctl -q call org.discmaster1 "$session" org.discmaster1.Session Close
        done
    done
fi
after=$(resident)
echo "resident: $before KiB, then $after KiB; descriptors: $descriptors, then $(ls "/proc/$service/fd" | wc -l)"
[ "$(systemctl show -p MainPID --value discmaster.service)" = "$service" ] || { echo "the service has begun anew"; failed=1; }
[ "$after" -lt $((before + 4096)) ] || { echo "it grows"; failed=1; }
[ "$(ls "/proc/$service/fd" | wc -l)" -le $((descriptors + 4)) ] || { echo "descriptors are left"; failed=1; }
systemctl --failed --no-legend --plain | grep discmaster && failed=1
journalctl -b --no-pager | grep -i panicked && failed=1
host control 0 violations || failed=1
[ $failed = 0 ] || journalctl -b --no-pager -u 'discmaster*' | tail -60
exit $failed
