"""What is known of the way to each peer by datagram: where it is, its process, keys, counters.

A peer's datagrams are believed from the HELLO of its process over TLS on, until another process
of it says HELLO or this one has said farewell.  They outlive the connection: a TCP that stalls or
breaks stops no round.
"""

from collections.abc import Callable
from typing import Final, TypedDict

from watchdog.core.messages import GONE_NO, Message, Release
from watchdog.shell.listener import canonical
from watchdog.shell.plan import NodePlan, PlanMember
from watchdog.shell.secret import Secret
from watchdog.wire.session import Session
from watchdog.wire.ways import Choice, Way, Ways

_BY_TCP: Final = Choice(udp=False, tcp=True)


class PathStats(TypedDict):
    """One peer as `status` shows it."""

    udp: bool | None
    """Whether our datagrams are answered; None when none were sent lately."""
    is_blocked: bool
    """Sent all the time, and none was answered for long."""
    last_round: str | None
    """How the last BEACON or GRANT came: udp or tcp."""
    received: int
    sent: int
    copies: int


class Path:
    """One peer."""

    def __init__(self, member: PlanMember, reach_ns: int) -> None:
        self.name = member.name
        self.place = (canonical(member.address), member.port)
        self.inc: bytes | None = None
        self.session: Session | None = None
        self.ways = Ways(reach_ns)
        self._reach_ns = reach_ns
        self._received = 0
        self._copies = 0

    def begin(self, inc: bytes, session: Session) -> None:
        """A new process of the peer: nothing is known of its datagrams yet."""
        self._received += self.ways.received
        self._copies += self.ways.copies
        self.inc, self.session = inc, session
        self.ways = Ways(self._reach_ns, self.ways.sent)

    def choose(self, message: Message, now_ns: int) -> Choice:
        """Which ways `message` goes."""
        return _BY_TCP if self.session is None else self.ways.choose(message, now_ns)

    def stats(self, now_ns: int) -> PathStats:
        """For `status`."""
        ways = self.ways
        return PathStats(
            udp=ways.is_answered(now_ns),
            is_blocked=ways.is_blocked(now_ns),
            last_round=ways.last_round and ways.last_round.value,
            received=self._received + ways.received,
            sent=ways.sent,
            copies=self._copies + ways.copies,
        )


class Paths:
    """The paths to all peers of this process, whose incarnation is `inc`."""

    def __init__(
        self, plan: NodePlan, authkey: Secret, inc: bytes, now_ns: Callable[[], int]
    ) -> None:
        self._cluster_id = plan.cluster_id
        self._authkey = authkey
        self._inc = inc
        self._now_ns = now_ns
        self._paths = {peer.name: Path(peer, plan.timing.reach_ns) for peer in plan.peers}
        self._tags: dict[bytes, Path] = {}
        self.addresses = frozenset(path.place[0] for path in self._paths.values())

    def to(self, peer: str) -> Path:
        """The path to a peer."""
        return self._paths[peer]

    def tagged(self, tag: bytes) -> Path | None:
        """The path whose datagrams carry this tag; None for anybody else's."""
        return self._tags.get(tag)

    def introduced(self, peer: str, inc: bytes) -> None:
        """The HELLO of a process came over TLS; this may be its second connection."""
        path = self._paths[peer]
        if path.inc == inc:
            return
        self._forget(path)
        session = Session(self._authkey.reveal(), self._cluster_id, self._inc, inc)
        path.begin(inc, session)
        self._tags[session.tag] = path

    def ended(self, peer: str, inc: bytes) -> None:
        """This process has said farewell: no datagram of it counts from now on."""
        path = self._paths[peer]
        if path.inc == inc:
            self._forget(path)

    def heard(self, path: Path, seq: int, message: Message, way: Way) -> bool:
        """Take note of a message of the present process; False for the second copy of one."""
        if not path.ways.heard(message, seq, way):
            return False
        if isinstance(message, Release) and message.tenure.no == GONE_NO:
            self.ended(path.name, message.tenure.inc)
        return True

    def stats(self) -> dict[str, PathStats]:
        """The paths by peer, for `status`."""
        now_ns = self._now_ns()
        return {name: path.stats(now_ns) for name, path in self._paths.items()}

    def _forget(self, path: Path) -> None:
        if path.session is not None:
            del self._tags[path.session.tag]
            path.session = None
