"""What we know of one peer: the connections to it, and why there is none.

At most one connection is `current` and carries the link; `pending` ones have TLS and wait for
their HELLO (one for each direction).  `idle` is set while neither exists: then it is dialled.
"""

import asyncio
from collections import deque
from typing import Final, TypedDict

from watchdog.instant import SECOND
from watchdog.shell.arbitration import Contender
from watchdog.shell.backoff import Backoff
from watchdog.shell.connection import Connection, End

REPLACED_MAX: Final = 16
NEVER_TRIED: Final = "not tried yet"


class LinkStats(TypedDict):
    """One peer as `status` shows it; `error` is why it is not connected, or was not last time."""

    connected: bool
    since_s: float | None
    opened_by: str | None
    rtt_ms: float | None
    error: str
    frames_in: int
    frames_out: int
    dropped: int
    outbox_bytes: int


class Link:
    """The state of the link to one peer; `Peers` changes it, all on the event loop."""

    def __init__(self, name: str, address: str, port: int, us: str, backoff: Backoff) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.us = us
        self.backoff = backoff
        self.current: Connection | None = None
        self.pending: list[Connection] = []
        self.replaced: deque[bytes] = deque(maxlen=REPLACED_MAX)
        self.last_inc: bytes | None = None
        self.error = NEVER_TRIED
        self.delay_ns = 0
        self.dropped = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.wake = asyncio.Event()
        self._past_in = 0
        self._past_out = 0

    def refresh(self) -> None:
        """Set or clear `idle` after a change of `current` or `pending`."""
        if self.current is None and not self.pending:
            self.idle.set()
        else:
            self.idle.clear()

    def contender(self, connection: Connection) -> Contender:
        """What arbitration needs to know of a connection that has said HELLO."""
        opener, other = (self.us, self.name) if connection.is_dialled else (self.name, self.us)
        assert connection.inc is not None
        return Contender(connection.inc, opener < other, connection.opened_ns, connection.up_ns)

    def add_pending(self, connection: Connection) -> None:
        """Wait for its HELLO; an older one of the same direction is closed."""
        for other in list(self.pending):
            if other.is_dialled == connection.is_dialled:
                other.close(End("it opened another connection"))
        self.pending.append(connection)
        self.refresh()

    def forget(self, connection: Connection, now_ns: int) -> bool:
        """Drop an ended connection; True when it was the current one."""
        self._past_in += connection.frames_in
        self._past_out += connection.frames_out
        was_current = connection is self.current
        if was_current:
            self.current = None
            self.delay_ns = self.backoff.lost(now_ns - connection.up_ns)
        elif connection in self.pending:
            self.pending.remove(connection)
        self.refresh()
        return was_current

    def remember(self, inc: bytes) -> None:
        """Note the incarnation of an accepted HELLO; the one before never comes back."""
        if self.last_inc is not None and self.last_inc != inc:
            self.replaced.append(self.last_inc)
        self.last_inc = inc

    def stats(self, now_ns: int) -> LinkStats:
        """For `status`; cheap enough to be asked often."""
        current = self.current
        rtt_us = None if current is None else current.round_trip_us()
        opener = None if current is None else (self.us if current.is_dialled else self.name)
        return LinkStats(
            connected=current is not None,
            since_s=None if current is None else round((now_ns - current.up_ns) / SECOND, 1),
            opened_by=opener,
            rtt_ms=None if rtt_us is None else round(rtt_us / 1000, 3),
            error="" if current is not None else self.error,
            frames_in=self._past_in + (current.frames_in if current else 0),
            frames_out=self._past_out + (current.frames_out if current else 0),
            dropped=self.dropped,
            outbox_bytes=0 if current is None else current.outbox_size,
        )
