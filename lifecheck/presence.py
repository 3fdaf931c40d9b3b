"""From the processes that are there to outcomes of a process probe. Pure.

A process that has begun to exit counts as gone, as soon as that leaves too few.  With `absent_for`
a supervisor may start it again first: an absence fails only when it has lasted so long.
"""

from typing import NamedTuple


class Judgement(NamedTuple):
    """An outcome now, or (None) nothing before `due_ms`, when to look again."""

    ok: bool | None
    due_ms: int | None


class Presence:
    """Whether enough processes are there, and since when not."""

    def __init__(self, min_count: int, absent_for_ms: int) -> None:
        self._min_count = min_count
        self._absent_for_ms = absent_for_ms
        self._absent_since_ms: int | None = None

    def saw(self, now_ms: int, alive: int, exiting: int) -> Judgement:
        """Judge `alive` processes, `exiting` of which have begun to exit."""
        if alive - exiting >= self._min_count:
            self._absent_since_ms = None
            return Judgement(ok=True, due_ms=None)
        if self._absent_since_ms is None:
            self._absent_since_ms = now_ms
        due_ms = self._absent_since_ms + self._absent_for_ms
        return Judgement(ok=False, due_ms=None) if now_ms >= due_ms else Judgement(None, due_ms)
