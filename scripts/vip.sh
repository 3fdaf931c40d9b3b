#!/bin/sh
# Adds or removes addresses by ip(8), as escalation and de-escalation hook, for sites that do not
# want quorumdog to hold the VIP itself (no [vip] table).
#
#   escalation    = ["/opt/quorumdog/share/scripts/vip.sh", "10.0.0.100/24", "eth0"]
#   de_escalation = ["/opt/quorumdog/share/scripts/vip.sh", "10.0.0.100/24", "eth0"]
#
# Any number of ADDRESS/PREFIX INTERFACE pairs.  Running it twice does no harm.
set -eu

usage() {
    echo "usage: vip.sh ADDRESS/PREFIX INTERFACE [ADDRESS/PREFIX INTERFACE]..." >&2
    exit 2
}

has() { # has ADDRESS/PREFIX INTERFACE
    [ -n "$(ip -o address show dev "$2" to "${1%/*}" 2>/dev/null)" ]
}

add() {
    has "$1" "$2" && return 0
    case $1 in
        *:*) ip address add "$1" dev "$2" nodad ;;
        *) ip address add "$1" dev "$2" ;;
    esac
}

announce() { # in the background: arping waits for answers, and nobody needs to wait for it
    case $1 in
        *:*) ;;
        *)
            if command -v arping > /dev/null 2>&1; then
                arping -q -U -c 3 -I "$2" "${1%/*}" > /dev/null 2>&1 &
            fi
            ;;
    esac
}

remove() {
    ! has "$1" "$2" || ip address del "$1" dev "$2"
    # Off means off: a second look, so that a failure is told by the exit code.
    ! has "$1" "$2"
}

if [ $# -lt 2 ] || [ $(($# % 2)) -ne 0 ]; then
    usage
fi
while [ $# -gt 0 ]; do
    case ${QUORUMDOG_EVENT:-} in
        escalation)
            add "$1" "$2"
            announce "$1" "$2"
            ;;
        de_escalation) remove "$1" "$2" ;;
        *)
            echo "vip.sh: QUORUMDOG_EVENT is '${QUORUMDOG_EVENT:-}'; it is a hook for escalation" \
                "and de_escalation" >&2
            exit 2
            ;;
    esac
    shift 2
done
