"""One timer for things that are due again and again: never more calls in the loop than needed.

Rule: the loop cannot take a call back, so nothing is armed that a call in the loop would do.
"""

from collections.abc import Callable
from typing import Final

from watchdog.guardian import clock
from watchdog.guardian.due import Due
from watchdog.guardian.loop import Loop
from watchdog.instant import MS

EARLY_NS: Final = MS
"""A call this much later than due is as good as in time."""


class Wakes:
    """Calls `look` when the earliest of `dues()` has come, or a little later."""

    def __init__(self, loop: Loop, dues: Callable[[], list[Due]], look: Callable[[], None]) -> None:
        self._loop = loop
        self._dues = dues
        self._look = look
        self._armed: list[int] = []

    def arm(self) -> None:
        """Look at the dues again; call it whenever they may have changed."""
        now = clock.now()
        dues = self._dues()
        if not dues:
            return
        left = max(0, min(due.left_ns(now) for due in dues)) + EARLY_NS
        at_ns = now.boot_ns + left
        if self._armed and min(self._armed) <= at_ns:
            return
        self._armed.append(at_ns)
        self._loop.call_in(left, lambda: self._fire(at_ns))

    def _fire(self, at_ns: int) -> None:
        self._armed.remove(at_ns)
        self._look()
        self.arm()
