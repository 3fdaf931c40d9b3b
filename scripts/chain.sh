#!/bin/sh
# Runs several hooks as one: in the order given for an escalation, backwards for a de-escalation.
#
#   escalation = ["/opt/quorumdog/share/scripts/chain.sh",
#                 "/opt/quorumdog/share/scripts/vip.sh 10.0.0.100/24 eth0",
#                 "/opt/quorumdog/share/scripts/service.sh systemd myservice"]
#
# Each argument is a command whose words are split at blanks; there is no quoting, and nothing in
# it is expanded.  An escalation stops at the first failure; a de-escalation goes on, so that as
# much as possible is off, and fails in the end.
set -euf

[ $# -ge 1 ] || {
    echo "usage: chain.sh 'COMMAND ARG...'..." >&2
    exit 2
}

event=$(cat)

one() {
    # shellcheck disable=SC2086  # splitting into words is what this is for
    printf '%s\n' "$event" | $1
}

after_first() {
    shift
    backwards "$@"
}

backwards() { # the arguments of a function are its own, so this one still has $1 afterwards
    [ $# -le 1 ] || after_first "$@"
    one "$1" || failed=$?
}

if [ "${QUORUMDOG_EVENT:-}" = de_escalation ]; then
    failed=0
    backwards "$@"
    exit "$failed"
fi
for command in "$@"; do
    one "$command"
done
