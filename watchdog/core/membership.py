"""Who is configured, who is reachable, who could lead, and why not.

The roster holds what the others said last (their HELLO) and when they were heard.  Incarnations
have no order: the current one of a node is that of its latest HELLO over TLS, and one that was
replaced or said farewell never becomes current again (docs/election.md, "Terms").
Only `current_inc` is about safety: a grant or promise of a dead process never counts.
"""

from collections import OrderedDict
from enum import Enum
from typing import Final

from watchdog.core.messages import PROTOCOL, Hello
from watchdog.core.quorum import Weights
from watchdog.core.settings import Member, Settings, promise_covers
from watchdog.instant import Instant

INCARNATIONS_MAX: Final = 16
"""How many dead incarnations are remembered of each node."""


class LostReason(Enum):
    """Why a member is not counted; every lost member has one."""

    NEVER_SEEN = "never seen"
    SILENT = "silent"
    CLOSED = "connection closed"
    OTHER_MEMBERS = "its file has other members or weights"
    OTHER_CLUSTER = "it belongs to another cluster"
    OTHER_PROTOCOL = "it speaks another version of the protocol"
    GONE = "stopped"


class Peer:
    """What is known of one other member."""

    __slots__ = (
        "earlier_seq",
        "gone",
        "heard_ns",
        "hello",
        "inc",
        "is_linked",
        "is_ranked",
        "kept",
        "member",
        "refused",
        "remembered_seq",
        "said_ns",
    )

    def __init__(self, member: Member) -> None:
        self.member = member
        self.inc: bytes | None = None
        self.hello: Hello | None = None
        self.kept: Hello | None = None
        """What it said before its connection ended: the same process may go on by datagrams."""
        self.heard_ns: int | None = None
        """BOOTTIME at which anything authenticated came last."""
        self.said_ns = 0
        """BOOTTIME at which a BEACON or GRANT went to it last."""
        self.is_linked = False
        self.is_ranked = False
        """False from the end of its tenure to its next HELLO: it is no candidate to wait for."""
        self.remembered_seq = 0
        """The highest seq of a durable record that its current incarnation spoke of."""
        self.earlier_seq = 0
        """The same for all its earlier incarnations: what an old copy of its state falls behind."""
        self.gone: OrderedDict[bytes, None] = OrderedDict()
        self.refused: LostReason | None = None

    def retire(self, inc: bytes) -> None:
        """Never let this incarnation become current (again)."""
        self.kept = None
        self.gone[inc] = None
        while len(self.gone) > INCARNATIONS_MAX:
            self.gone.popitem(last=False)


Order = tuple[bool, int, int]
"""(neither standing down nor vetoed, priority, minus the place in the table): the greater is
preferred."""


class Roster:
    """All members as this node sees them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reach_ns = settings.timing.reach_ns
        self._hard_ms = settings.timing.hard_ms
        self._weighed_until_ns = 0
        self._reachable = 0
        self._is_connected = self._is_covered = False
        self.me = next(m for m in settings.members if m.name == settings.name)
        self.weights = Weights({m.name: m.weight for m in settings.members})
        self.peers = {m.name: Peer(m) for m in settings.members if m.name != settings.name}

    def current_inc(self, name: str) -> bytes | None:
        """The incarnation whose promises and tenures count for `name`; None if it never spoke."""
        peer = self.peers.get(name)
        return peer.inc if peer else None

    def link_opened(self, name: str) -> None:
        """An authenticated connection is up; nothing is known of its node before its HELLO."""
        self.peers[name].is_linked = True

    def link_closed(self, name: str, inc: bytes) -> bool:
        """The connection of the current incarnation ended; False if it was an older one's."""
        peer = self.peers[name]
        if peer.inc not in (None, inc):
            return False
        self._weighed_until_ns = 0
        peer.is_linked = peer.is_ranked = False
        peer.kept = peer.hello or peer.kept
        peer.hello = peer.heard_ns = None
        return True

    def hello_received(self, name: str, hello: Hello, now: Instant) -> bool:
        """Take in who a peer is; False when this incarnation, cluster or list is not ours."""
        peer = self.peers[name]
        if hello.inc in peer.gone:
            return False
        if hello is peer.hello and hello.inc == peer.inc:
            return self._said_again(peer, now)
        self._weighed_until_ns = 0
        peer.kept = None
        if hello.cluster_id != self._settings.cluster_id:
            peer.refused = LostReason.OTHER_CLUSTER
            return False
        if hello.proto != PROTOCOL:
            peer.refused = LostReason.OTHER_PROTOCOL
            return False
        if peer.inc != hello.inc:
            if peer.inc is not None:
                peer.retire(peer.inc)
            peer.inc = hello.inc
            peer.earlier_seq = max(peer.earlier_seq, peer.remembered_seq)
            peer.remembered_seq = 0
        peer.remembered_seq = max(peer.remembered_seq, hello.seq)
        peer.is_linked = True
        if hello.digest != self._settings.digest:
            peer.refused = LostReason.OTHER_MEMBERS
            peer.hello = peer.heard_ns = None
            peer.is_ranked = False
            return False
        peer.refused = None
        peer.hello = hello
        peer.is_ranked = True
        peer.heard_ns = now.boot_ns
        return True

    def _said_again(self, peer: Peer, now: Instant) -> bool:
        """The very HELLO that was taken in last: a sign of life, and a place in the ranking."""
        peer.is_linked = peer.is_ranked = True
        peer.refused = None
        self._alive(peer, now.boot_ns)
        return True

    def heard(self, name: str, now: Instant) -> None:
        """Anything authenticated from its current incarnation counts as a sign of life."""
        peer = self.peers[name]
        if peer.hello is None and peer.kept is not None:
            peer.hello, peer.kept = peer.kept, None  # unranked until its next HELLO
        if peer.hello is not None:
            self._alive(peer, now.boot_ns)

    def _alive(self, peer: Peer, boot_ns: int) -> None:
        """A later sign of life of a node that is weighed already changes no weight."""
        if peer.heard_ns is None or boot_ns - peer.heard_ns >= self._reach_ns:
            self._weighed_until_ns = 0
        peer.heard_ns = boot_ns

    def forget(self) -> None:
        """After network trouble: forget what peers said, but not which processes are dead."""
        self._weighed_until_ns = 0
        for peer in self.peers.values():
            peer.hello = peer.heard_ns = peer.kept = None
            peer.is_ranked = False

    def is_reachable(self, name: str, now: Instant) -> bool:
        """Whether `name` was heard within `reach`."""
        heard_ns = self.peers[name].heard_ns
        return heard_ns is not None and now.boot_ns - heard_ns < self._reach_ns

    def reachable_weight(self, now: Instant) -> int:
        """The weight of all reachable voters, this node included."""
        if now.boot_ns >= self._weighed_until_ns:
            self._weigh(now.boot_ns)
        return self._reachable

    def _weigh(self, boot_ns: int) -> None:
        """Weigh who is heard; it holds until the first of them has been silent for `reach`.

        Several rules of every step ask for it.  What changes it sooner sets `_weighed_until_ns`
        to 0.
        """
        reachable = covering = self.me.weight
        until_ns = boot_ns + self._reach_ns
        for peer in self.peers.values():
            if peer.heard_ns is None or boot_ns - peer.heard_ns >= self._reach_ns:
                continue
            until_ns = min(until_ns, peer.heard_ns + self._reach_ns)
            reachable += peer.member.weight
            if peer.hello is not None and promise_covers(peer.hello.promise_ms, self._hard_ms):
                covering += peer.member.weight
        self._weighed_until_ns, self._reachable = until_ns, reachable
        self._is_connected = self.weights.is_quorum(reachable)
        self._is_covered = self.weights.is_quorum(covering)

    def is_quorum_connected(self, now: Instant) -> bool:
        """Whether voters of quorum weight are heard."""
        if now.boot_ns >= self._weighed_until_ns:
            self._weigh(now.boot_ns)
        return self._is_connected

    def is_candidate(self, name: str, now: Instant) -> bool:
        """Whether `name` is reachable, eligible and quorum-connected: somebody to wait for."""
        peer = self.peers[name]
        hello = peer.hello
        return (
            hello is not None
            and peer.is_ranked
            and hello.eligible
            and hello.quorum_connected
            and self.is_reachable(name, now)
        )

    def objection_to(self, name: str) -> str:
        """What a reachable peer lacks to be a candidate, in words; "" when it lacks nothing."""
        peer = self.peers[name]
        if peer.hello is None or not peer.is_ranked:
            return "has not said HELLO since it gave up its last tenure; try again in a moment"
        if not peer.hello.eligible:
            return "may not lead now; `quorumdog status` on that node says why"
        return "" if peer.hello.quorum_connected else "does not hear a quorum"

    def order_of(self, name: str) -> Order:
        """The preference of a peer, by its latest HELLO."""
        peer = self.peers[name]
        hello = peer.hello
        if hello is None:
            return (False, peer.member.priority, -peer.member.order)
        return (not (hello.standing_down or hello.vetoed), hello.priority, -peer.member.order)

    def better_than(self, order: Order, now: Instant) -> list[str]:
        """The candidates preferred to `order`, the best first."""
        names = [n for n in self.peers if self.is_candidate(n, now) and self.order_of(n) > order]
        return sorted(names, key=self.order_of, reverse=True)

    def best(self, now: Instant) -> str | None:
        """The preferred candidate among the peers; None when nobody is fit."""
        names = [n for n in self.peers if self.is_candidate(n, now)]
        return max(names, key=self.order_of, default=None)

    def is_covered(self, now: Instant) -> bool:
        """Whether voters of quorum weight promise long enough for this node's hard bound."""
        if now.boot_ns >= self._weighed_until_ns:
            self._weigh(now.boot_ns)
        return self._is_covered

    def lost_reason(self, name: str, now: Instant) -> LostReason | None:
        """Why `name` does not count, or None when it does."""
        peer = self.peers[name]
        if self.is_reachable(name, now):
            return None
        if peer.refused is not None:
            return peer.refused
        if peer.inc is None:
            return LostReason.NEVER_SEEN
        if peer.inc in peer.gone:
            return LostReason.GONE
        return LostReason.SILENT if peer.is_linked else LostReason.CLOSED
