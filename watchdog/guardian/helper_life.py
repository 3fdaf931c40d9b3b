"""The life of one helper process (lifecheck, web): start, back-off, and the stop.

Pure.  A helper holds nothing that a deadline depends on: it is started when the node has come up,
stays when the node restarts, and its death is only a reason to start it again, slowly when it
refuses its configuration.  Nothing here waits: an end that does not come is a SIGKILL later.
"""

from enum import Enum
from typing import Final

from watchdog.guardian.due import Due
from watchdog.instant import MS, SECOND, Instant

RESTART_MIN_NS: Final = 50 * MS
RESTART_MAX_NS: Final = 5 * SECOND
STEADY_NS: Final = 10 * SECOND
REFUSED_NS: Final = 60 * SECOND
"""Until a helper that refuses its configuration is tried again."""
STOP_NS: Final = SECOND
EXIT_REFUSED: Final = 2


class Order(Enum):
    """What to do with the helper now."""

    START = "start"
    TERMINATE = "SIGTERM"
    KILL = "SIGKILL"


class HelperLife:
    """At most one process of this helper lives."""

    def __init__(self) -> None:
        self.is_alive = False
        self._is_stopping = False
        self._is_told = False
        self._is_killed = False
        self._failures = 0
        self._born: Instant | None = None
        self._start_at: Due | None = None
        self._kill_at: Due | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was asked to stop and nothing of it lives."""
        return self._is_stopping and not self.is_alive

    @property
    def dues(self) -> list[Due]:
        """When `look` has something to do."""
        return [due for due in (self._start_at, self._kill_at) if due]

    def allow(self, now: Instant) -> None:
        """The node has come up: have it started, unless it was allowed before."""
        if self._born is None and self._start_at is None and not self._is_stopping:
            self._start_at = Due(now, 0)

    def on_started(self, now: Instant) -> None:
        """The process exists."""
        assert not self.is_alive, "two processes of one helper"
        self.is_alive, self._born = True, now
        self._is_told = self._is_killed = False

    def on_exited(self, now: Instant, code: int) -> int | None:
        """It is gone, or could not be started; nanoseconds until the next one, if there is one."""
        lived = self._born if self.is_alive else None
        was_steady = lived is not None and Due(lived, STEADY_NS).is_past(now)
        self.is_alive, self._kill_at = False, None
        self._born = now
        self._failures = 0 if was_steady else self._failures
        delay = min(RESTART_MIN_NS << min(self._failures, 16), RESTART_MAX_NS)
        self._failures += 1
        if code == EXIT_REFUSED:
            delay = REFUSED_NS
        self._start_at = None if self._is_stopping else Due(now, delay)
        return None if self._is_stopping else delay

    def condemn(self, now: Instant, grace_ns: int = 0) -> None:
        """It broke a rule: kill it unless it ends by itself; the back-off holds for the next."""
        if self.is_alive:
            self._kill_at = Due(now, grace_ns)

    def stop(self, now: Instant) -> None:
        """Start no more of them, and end the one that lives."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._start_at = None
        if self.is_alive and not self._is_killed:
            self._kill_at = self._kill_at or Due(now, STOP_NS)

    def look(self, now: Instant) -> list[Order]:
        """What is due."""
        orders: list[Order] = []
        if self._start_at and self._start_at.is_past(now):
            self._start_at = None
            orders.append(Order.START)
        if self._is_stopping and self.is_alive and not self._is_told:
            self._is_told = True
            orders.append(Order.TERMINATE)
        if self._kill_at and self._kill_at.is_past(now):
            self._kill_at, self._is_killed = None, True
            orders.append(Order.KILL)
        return orders
