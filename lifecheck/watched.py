"""A process probe: what the watch sees, as outcomes of its check.

It has no pace of its own.  An outcome that the watch calls out is judged in the same call; a timer
is set only for what waits: an absence that may still end (`absent_for`), a verdict that needs more
than one outcome (`fails`, `rises`, `start_delay`).
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from lifecheck import clock
from lifecheck.check import Check
from lifecheck.presence import Presence
from lifecheck.probes import Outcome


class Sight(Protocol):
    """What the watch knows of the processes of one rule (lifecheck/processes/watch.py)."""

    @property
    def alive(self) -> int:
        """Matching processes that still exist."""

    @property
    def early(self) -> int:
        """Those of them that have begun to exit."""

    @property
    def detail(self) -> str:
        """What was seen, in one line."""


class Watched:
    """One process probe of one check."""

    def __init__(
        self,
        check: Check,
        index: int,
        sight: Callable[[], Sight | None],
        took: Callable[[Outcome], int],
    ) -> None:
        options = check.plan.probes[index].options
        self._check = check
        self._detector = check.detectors[index]
        self._sight = sight
        self._took = took
        self._presence = Presence(options["min_count"], options["absent_for_ms"])
        # A restart while the old process still holds its port would only fail.
        self._is_hasty = check.plan.on_fail.kind != "restart"
        self._timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """Judge what is there now; nothing before the first look of the watch, or when held."""
        self.hold()
        if not self._check.is_counting or (seen := self._sight()) is None:
            return
        now_ms = clock.now_ms()
        judgement = self._presence.saw(now_ms, seen.alive, seen.early if self._is_hasty else 0)
        if judgement.ok is not None:
            pause_ms = self._took(Outcome(judgement.ok, seen.detail))
            # The check may have been held by what its outcome led to: a restart is under way.
            if not self._detector.is_settled and self._check.is_counting:
                self._look_again(pause_ms)
        elif judgement.due_ms is not None:
            self._look_again(judgement.due_ms - now_ms)

    def hold(self) -> None:
        """Wait for nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self, pause_ms: int) -> None:
        self._timer = asyncio.get_running_loop().call_later(pause_ms / 1000, self.look)
