"""`python -I -m watchdog.web`: the health port, started by the guardian and by nobody else.

It gets the plan as a descriptor and nothing else.  Exit codes: 0 ended by SIGTERM, 2 cannot run
as configured, 1 a fault of ours; each with a log line.
"""

import argparse
import asyncio
import logging
import os
import resource
import traceback
from typing import Final

from watchdog.guardian_child import die_with_the_guardian, keep_secrets, read
from watchdog.web import plan as plans
from watchdog.web.log import Log
from watchdog.web.run import START_FAULTS, run

NAME: Final = "watchdog.web"
PLAN_SIZE_MAX: Final = 1 << 20
TRACEBACK_SIZE_MAX: Final = 1900
EXIT_FAULT: Final = 1
EXIT_REFUSED: Final = 2
MEMORY_MAX: Final = 192 << 20
"""Bytes of data; hundreds of clients that send as much as they may must not use up the machine."""


def main() -> int:
    """Run the health port; its exit code."""
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("--plan-fd", type=int, required=True)
    options = parser.parse_args()
    die_with_the_guardian(NAME)
    keep_secrets()
    limit_memory()
    plan = plans.parse(read(options.plan_fd, PLAN_SIZE_MAX))
    return serve(plan, Log(plan.node, as_json=plan.log_json))


def serve(plan: plans.WebPlan, log: Log) -> int:
    """Run it; what it raises becomes a log line, because nobody else would say it."""
    try:
        asyncio.run(run(plan, log))
        return 0
    except START_FAULTS as fault:
        event, why, code = "web_cannot_start", str(fault), EXIT_REFUSED
    except Exception as error:  # noqa: BLE001 the edge: a crash is said, and ends the process
        why = "".join(traceback.format_exception(error))[-TRACEBACK_SIZE_MAX:]
        event, code = "web_crashed", EXIT_FAULT
    log.error(event, why=why)
    return code


def limit_memory() -> None:
    """Let an allocation beyond MEMORY_MAX fail: it costs a connection, or this process."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = MEMORY_MAX if hard == resource.RLIM_INFINITY else min(MEMORY_MAX, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    logging.raiseExceptions = False  # a log that cannot be written ends nothing
    # Without the interpreter's own clean-up: nothing here needs any.
    os._exit(main())
