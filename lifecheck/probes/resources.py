"""Probes `load`, `memory` and `disk`: a figure of this machine is not too high.

Rule: hysteresis.  Above the limit fails; once failed, only at or below `clear` is well again, so
that a figure that hovers at the limit does not move the service to and fro.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from lifecheck.probes import Outcome, words
from lifecheck.probes.offload import HangingError, Offload

MEMINFO: Final = "/proc/meminfo"


class Limit:
    """A limit with hysteresis."""

    def __init__(self, maximum: float, clear: float) -> None:
        self._maximum, self._clear = maximum, clear
        self._failed = False

    def judge(self, value: float, text: str) -> Outcome:
        """Return the outcome for the next figure; `text` says what it is."""
        bound = self._clear if self._failed else self._maximum
        again = "again well at" if self._failed else "at most"
        self._failed = value > bound
        return Outcome(not self._failed, words.clean(f"{text}, {again} {bound:g}"))


class FigureProbe:
    """Reads one figure, off the loop, and holds it against its limit."""

    def __init__(self, doing: str, limit: Limit, read: Callable[[], tuple[float, str]]) -> None:
        self.doing = doing
        self._limit, self._read = limit, read
        self._offload: Offload[tuple[float, str]] = Offload(doing)

    async def run(self) -> Outcome:
        """Look once."""
        try:
            value, text = await self._offload.call(self._read)
        except HangingError as error:
            return Outcome(False, str(error))
        except OSError as error:
            return Outcome(False, words.fault(error, self.doing.removeprefix("looking at ")))
        except ValueError as error:
            return Outcome(False, words.clean(f"{self.doing}: {error}"))
        return self._limit.judge(value, text)

    def close(self) -> None:
        """Nothing is kept."""


def memory_used_percent(meminfo: str) -> float:
    """Return how much of the memory nobody could have without swapping, from /proc/meminfo."""
    rows = {row[0]: row[1] for row in map(str.split, meminfo.splitlines()) if len(row) > 1}
    try:
        total, available = int(rows["MemTotal:"]), int(rows["MemAvailable:"])
    except KeyError as error:
        raise ValueError(f"no {error} there") from None
    return 100 * (1 - available / total) if total else 100.0


def disk_used_percent(blocks: int, free: int, available: int) -> int:
    """Return what df prints: used of what users may have, rounded up."""
    used = blocks - free
    if used + available <= 0:
        raise ValueError("a file system without a size")
    return -(-100 * used // (used + available))


def _load() -> tuple[float, str]:
    load = os.getloadavg()[0]
    return load, f"load {load:.2f}"


def _memory() -> tuple[float, str]:
    with open(MEMINFO, encoding="ascii") as file:
        percent = memory_used_percent(file.read(65536))
    return percent, f"memory {percent:.1f} % used"


def _disk(path: str) -> tuple[float, str]:
    seen = os.statvfs(path)
    percent = disk_used_percent(seen.f_blocks, seen.f_bfree, seen.f_bavail)
    return percent, f"{path} {percent} % used"


def _make_load(options: Mapping[str, Any]) -> FigureProbe:
    limit = Limit(options["max"], _clear(options, "clear", "max"))
    return FigureProbe("reading the load", limit, _load)


def _make_memory(options: Mapping[str, Any]) -> FigureProbe:
    limit = Limit(options["max_percent"], _clear(options, "clear_percent", "max_percent"))
    return FigureProbe(f"reading {MEMINFO}", limit, _memory)


def _make_disk(options: Mapping[str, Any]) -> FigureProbe:
    path: str = options["path"]
    limit = Limit(options["max_percent"], _clear(options, "clear_percent", "max_percent"))
    return FigureProbe(f"looking at {words.clean(path, 100)}", limit, lambda: _disk(path))


def _clear(options: Mapping[str, Any], key: str, instead: str) -> float:
    value = options.get(key)
    return float(options[instead] if value is None else value)


MAKERS: Final = {"load": _make_load, "memory": _make_memory, "disk": _make_disk}
