# One user against another, with real units, processes and permissions: Anna records what is secret, Ben tries to get at it, or in its way. Polkit lets
# both do everything, so that nothing stands between them but the service.
# recorders: --media @first.disc --create cd-rw
# deadline: 400
. /host/lib.sh
for name in anna ben; do useradd -m "$name"; done
cat > /etc/polkit-1/rules.d/00-guest.rules <<'RULES'
polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.discmaster1.") == 0 && action.id.indexOf("other-user") < 0) {
        return polkit.Result.YES;
    }
});
RULES
chmod 644 /etc/polkit-1/rules.d/00-guest.rules
systemctl restart polkit
install_discmaster || exit 1
await_disc 0
until_so 20 sh -c "discmaster list | grep -q $(basename "$(drive 0)")" || { journalctl -b | tail -50; exit 1; }
# What keeps links to others' files away must not be what protects them.
sysctl -q fs.protected_hardlinks=0 fs.protected_symlinks=0
modprobe fuse
host control 0 speed 8x
if ! python3 /host/others.py "$(drive 0)"; then
    journalctl -b --no-pager -u 'discmaster*' | tail -60
    exit 1
fi
host control 0 violations
