"""How often the restart action of one check may run: so many times within a window.

Pure.  Lifecheck counts too, and gives the node up when the actions are used up; this count holds
also when it does not, or when it has forgotten because it was itself started anew.
"""

from collections import deque

from watchdog.guardian.due import Due
from watchdog.instant import SECOND, Instant


class RestartLimit:
    """At most `restarts` starts within `within_ns`, and one at a time."""

    def __init__(self, restarts: int, within_ns: int) -> None:
        self._restarts = restarts
        self._within_ns = within_ns
        self._begun: deque[Instant] = deque(maxlen=max(1, restarts))
        self._is_running = False

    def fault(self, now: Instant) -> str:
        """Why it may not start now; empty when it may."""
        if self._is_running:
            return "it runs already"
        while self._begun and Due(self._begun[0], self._within_ns).is_past(now):
            self._begun.popleft()
        if len(self._begun) >= self._restarts:
            within_s = self._within_ns // SECOND
            return f"it was run {self._restarts} times within {within_s} s already"
        return ""

    def begin(self, now: Instant) -> None:
        """It starts."""
        assert not self.fault(now), "a restart beyond its limit"
        self._begun.append(now)
        self._is_running = True

    def end(self) -> None:
        """It has ended."""
        self._is_running = False
