"""The rounds that were opened, each with the instant of its opening: a lease counts from no other.

Pure. A deadline may only be moved by grants for a round that was opened here *before* it was
sent; that is what ties an Extend to the clock of this machine (docs/election.md, I6 and G1).
"""

from typing import Final

from watchdog.instant import Instant, elapsed_lo

ROUNDS_MAX: Final = 64


class Rounds:
    """The newest ROUNDS_MAX openings."""

    def __init__(self) -> None:
        self._opened: dict[tuple[int, int], Instant] = {}

    def open(self, no: int, number: int, now: Instant) -> None:
        """Note that round `number` of tenure `no` opens now; the oldest gives way."""
        self._opened.pop((no, number), None)
        self._opened[no, number] = now
        if len(self._opened) > ROUNDS_MAX:
            del self._opened[next(iter(self._opened))]

    def fault(self, no: int, number: int, s: Instant) -> str:
        """Why a lease cannot count from `s` as the sending of that round; empty when it can."""
        opened = self._opened.get((no, number))
        if opened is None:
            return "round was not opened"
        if elapsed_lo(s, opened) < 0:
            return "round was opened after it was sent"
        return ""

    def forget(self) -> None:
        """Close all: no lease may count from anything that was sent until now."""
        self._opened.clear()

    def __len__(self) -> int:
        return len(self._opened)
