"""What the end of a command means, by the convention that the command was written for.

Rule: a signal is never well, whatever the convention; what is not defined is not well either.
"""

import signal
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from lifecheck.probes import Outcome, words

Style = Literal["exit", "nagios", "lsb", "ocf", "heartbeat"]
RUNNING: Final = frozenset({"OK", "running"})


class Code(NamedTuple):
    """What one exit code means."""

    ok: bool
    meaning: str


CODES: Final[Mapping[str, Mapping[int, Code]]] = {
    "exit": {0: Code(True, "")},
    "nagios": {
        0: Code(True, "OK"),
        1: Code(True, "warning"),
        2: Code(False, "critical"),
        3: Code(False, "unknown"),
    },
    "lsb": {
        0: Code(True, "running"),
        1: Code(False, "dead, and its pid file exists"),
        2: Code(False, "dead, and its lock file exists"),
        3: Code(False, "not running"),
        4: Code(False, "unknown"),
    },
    "ocf": {
        0: Code(True, "running"),
        1: Code(False, "error"),
        2: Code(False, "wrong arguments"),
        3: Code(False, "not implemented"),
        4: Code(False, "no permission"),
        5: Code(False, "not installed"),
        6: Code(False, "not configured"),
        7: Code(False, "not running"),
        8: Code(True, "running in its leading role"),
        9: Code(False, "failed in its leading role"),
    },
}


def judge(style: Style, code: int, output: str) -> Outcome:
    """Return the outcome of a command that ended; a negative `code` is a signal."""
    said = words.first_line(output)
    if code < 0:
        return _outcome(False, f"ended by {_signal(-code)}", "", said)
    if style == "heartbeat":
        found = RUNNING.intersection(line.strip() for line in output.splitlines())
        meaning = f"said {min(found)}" if found else "said neither OK nor running on a line"
        return _outcome(bool(found), f"exit code {code}", meaning, "" if found else said)
    row = CODES[style].get(code, Code(False, "" if style == "exit" else "not a code of " + style))
    return _outcome(row.ok, f"exit code {code}", row.meaning, said)


def _outcome(ok: bool, end: str, meaning: str, said: str) -> Outcome:
    head = f"{end} ({meaning})" if meaning else end
    return Outcome(ok, words.clean(f"{head}: {said}" if said else head))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
