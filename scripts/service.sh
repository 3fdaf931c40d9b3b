#!/bin/sh
# Starts or stops a service, as escalation and de-escalation hook.
#
#   service.sh systemd UNIT...                 systemctl start / stop
#   service.sh run PIDFILE COMMAND [ARG]...    the command in the background, by its pid
#
# With `run`, the pid file holds the pid and the start time, so that another process that got the
# same number is never taken for the service.  Stopping is SIGTERM, and SIGKILL when half of the
# hook's time is over.  Running it twice does no harm.
set -eu

usage() {
    echo "usage: service.sh systemd UNIT... | service.sh run PIDFILE COMMAND [ARG]..." >&2
    exit 2
}

started() { # started PID: its start time; nothing when there is no such process, or a zombie
    sed -n 's/.*) \([^Z]\) /\1 /p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

running() { # running PIDFILE: sets pid
    pid='' start=''
    [ -r "$1" ] && read -r pid start < "$1" || return 1
    [ -n "$pid" ] && [ -n "$start" ] && [ "$(started "$pid")" = "$start" ]
}

run_start() {
    file=$1
    shift
    running "$file" && return 0
    "$@" < /dev/null > /dev/null 2>&1 &
    pid=$!
    echo "$pid $(started "$pid")" > "$file"
    # A command that cannot be run at all is gone by now: say so.
    sleep 0.05
    running "$file" || {
        echo "service.sh: $1 ended at once" >&2
        exit 1
    }
}

run_stop() {
    running "$1" || {
        rm -f "$1"
        return 0
    }
    kill -TERM "$pid" 2> /dev/null || true
    steps=$((${QUORUMDOG_DEADLINE_MS:-500} / 2 / 20))
    while running "$1" && [ "$steps" -gt 0 ]; do
        sleep 0.02
        steps=$((steps - 1))
    done
    ! running "$1" || kill -KILL "$pid" 2> /dev/null || true
    steps=10
    while running "$1" && [ "$steps" -gt 0 ]; do
        sleep 0.01
        steps=$((steps - 1))
    done
    ! running "$1" && rm -f "$1"
}

[ $# -ge 2 ] || usage
kind=$1
shift
case $kind:${QUORUMDOG_EVENT:-} in
    systemd:escalation) systemctl start "$@" ;;
    systemd:de_escalation) systemctl stop "$@" ;;
    run:escalation)
        [ $# -ge 2 ] || usage
        run_start "$@"
        ;;
    run:de_escalation) run_stop "$1" ;;
    systemd:* | run:*)
        echo "service.sh: QUORUMDOG_EVENT is '${QUORUMDOG_EVENT:-}'; it is a hook for escalation" \
            "and de_escalation" >&2
        exit 2
        ;;
    *) usage ;;
esac
