"""Two ways to a peer, TCP and datagrams: what goes where, and which copy of a message counts.

Both copies carry the same `seq`; one that came by one way is dropped when it comes by the other.
That loses no answer: a round is never said again but followed by a new one, and while answers are
missing both sides use both ways.  What comes twice by the *same* way was said twice (a RELEASE).
Each datagram acknowledges the newest number that its sender has received.  They are known to work
while the newest of ours is acknowledged, and lately: then a round, or its answer, needs no copy by
TCP.  One lost datagram, either way, and the next ones have it again.
Pure: no key, no clock, no socket; the simulation runs this very file.
"""

from enum import Enum
from typing import Final, NamedTuple

from watchdog.core.messages import (
    Beacon,
    Grant,
    Message,
    Nack,
    PreVote,
    PreVoteReply,
    Ready,
    Release,
    Transfer,
    Vote,
)
from watchdog.instant import SECOND
from watchdog.wire.window import Window

ROUNDS: Final = frozenset({Beacon, Grant, Nack})
"""Said again and again: by datagram alone where that is known to work."""
DECISIONS: Final = frozenset({PreVote, PreVoteReply, Vote, Release, Transfer, Ready})
"""Rare, and what an outage waits for: always both ways."""
TWO_WAYS: Final = ROUNDS | DECISIONS

SEEN_MAX: Final = 64
"""So many messages are remembered; an older copy is handed on, which is harmless."""
TRIED_NS: Final = 5 * SECOND
"""Without a datagram of ours for so long nothing is known of the way."""
BLOCKED_NS: Final = 10 * SECOND
"""Tried for so long without an answer: somebody should look at the firewall."""


class Way(Enum):
    """How a message came."""

    UDP = "udp"
    TCP = "tcp"


class Choice(NamedTuple):
    """Which ways a message goes."""

    udp: bool
    tcp: bool


_BOTH: Final = Choice(udp=True, tcp=True)
_UDP: Final = Choice(udp=True, tcp=False)
_TCP: Final = Choice(udp=False, tcp=True)


class Ways:
    """The two ways between this process and one incarnation of a peer. Times are BOOTTIME in ns."""

    __slots__ = (
        "_acknowledged",
        "_acknowledged_ns",
        "_reach_ns",
        "_said_ns",
        "_seen",
        "_seq",
        "_waiting_ns",
        "_window",
        "copies",
        "last_round",
        "received",
        "sent",
    )

    def __init__(self, reach_ns: int, sent: int = 0) -> None:
        """`sent` is the last number that was used towards an earlier process of this peer."""
        self._reach_ns = reach_ns
        self._window = Window()
        self._seq = 0
        self._seen: dict[int, Way] = {}
        self._acknowledged = sent
        self._acknowledged_ns: int | None = None
        self._said_ns: int | None = None
        self._waiting_ns: int | None = None
        """Since when a datagram of ours waits for its acknowledgement, while we go on trying."""
        self.sent = sent
        self.received = 0
        self.copies = 0
        """Messages dropped because their other copy was first."""
        self.last_round: Way | None = None
        """How the last BEACON or GRANT came."""

    # --- saying

    def next_seq(self) -> int:
        """The number of the next message; its copies share it."""
        self._seq += 1
        return self._seq

    def choose(self, message: Message, now_ns: int) -> Choice:
        """Which ways `message` goes."""
        kind = type(message)
        if kind in DECISIONS:
            return _BOTH
        if kind not in ROUNDS:
            return _TCP
        if isinstance(message, Grant) and message.is_vote:
            return _BOTH
        return _UDP if self.works(now_ns) else _BOTH

    def next_datagram(self, now_ns: int) -> tuple[int, int]:
        """The number of the next datagram, and what it acknowledges. It counts as said."""
        self.sent += 1
        said_ns, self._said_ns = self._said_ns, now_ns
        if self._waiting_ns is None or said_ns is None or now_ns - said_ns > TRIED_NS:
            self._waiting_ns = now_ns
        return self.sent, self._window.newest

    # --- hearing

    def is_new(self, number: int) -> bool:
        """Whether a datagram with this number was not received yet; looked at before the seal."""
        return self._window.is_new(number)

    def arrived(self, number: int, acknowledged: int, now_ns: int) -> None:
        """A datagram was opened."""
        self._window.add(number)
        self.received += 1
        if not self._acknowledged < acknowledged <= self.sent:
            return
        self._acknowledged, self._acknowledged_ns = acknowledged, now_ns
        self._waiting_ns = None if acknowledged == self.sent else now_ns

    def heard(self, message: Message, seq: int, way: Way) -> bool:
        """Take note of a message; False when it came before, by the other way."""
        if type(message) not in TWO_WAYS:
            return True
        first = self._seen.setdefault(seq, way)
        if first is not way:
            self.copies += 1
            return False
        if len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        if isinstance(message, Beacon | Grant):
            self.last_round = way
        return True

    # --- what is known

    def works(self, now_ns: int) -> bool:
        """Whether the newest datagram of ours is known to have arrived, and lately."""
        answered_ns = self._acknowledged_ns
        return (
            answered_ns is not None
            and self._acknowledged == self.sent
            and now_ns - answered_ns < self._reach_ns
        )

    def is_answered(self, now_ns: int) -> bool | None:
        """For people: whether datagrams get through; None when none were sent lately."""
        if not self._is_tried(now_ns):
            return None
        answered_ns = self._acknowledged_ns
        return answered_ns is not None and now_ns - answered_ns < self._reach_ns

    def is_blocked(self, now_ns: int) -> bool:
        """Whether datagrams go out all the time, and none has been answered for long."""
        if self._waiting_ns is None or not self._is_tried(now_ns):
            return False
        return now_ns - self._waiting_ns > BLOCKED_NS

    def _is_tried(self, now_ns: int) -> bool:
        """Whether a datagram of ours went out lately."""
        return self._said_ns is not None and now_ns - self._said_ns <= TRIED_NS
