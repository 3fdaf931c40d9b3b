#!/bin/sh
# Usage: prerequisites.sh PYTHON GROUP...   (GROUP: venv, check, network, system, peers)
# Looks for the system packages of each group.  What is missing is installed when we are root on a
# Debian-like system, saying which; otherwise the one line to type is printed and we fail.
set -eu

python=$1
shift
missing=

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

for group in "$@"; do
    case $group in
    venv)
        if ! command -v "$python" >/dev/null 2>&1; then
            missing="$missing python3 python3-venv"
        elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            missing="$missing python3-venv"
        fi
        ;;
    check)
        need shellcheck shellcheck
        ;;
    network)
        need ip iproute2
        need nft nftables
        ;;
    system)
        need arping iputils-arping
        need unshare util-linux
        need systemd-analyze systemd
        need ping iputils-ping
        need ps procps
        # What the nemesis breaks disks and wall clocks with.
        need mkfs.ext4 e2fsprogs
        need mount mount
        set -- /usr/lib/*/faketime/libfaketime.so.1
        [ -e "$1" ] || missing="$missing libfaketime"
        # What lifecheck, the control socket and the health port are tried against.
        need /usr/sbin/wd_cli pgpool2
        need /usr/sbin/nginx nginx
        need redis-server redis-server
        need haproxy haproxy
        need promtool prometheus
        set -- /usr/lib/postgresql/*/bin/postgres
        [ -x "$1" ] || missing="$missing postgresql"
        ;;
    peers)
        # What `make bench` compares us with; nothing else needs them.
        need /usr/sbin/keepalived keepalived
        need /usr/sbin/corosync corosync
        need /usr/sbin/pacemakerd pacemaker
        need /usr/sbin/crm_mon pacemaker-cli-utils
        need /usr/lib/ocf/resource.d/heartbeat/IPaddr2 resource-agents
        need /usr/sbin/pgpool pgpool2
        ;;
    *)
        echo "prerequisites.sh: unknown group: $group" >&2
        exit 2
        ;;
    esac
done

if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # a list of words
    set -- $missing
    if [ "$(id -u)" -ne 0 ]; then
        echo "Missing system packages. Type this, then try again:" >&2
        echo "    sudo apt install $*" >&2
        exit 1
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing on this system (names are Debian's): $*. Install them, then try again." >&2
        exit 1
    fi
    echo "Installing system packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        # The tests start what they need themselves: no server shall run here because of us.
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    case " $* " in *" pacemaker "*) set -- "$@" logd ;; esac # it brings that
    for unit in keepalived corosync pacemaker logd; do
        # Nor at the next boot: these were installed for a comparison only.
        case " $* " in
        *" $unit "*) systemctl disable --no-reload "$unit" >/dev/null 2>&1 || true ;;
        esac
    done
fi

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$python is $("$python" -V 2>&1); quorumdog needs Python 3.11 or newer." >&2
    echo "Install one, then: make PYTHON=python3.12 ..." >&2
    exit 1
fi
