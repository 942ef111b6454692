# One user against another, with real units, processes and permissions: Anna records what is secret, Ben tries to get at it, or in its way. Polkit lets
# both do everything, so that nothing stands between them but the service.
# recorders: --media @first.disc --create cd-rw
# deadline: 400
. /host/lib.sh
for name in anna ben; do useradd -m "$name"; done
everybody_may 'action.id.indexOf("other-user") < 0'
install_discmaster || exit 1
await_disc 0
await_service 0 || exit 1
# What keeps links to others' files away must not be what protects them.
sysctl -q fs.protected_hardlinks=0 fs.protected_symlinks=0
modprobe fuse
host control 0 speed 8x
if ! python3 /host/others.py "$(drive 0)"; then
    journalctl -b --no-pager -u 'discmaster*' | tail -60
    exit 1
fi
host control 0 violations
