# The Debian packages one without the other: what is turned off stays so, and what belongs to one outlives the other.
# packages: yes
# long: yes
# deadline: 600
. /host/lib.sh
fail() { echo "FAILED: $*"; failed=1; }
failed=0

# What the guest was built with kept services from being started.
rm -f /usr/sbin/policy-rc.d
belongings > /tmp/before
dpkg -i /host/packages/*.deb || fail "install"
systemctl --quiet disable --now discmaster.service discmaster-stager.socket
dpkg -i /host/packages/discmaster_*.deb || fail "upgrade what is turned off"
for unit in discmaster.service discmaster-stager.socket; do
    ! systemctl --quiet is-enabled $unit || fail "$unit is turned on again"
    ! systemctl --quiet is-active $unit || fail "$unit runs again"
done
# Virtual recorders run as the service's user, and their discs are its.
echo 'ARGUMENTS=--create cd-r' > /etc/discmaster/vdrive-vd7.env
echo 'quota = 1000000000' > /etc/discmaster/discmaster.toml
systemctl start discmaster-vdrive@vd7 && until_so 20 test -e /var/lib/discmaster-vdrive/vd7.disc || fail "a virtual recorder"
systemctl stop discmaster-vdrive@vd7
dpkg -P discmaster || fail "purge one of both"
[ "$(ls /etc/discmaster)" = vdrive-vd7.env ] || fail "what is left of the configuration is: $(ls /etc/discmaster)"
[ "$(stat -c %U /var/lib/discmaster-vdrive/vd7.disc)" = discmaster ] || fail "the discs of the virtual recorder are nobody's"
! getent passwd discmaster-worker || fail "the workers' user is left"
# The other way round: the service keeps its user.
dpkg -i /host/packages/discmaster_*.deb && dpkg -P discmaster-vdrive || fail "purge the other one"
[ "$(ls /etc/discmaster)" = discmaster.toml ] || fail "the configuration of the service is: $(ls /etc/discmaster)"
getent passwd discmaster > /dev/null || fail "the service's user is gone"
dpkg -P discmaster || fail "purge what is left"
# And both, the virtual recorders last.
dpkg -i /host/packages/*.deb || fail "install a last time"
dpkg -r discmaster-vdrive
dpkg -P discmaster && dpkg -P discmaster-vdrive || fail "purge one after the other"
udevadm settle
belongings > /tmp/after
diff /tmp/before /tmp/after || fail "something is left"
exit $failed
