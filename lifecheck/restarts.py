"""How often a check may have its service started again before it gives up. Pure.

At most `limit` restarts within `within_ms`; one more that would be needed is a release instead.
Having given up lasts until the check is UP, armed anew or reset: a service that four restarts did
not help must not come back just because the window has moved on.
"""

from collections import deque


class Restarts:
    """The restart window of one check."""

    def __init__(self, limit: int, within_ms: int) -> None:
        self.limit = limit
        self.within_ms = within_ms
        self.ticket: int | None = None
        """The restart that runs now."""
        self.has_given_up = limit == 0
        self.note = ""
        """How the last restart ended, if badly."""
        self._started_ms: deque[int] = deque()

    @property
    def count(self) -> int:
        """Restarts within the window, as of the last question."""
        return len(self._started_ms)

    def is_due(self, now_ms: int) -> bool:
        """Whether the service, which is DOWN, shall be restarted now."""
        if self.ticket is not None or self.has_given_up:
            return False
        while self._started_ms and self._started_ms[0] <= now_ms - self.within_ms:
            self._started_ms.popleft()
        self.has_given_up = len(self._started_ms) >= self.limit
        return not self.has_given_up

    def started(self, now_ms: int, ticket: int) -> None:
        """Restart `ticket` runs."""
        self.ticket = ticket
        self._started_ms.append(now_ms)

    def ended(self, ticket: int, *, ok: bool, detail: str) -> bool:
        """Whether that was the restart that we wait for."""
        if ticket != self.ticket:
            return False
        self.ticket = None
        self.note = "" if ok else f"restart failed: {detail}"
        return True

    def helped(self) -> None:
        """The service is UP; restarts done keep their place in the window."""
        self.has_given_up = self.limit == 0
        self.note = ""

    def forget(self) -> None:
        """Start with an empty window; nothing runs that would still count."""
        self._started_ms.clear()
        self.ticket = None
        self.helped()
