"""The file of raw observations: one JSON object a line, appended by every process of the demo.

Rule: whoever sees something writes it with the time at which it was seen (`t`, nanoseconds of
CLOCK_BOOTTIME, the same in every namespace) and nothing that was concluded.  Figures come later,
from this file alone (timeline.py).  A line is written by one write() to an O_APPEND descriptor,
so lines of different processes never mix.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def now_ns() -> int:
    """The time that all observers share."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Journal:
    """Appends to the file of observations; made by the first who opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o644)

    def write(self, kind: str, t: int | None = None, **fields: object) -> None:
        """Append one observation, seen now unless `t` says when."""
        self.write_all([{"t": now_ns() if t is None else t, "kind": kind, **fields}])

    def write_all(self, observations: Iterable[Mapping[str, object]]) -> None:
        """Append several at once."""
        lines = [json.dumps(one, separators=(",", ":")) + "\n" for one in observations]
        if lines:
            os.write(self._fd, "".join(lines).encode())

    def close(self) -> None:
        """No more is written."""
        os.close(self._fd)


def read(path: Path) -> list[dict[str, Any]]:
    """Every observation in the order of its time; ValueError when a line is no JSON."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda one: int(one["t"]))
