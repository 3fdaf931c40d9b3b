"""The single queue of events in front of `Node.step`; used on the event loop's thread only.

Local events (guardian, disk, operator, links) are never dropped: their producers are few and
wait for answers.  Messages of peers are bounded and dropped: whatever the core really needs is
said again by the protocol.
"""

import asyncio
from collections import Counter, deque
from typing import Final

from watchdog.core.events import Event, MessageReceived

PER_PEER_MAX: Final = 256
LOCAL_MAX: Final = 4096
CROWDED: Final = 128
"""So many local events wait: whoever can say it again later is asked to."""


class Inbox:
    """Events in the order of their arrival; `dropped` counts messages lost, by peer."""

    def __init__(self, per_peer_max: int = PER_PEER_MAX) -> None:
        self._events: deque[Event] = deque()
        self._waiting: Counter[str] = Counter()
        self._per_peer_max = per_peer_max
        self._sleeper: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._until_ns: int | None = None
        self.dropped: Counter[str] = Counter()

    @property
    def is_crowded(self) -> bool:
        """Whether producers that somebody else can flood have to wait."""
        return len(self._events) - self._waiting.total() >= CROWDED

    def put_local(self, event: Event) -> None:
        """Queue an event that must not be lost."""
        assert len(self._events) - self._waiting.total() < LOCAL_MAX, "a local producer runs wild"
        self._events.append(event)
        self._wake()

    def put_peer(self, event: MessageReceived) -> bool:
        """Queue a message, or drop and count it when its peer has too many waiting."""
        if self._waiting[event.peer] >= self._per_peer_max:
            self.dropped[event.peer] += 1
            return False
        self._waiting[event.peer] += 1
        self._events.append(event)
        self._wake()
        return True

    def take(self) -> Event | None:
        """The oldest event, or None."""
        if not self._events:
            return None
        event = self._events.popleft()
        # A local producer may use put_local for a message: it was never counted.
        if isinstance(event, MessageReceived) and self._waiting[event.peer]:
            self._waiting[event.peer] -= 1
        return event

    async def wait(self, timeout_s: float, until_ns: int | None = None) -> None:
        """Sleep until there is an event, or for `timeout_s` seconds; others run in any case.

        `until_ns` is the deadline behind the timeout: most events leave it where it was, and then
        its timer stays, too.
        """
        if self._events:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        self._sleeper = loop.create_future()
        if self._alarm is None or until_ns is None or until_ns != self._until_ns:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm, self._until_ns = loop.call_later(timeout_s, self._ring), until_ns
        try:
            await self._sleeper
        finally:
            self._sleeper = None

    def _ring(self) -> None:
        self._alarm = None
        self._wake()

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)
