#!/bin/sh
# Usage: [DESTDIR=/stage] install.sh PYTHON VENV   (`make install` calls it from the checkout)
# Installs or upgrades: code in /opt/quorumdog, the command, the unit, the user, the folders.
# An existing configuration is never touched.  With DESTDIR nothing outside it is changed.
set -eu
umask 022

python=$("$1" -c 'import os, sys; print(os.path.realpath(sys._base_executable))')
venv=$2
root=${DESTDIR:-}
home=/opt/quorumdog
new=$root$home.new

if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
    echo "make install writes to /opt, /usr and /etc:" >&2
    echo "    run it as root, or with DESTDIR=/some/stage" >&2
    exit 1
fi

# The node process is to run as a user of its own, which a Python in /root would keep from starting.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null &&
    ! setpriv --reuid=65534 --regid=65534 --clear-groups "$python" -c '' 2>/dev/null; then
    echo "warning: other users cannot run $python," >&2
    echo "    so the node process would run as root (event=privileges_kept)." >&2
    echo "    do: make install PYTHON=/usr/bin/python3, or another one that everybody may run" >&2
fi

work=$(mktemp -d)
trap 'rm -rf "$work" "$new"' EXIT
trap 'exit 1' INT TERM

echo "Building"
mkdir "$work/source"
cp -R watchdog ipc lifecheck pyproject.toml README.md LICENSE "$work/source/"
find "$work/source" -name __pycache__ -prune -exec rm -rf {} +
pip="$venv/bin/python -m pip --disable-pip-version-check"
$pip wheel -q --no-deps --no-build-isolation -w "$work" "$work/source"

echo "Installing into $root$home"
rm -rf "$new"
mkdir -p "$(dirname "$new")"
"$python" -m venv --without-pip "$new"
$pip --python "$new/bin/python" install -q --no-compile --require-hashes -r requirements.lock
$pip --python "$new/bin/python" install -q --no-compile --no-deps --no-index "$work"/quorumdog-*.whl
mkdir -p "$new/libexec" "$new/share/scripts" "$new/share/systemd"
install -m 0644 packaging/clear_vips.py "$new/libexec/"
install -m 0644 sample.conf LICENSE ./*.md "$new/share/"
install -m 0644 packaging/dropins/*.conf "$new/share/systemd/"
mkdir -p "$new/share/docs/adr"
install -m 0644 docs/*.md "$new/share/docs/"
install -m 0644 docs/adr/*.md "$new/share/docs/adr/"
for file in scripts/*; do
    if [ -f "$file" ]; then cp -p "$file" "$new/share/scripts/"; fi
done
# Isolated, so that no PYTHONPATH or user site can put another `watchdog` before ours.
sed -i '1s|python[0-9.]*$|& -I|' "$new/bin/quorumdog"
# Everything was written for the name of the stage; say the final one.
grep -rlIF "$new" "$new/bin" "$new/pyvenv.cfg" | while IFS= read -r file; do
    sed -i "s|$new|$home|g" "$file"
done
"$python" -m compileall -q -s "$new" -p "$home" "$new/lib" >/dev/null
rm -rf "$root$home.old"
[ ! -e "$root$home" ] || mv "$root$home" "$root$home.old"
mv "$new" "$root$home"
rm -rf "$root$home.old"

install -d "$root/usr/local/bin" "$root/usr/lib/systemd/system" "$root/usr/lib/sysusers.d" \
    "$root/usr/lib/tmpfiles.d"
ln -sfn "$home/bin/quorumdog" "$root/usr/local/bin/quorumdog"
install -m 0644 packaging/*.service "$root/usr/lib/systemd/system/"
install -m 0644 packaging/sysusers.conf "$root/usr/lib/sysusers.d/quorumdog.conf"
install -m 0644 packaging/tmpfiles.conf "$root/usr/lib/tmpfiles.d/quorumdog.conf"
install -d -m 0750 "$root/etc/quorumdog"
install -d -m 0700 "$root/var/lib/quorumdog"
if [ -z "$root" ]; then
    if ! getent passwd quorumdog >/dev/null; then
        useradd --system --user-group --home-dir /var/lib/quorumdog --no-create-home \
            --shell /usr/sbin/nologin --comment "quorumdog node process" quorumdog
    fi
    chown root:quorumdog /etc/quorumdog
    # Not what is in it: the guardian trusts its own files there only while they are root's.
    chown quorumdog:quorumdog /var/lib/quorumdog
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
fi

echo "Installed $("$root$home/bin/python" -I -c \
    'import watchdog; print("quorumdog", watchdog.__version__)'). Next:"
if [ -n "$root" ]; then
    echo "    move $root to its machine; there: systemd-sysusers && systemd-tmpfiles --create"
else
    if [ -e /etc/quorumdog/quorumdog.conf ]; then
        echo "    systemctl restart quorumdog    (one node after the other, standbys first)"
    else
        echo "    quorumdog init --help    (or copy $home/share/sample.conf to /etc/quorumdog)"
        echo "    quorumdog check && systemctl enable --now quorumdog"
    fi
fi
