"""Processes that are new: the numbers that were given out since the last look, and the young.

Theory: the kernel gives numbers out in turn and says the last one, so what was born since then is
in a short range that is read directly, however many processes there are.  A process may be given
another command line soon after its birth (fork, then exec or a new title), so who is young is
looked at again, and so is a number that nobody has yet: it is given before its process can be seen.
What this misses (numbers out of turn, titles changed late) a slow scan of everything finds.
"""

from typing import Final

RANGE_MAX: Final = 2_048
"""More new numbers than this are not read one by one: everything is looked at instead."""
YOUNG_MAX: Final = 512
YOUNG_MS: Final = 3_000
RESERVED: Final = 300
"""Where the kernel goes on after the highest number."""


class Newcomers:
    """Remembers the last number, and who was born a short while ago."""

    def __init__(self, newest: int, number_max: int) -> None:
        self._last = newest
        self._number_max = number_max
        self._young: dict[int, int] = {}

    def since(self, newest: int) -> range | list[int] | None:
        """Numbers given out since the last call; None when there are too many to tell."""
        first, self._last = self._last + 1, newest
        if newest >= first - 1:
            born: range | list[int] = range(first, newest + 1)
        else:
            again = range(min(RESERVED, newest), newest + 1)
            born = [*range(first, min(self._number_max, first + RANGE_MAX)), *again]
        return born if len(born) <= RANGE_MAX else None

    def young(self, now_ms: int) -> list[int]:
        """Whom to look at again, oldest first."""
        while self._young:
            pid, until_ms = next(iter(self._young.items()))
            if until_ms > now_ms:
                break
            del self._young[pid]
        return list(self._young)

    def add(self, pid: int, now_ms: int) -> None:
        """It was given out just now, or is free again."""
        self._young.pop(pid, None)
        self._young[pid] = now_ms + YOUNG_MS
        if len(self._young) > YOUNG_MAX:
            del self._young[next(iter(self._young))]
