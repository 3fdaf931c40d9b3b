"""`python -I -m lifecheck`: the lifecheck process, started by the guardian and by nobody else.

It gets the plan, a key and a socketpair to the guardian as descriptors, and whatever needs a right
that it has not (sockets for ping, the accelerators of the process watch).  Every way out is a log
line and an exit code: 0 stopped as asked, 2 cannot run with this plan, 1 anything else.
"""

import asyncio
import gc
import os
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from lifecheck import plan as plans
from lifecheck.guard_link import GuardianGoneError
from lifecheck.log import Log
from lifecheck.parts import Inherited
from lifecheck.probes import Means
from lifecheck.processes.accelerators import Accelerators
from lifecheck.runner import Runner
from watchdog.guardian_child import die_with_the_guardian, keep_secrets, read, refuse

NAME: Final = "lifecheck"
PLAN_SIZE_MAX: Final = 1 << 20
KEY_SIZE: Final = 32
TRACEBACK_SIZE_MAX: Final = 1900
EXIT_FAULT: Final = 1
EXIT_REFUSED: Final = 2
NEEDED: Final = ("plan-fd", "key-fd", "guard-fd")
OPTIONAL: Final = ("icmp-fd", "icmp6-fd", "connector-fd", "perf-fds")


class RefusedError(Exception):
    """The plan is for another version, or was let through by mistake: trying again is no use."""


def main(arguments: Sequence[str]) -> int:
    """Run lifecheck; its exit code."""
    options = read_options(arguments)
    die_with_the_guardian(NAME)
    keep_secrets()
    for descriptor in (number for numbers in options.values() for number in numbers):
        # A probe's command must not get the keys to the machine with its environment.
        os.set_inheritable(descriptor, False)
    document = read(options["plan-fd"][0], PLAN_SIZE_MAX)
    try:
        plan = plans.parse(document)
    except (ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"lifecheck: the plan does not fit: {error!r}\n")
        return EXIT_REFUSED
    log = Log(plan.node, as_json=plan.log_json)
    try:
        return serve(plan, options, log)
    finally:
        log.close()


def serve(plan: plans.Plan, options: dict[str, list[int]], log: Log) -> int:
    """Run the checks; what ends them becomes a log line, because nobody else would say it."""
    try:
        asyncio.run(_run(plan, options, log))
        return 0
    except* RefusedError as refused:
        event, why, code = "cannot_start", str(refused.exceptions[0]), EXIT_REFUSED
    except* GuardianGoneError as gone:
        event, why, code = "guardian_gone", str(gone.exceptions[0]), EXIT_FAULT
    except* Exception as error:  # noqa: BLE001 the edge: a crash is said, and ends the process
        trace = "".join(traceback.format_exception(error))
        event, why, code = "crashed", trace[-TRACEBACK_SIZE_MAX:], EXIT_FAULT
    log.error(event, why=why)
    return code


async def _run(plan: plans.Plan, options: dict[str, list[int]], log: Log) -> None:
    icmp, icmp6 = (_socket(options[name]) for name in ("icmp-fd", "icmp6-fd"))
    connector = options["connector-fd"]
    inherited = Inherited(
        read(options["key-fd"][0], KEY_SIZE),
        socket.socket(fileno=options["guard-fd"][0]),
        Means(icmp=icmp, icmp6=icmp6),
        Accelerators(plan.accelerators, connector[0] if connector else None, options["perf-fds"]),
    )
    try:
        runner = Runner(plan, inherited, log)
    except (ValueError, KeyError) as error:
        raise RefusedError(f"the plan does not fit: {error!r}") from error
    log.info("lifecheck_started", checks=len(plan.checks), method=plan.method)
    # Nothing that is here now will ever be garbage: a collection need not look at it again.
    gc.collect()
    gc.freeze()
    await runner.run()


def read_options(arguments: Sequence[str]) -> dict[str, list[int]]:
    """`--name 3` or `--name 3,4` as numbers; argparse would cost half a megabyte here."""
    found: dict[str, list[int]] = {name: [] for name in (*NEEDED, *OPTIONAL)}
    for name, value in zip(arguments[::2], arguments[1::2], strict=False):
        key = name.removeprefix("--")
        if key not in found or not all(number.isdecimal() for number in value.split(",")):
            refuse(NAME, f"unknown argument {name} {value}")
        found[key] = [int(number) for number in value.split(",")]
    missing = [name for name in NEEDED if not found[name]]
    if missing or len(arguments) % 2:
        refuse(NAME, f"started by the guardian only; missing: {', '.join(missing) or 'a value'}")
    return found


def _socket(descriptors: list[int]) -> socket.socket | None:
    return socket.socket(fileno=descriptors[0]) if descriptors else None


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # Without the interpreter's own clean-up: a thread that hangs in the kernel must not keep us.
    os._exit(code)
