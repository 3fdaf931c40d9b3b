#!/bin/sh
# Usage: [DESTDIR=/stage] [PURGE=1] uninstall.sh   (`make uninstall`)
# Stops the service and removes what install.sh wrote.  Configuration, state and the user stay,
# so that installing again continues the same node; PURGE=1 removes those too.
set -eu

root=${DESTDIR:-}
if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
    echo "make uninstall removes files of root: run it as root" >&2
    exit 1
fi
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now quorumdog-awake.service 2>/dev/null || true
    systemctl disable --now quorumdog.service 2>/dev/null || true
fi

rm -rf "$root/opt/quorumdog" "$root/opt/quorumdog.new" "$root/opt/quorumdog.old"
rm -f "$root/usr/local/bin/quorumdog" "$root/usr/lib/systemd/system/quorumdog.service" \
    "$root/usr/lib/systemd/system/quorumdog-awake.service" \
    "$root/usr/lib/sysusers.d/quorumdog.conf" "$root/usr/lib/tmpfiles.d/quorumdog.conf"
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi

if [ "${PURGE:-}" = 1 ]; then
    rm -rf "$root/etc/quorumdog" "$root/var/lib/quorumdog"
    if [ -z "$root" ] && getent passwd quorumdog >/dev/null; then
        userdel quorumdog
    fi
    echo "Removed quorumdog with its configuration, key and state."
else
    echo "Removed quorumdog."
    echo "Kept $root/etc/quorumdog and $root/var/lib/quorumdog (PURGE=1 removes them)."
fi
