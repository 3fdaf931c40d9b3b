"""`python -I -m watchdog.shell`: the node process, started by the guardian and by nobody else.

It gets a socketpair to the guardian, the plan and the authkey as descriptors.  Every way out is a
log line and an exit code: 0 stopped as asked, 2 cannot start as things are (the guardian then ends
too, because trying again changes nothing), 1 anything else (it goes off and starts another).
"""

import argparse
import asyncio
import os
import socket
import sys
import traceback
from typing import Final

from watchdog.guardian_child import (
    die_with_the_guardian,
    keep_secrets,
    lock_memory,
    read,
    refuse,
)
from watchdog.shell import plan as plans
from watchdog.shell.daemon import START_FAULTS, Daemon, Means
from watchdog.shell.log import Log
from watchdog.shell.secret import Secret

NAME: Final = "watchdog.shell"
PLAN_SIZE_MAX: Final = 1 << 20
KEY_SIZE_MAX: Final = 4096
TRACEBACK_SIZE_MAX: Final = 1900
EXIT_FAULT: Final = 1
EXIT_REFUSED: Final = 2


def main() -> int:
    """Run the node process; its exit code."""
    if sys.flags.optimize:
        why = "python -O removes the checks that keep two nodes from being on: start without it"
        refuse(NAME, why)
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    for name in ("guard", "plan", "key"):
        parser.add_argument(f"--{name}-fd", type=int, required=True)
    options = parser.parse_args()
    die_with_the_guardian(NAME)
    keep_secrets()
    plan = plans.parse(read(options.plan_fd, PLAN_SIZE_MAX))
    log = Log(plan.node, as_json=plan.log_json)
    if not lock_memory():
        log.info(
            "memory_not_locked", why="grant CAP_IPC_LOCK; beacons may be late when it is short"
        )
    guard = socket.socket(fileno=options.guard_fd)
    try:
        return serve(Means(plan, Secret(read(options.key_fd, KEY_SIZE_MAX)), guard), log)
    finally:
        log.close()
        # Closed by the kernel when this process is gone: the guardian kills who closes it before.
        guard.detach()


def serve(means: Means, log: Log) -> int:
    """Run the daemon; what it raises becomes a log line, because nobody else would say it."""
    try:
        return asyncio.run(Daemon(means, log).run())
    except START_FAULTS as fault:
        event, why, code = "cannot_start", str(fault), EXIT_REFUSED
    except Exception as error:  # noqa: BLE001 the edge: a crash is said, and ends the process
        why = "".join(traceback.format_exception(error))[-TRACEBACK_SIZE_MAX:]
        event, code = "crashed", EXIT_FAULT
    log.error(event, why=why)
    return code


if __name__ == "__main__":
    # Without the interpreter's own clean-up: the guardian acts when this process is gone.
    os._exit(main())
