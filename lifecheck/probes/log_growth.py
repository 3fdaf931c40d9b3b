"""Probe `log_growth`: a log is still being written to.

Rule: growing means more bytes than at the look before, in the same file; a new file or an
emptied one starts from nothing, so rotating a log is no sign of life and no sign of death.
"""

import os
import stat
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from lifecheck.probes import Outcome, words
from lifecheck.probes.offload import HangingError, Offload


class Sight(NamedTuple):
    """What one look at the file saw."""

    identity: tuple[int, int]
    """Device and inode."""
    size: int


class Growth:
    """Remembers when a file has last grown; pure."""

    def __init__(self, path: str, within_ms: int) -> None:
        self._path, self._within_ms = path, within_ms
        self._last: Sight | None = None
        self._grew_ms = 0.0

    def look(self, now_ms: float, sight: Sight | None) -> Outcome:
        """Return the outcome of a look; None: there is no file."""
        if self._last is None:
            if sight is None:
                return Outcome(False, words.clean(f"{self._path} does not exist"))
            self._grew_ms = now_ms  # nothing is known yet: the first period starts here
        elif sight is not None:
            same = sight.identity == self._last.identity and sight.size >= self._last.size
            if sight.size > (self._last.size if same else 0):
                self._grew_ms = now_ms
        gone = sight is None
        self._last = sight or Sight((0, 0), 0)
        silent_ms = now_ms - self._grew_ms
        ok = silent_ms <= self._within_ms
        state = "does not exist" if gone else f"has {self._last.size} bytes"
        text = f"{self._path} {state}, last growth seen {silent_ms / 1000:.1f} s ago"
        allowed = "" if ok else f", {self._within_ms / 1000:g} s allowed"
        return Outcome(ok, words.clean(text + allowed))


class LogGrowthProbe:
    """Looks at the size of one file."""

    def __init__(self, path: str, within_ms: int) -> None:
        self.doing = f"looking at {words.clean(path, 100)}"
        self._path = path
        self._growth = Growth(path, within_ms)
        self._offload: Offload[Sight | None] = Offload(self.doing)

    async def run(self) -> Outcome:
        """Look once."""
        try:
            sight = await self._offload.call(lambda: look(self._path))
        except HangingError as error:
            return Outcome(False, str(error))
        except OSError as error:
            return Outcome(False, words.fault(error, self._path))
        except ValueError as error:
            return Outcome(False, words.clean(f"{self._path}: {error}"))
        return self._growth.look(time.monotonic() * 1000, sight)

    def close(self) -> None:
        """Nothing is kept."""


def look(path: str) -> Sight | None:
    """Return what a file is; ValueError when it is no file."""
    try:
        seen = os.stat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(seen.st_mode):
        raise ValueError("not a regular file")
    return Sight((seen.st_dev, seen.st_ino), seen.st_size)


def make(options: Mapping[str, Any]) -> LogGrowthProbe:
    """Options: path, within_ms."""
    return LogGrowthProbe(options["path"], options["within_ms"])
