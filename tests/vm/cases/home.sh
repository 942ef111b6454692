# The Debian packages: installed, upgraded in the middle of a burn, removed and purged. No disc is lost, nothing is left running, and in the end nothing
# is left.
# recorders: --buffer 2097152
# packages: yes
# deadline: 840
. /host/lib.sh
fail() { echo "FAILED: $*"; failed=1; }
failed=0

version() { dpkg-query -W -f '${Version}' "$1"; }
broker() { systemctl show -p MainPID --value discmaster.service; }
under_way() { discmaster --json jobs | grep -q '"operation": *"record"[^}]*"result": *""'; }
writing() { discmaster --json jobs | grep -q '"phase": *"writing"'; }

content
head -c 6000000 /dev/urandom > /tmp/one/more
# What the guest was built with kept services from being started.
rm -f /usr/sbin/policy-rc.d
# The first call leaves its lock.
host control 0 violations
belongings > /tmp/before
dpkg -i /host/packages/*.deb || exit 1
id=$(basename "$(drive 0)")
until_so 30 sh -c "discmaster list | grep -q $id" || { journalctl -b | tail -50; exit 1; }
systemctl is-active discmaster.service discmaster-stager.socket "discmaster-worker@$id.socket" || fail "not all is running"
[ "$(stat -c %U "/proc/$(broker)")" = discmaster ] || fail "the broker is somebody else"
busctl introspect org.discmaster1 /org/discmaster1 | grep -q org.discmaster1.DiscMaster || fail "no introspection"

# A burn that waits for the upgrades: each of them has the service start anew, and the disc goes on.
disc 0 cd-r || exit 1
host control 0 speed 100
python3 /host/home.py start "$id" > /tmp/job || exit 1
until_so 60 writing || { fail "nothing is written"; discmaster jobs; }
worker=$(pgrep -f discmaster-worker)
for package in /host/packages/discmaster_*.deb; do
    first=$(broker)
    dpkg -i "$package" || fail "the same version again"
    [ "$(broker)" != "$first" ] || fail "the old service goes on"
    # A version that is higher.
    dpkg-deb -R "$package" /tmp/next && sed -i 's/^Version: .*/&+1/' /tmp/next/DEBIAN/control
    dpkg-deb -Znone -b /tmp/next /tmp/next.deb > /dev/null
done
first=$(broker)
dpkg -i /tmp/next.deb || fail "a higher version"
case $(version discmaster) in *+1) ;; *) fail "the version is $(version discmaster)" ;; esac
[ "$(broker)" != "$first" ] || fail "the old service goes on"
under_way || { fail "the burn was not under way all the time"; discmaster jobs; }
[ "$(pgrep -f discmaster-worker)" = "$worker" ] || fail "it is not the same worker"
host control 0 speed unlimited
python3 /host/home.py wait "$(cat /tmp/job)" || fail "the burn"
same 0 iso9660 /tmp/one || fail "the disc that was burned during two upgrades"

# Removed in the middle of a burn: the disc is finished first.
disc 0 cd-r || exit 1
host control 0 speed 300
python3 /host/home.py start "$id" > /tmp/job || exit 1
until_so 60 writing || fail "nothing is written"
dpkg -r discmaster discmaster-vdrive || fail "remove"
same 0 iso9660 /tmp/one || fail "the disc that was burned while the package was removed"
! pgrep -a discmaster || fail "something is left running"
udevadm settle
systemctl list-units --all --plain --no-legend 'discmaster*' | grep -v ' masked ' && fail "units are left"
[ -e /etc/discmaster/discmaster.toml ] || fail "the configuration is left until it is purged"
[ ! -e /run/discmaster ] || fail "/run/discmaster is left"
busctl --no-pager status org.discmaster1 > /dev/null 2>&1 && fail "the name is left"
dpkg -P discmaster discmaster-vdrive || fail "purge"
udevadm settle
belongings > /tmp/after
diff /tmp/before /tmp/after || fail "something is left"

# And once more from the beginning, as if nothing had been.
dpkg -i /host/packages/discmaster_*.deb || fail "install again"
disc 0 cd-r || exit 1
host control 0 speed unlimited
until_so 30 sh -c "discmaster list | grep -q $id"
discmaster burn /tmp/one --recorder "$id" 2> /tmp/burned || { cat /tmp/burned; fail "a burn after it was installed again"; }
dpkg -P discmaster || fail "purge at once"
udevadm settle
belongings > /tmp/after
diff /tmp/before /tmp/after || fail "something is left the second time"
host control 0 violations || failed=1
[ $failed = 0 ] || journalctl -b --no-pager | grep -v audit | tail -150
exit $failed
