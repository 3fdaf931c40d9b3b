"""Processes that are new: the numbers that were given out since the last look, and the young.

Theory: the kernel gives numbers out in turn and says the last one, so what was born since then is
in a short range that is read directly, however many processes there are.  A process may be given
another command line soon after its birth (fork, then exec or a new title), so who is young is
looked at again, and so, for a moment, is a number that nobody has: it is given before its process
can be seen.  What this misses (numbers out of turn, titles changed late) a slow scan finds.
"""

import itertools
from typing import Final

RANGE_MAX: Final = 2_048
"""More new numbers than this are not read one by one: everything is looked at instead."""
YOUNG_MAX: Final = 512
YOUNG_MS: Final = 3_000
UNBORN_MAX: Final = 64
UNBORN_MS: Final = 100
RESERVED: Final = 300
"""Where the kernel goes on after the highest number."""


class Newcomers:
    """Remembers the last number, and who was born a short while ago."""

    def __init__(self, newest: int, number_max: int) -> None:
        self._last = newest
        self._number_max = number_max
        self._young: dict[int, int] = {}
        self._unborn: dict[int, int] = {}

    def since(self, newest: int) -> range | list[int] | None:
        """Numbers given out since the last call; None when there are too many to tell."""
        first, self._last = self._last + 1, newest
        if newest >= first - 1:
            born: range | list[int] = range(first, newest + 1)
        else:
            again = range(min(RESERVED, newest), newest + 1)
            born = [*range(first, min(self._number_max, first + RANGE_MAX)), *again]
        return born if len(born) <= RANGE_MAX else None

    def again(self, now_ms: int, at_most: int = YOUNG_MAX) -> list[int]:
        """Whom to look at again, the newest first, at most so many of each kind."""
        _expire(self._young, now_ms)
        _expire(self._unborn, now_ms)
        newest = (itertools.islice(reversed(t), at_most) for t in (self._young, self._unborn))
        return [pid for table in newest for pid in table]

    def add(self, pid: int, now_ms: int) -> None:
        """It was seen for the first time, or ended and left its number to somebody."""
        _put(self._young, pid, now_ms + YOUNG_MS, YOUNG_MAX)

    def expect(self, pid: int, now_ms: int) -> None:
        """The number was given out and nobody has it: not yet, or not any more."""
        _put(self._unborn, pid, now_ms + UNBORN_MS, UNBORN_MAX)


def _put(table: dict[int, int], pid: int, until_ms: int, at_most: int) -> None:
    table.pop(pid, None)
    table[pid] = until_ms
    if len(table) > at_most:
        del table[next(iter(table))]


def _expire(table: dict[int, int], now_ms: int) -> None:
    """Entries are in the order of their time."""
    while table and table[oldest := next(iter(table))] <= now_ms:
        del table[oldest]
