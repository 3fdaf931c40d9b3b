"""`python -m tests.nemesis.skewed FILE run ...`: the shipped `quorumdog run`, another wall clock.

FILE says how far the wall clock of the node process and lifecheck is off (`+3600`), and is read
again all the time, so that writing to it makes the clock jump (libfaketime).  Monotonic clocks are
left alone; so is the machine's own clock.  The guardian takes no part: the library would bend its
timers too, whatever their clock.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

LIBRARIES: Final = Path("/usr/lib")
NAME: Final = "libfaketime.so.1"


def library() -> str:
    """Where libfaketime is."""
    found = next(iter(sorted(LIBRARIES.glob(f"*/faketime/{NAME}"))), None)
    if found is None:
        raise SystemExit(f"{NAME} is not installed: packaging/prerequisites.sh installs it")
    return str(found)


def environment(file: str) -> dict[str, str]:
    """What makes a process believe another wall clock."""
    return {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": file,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def become_guardian(plan: Mapping[str, Any]) -> None:
    """Like the shipped one, but for what its children inherit."""
    from watchdog.guardian.main import run

    descriptor = os.memfd_create("plan", 0)
    os.write(descriptor, json.dumps(plan).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    sys.exit(run(descriptor))


def main() -> None:
    """`quorumdog`, but for the environment of what its guardian starts."""
    from watchdog.cli import main as quorumdog
    from watchdog.cli import run as verb
    from watchdog.guardian import children

    verb.become_guardian = become_guardian  # type: ignore[assignment]
    children.ENVIRONMENT.update(environment(sys.argv[1]))
    sys.argv = [sys.argv[0], *sys.argv[2:]]
    quorumdog()


if __name__ == "__main__":
    main()
