"""The ways of one process to its peers, as the shell keeps them, without cryptography.

Rule: what goes which way, and which copy counts, is decided by the shipped `wire.ways`.  A seal is
modelled by the two incarnations that its key is made of: a datagram opens only at the process that
it was sealed for, and only while that process believes its sender to be the peer's present one.
"""

from typing import Final, NamedTuple

from watchdog.core.messages import GONE_NO, Message, Release
from watchdog.wire.ways import Choice, Way, Ways

BY_TCP: Final = Choice(udp=False, tcp=True)


class Frame(NamedTuple):
    """One message on its way: its number towards this receiver, and its bytes."""

    seq: int
    payload: bytes


class Datagram(NamedTuple):
    """A frame, sealed by one incarnation for another."""

    sender: bytes
    receiver: bytes
    number: int
    acknowledged: int
    frame: Frame


class Path:
    """To one peer; `inc` is its process while its datagrams are believed."""

    __slots__ = ("_reach_ns", "inc", "ways")

    def __init__(self, reach_ns: int) -> None:
        self._reach_ns = reach_ns
        self.inc: bytes | None = None
        self.ways = Ways(reach_ns)

    def introduced(self, inc: bytes) -> None:
        """The HELLO of a process came over a link; this may be its second link."""
        if inc != self.inc:
            self.inc = inc
            self.ways = Ways(self._reach_ns, self.ways.sent)

    def ended(self, inc: bytes) -> None:
        """This process has said farewell: no datagram of it counts from now on."""
        if self.inc == inc:
            self.inc = None

    def choose(self, message: Message, now_ns: int) -> Choice:
        """Which ways `message` goes."""
        return BY_TCP if self.inc is None else self.ways.choose(message, now_ns)

    def seal(self, ours: bytes, frame: Frame, now_ns: int) -> Datagram:
        """The next datagram."""
        assert self.inc is not None
        number, acknowledged = self.ways.next_datagram(now_ns)
        return Datagram(ours, self.inc, number, acknowledged, frame)

    def opens(self, ours: bytes, datagram: Datagram, now_ns: int) -> bool:
        """Whether a datagram counts: of and for the present processes, and no replay."""
        if datagram.sender != self.inc or datagram.receiver != ours:
            return False
        if not self.ways.is_new(datagram.number):
            return False
        self.ways.arrived(datagram.number, datagram.acknowledged, now_ns)
        return True

    def is_first(self, message: Message, seq: int, way: Way) -> bool:
        """Take note of a message of the present process; False for the second copy of one."""
        if not self.ways.heard(message, seq, way):
            return False
        if type(message) is Release and message.tenure.no == GONE_NO:
            self.ended(message.tenure.inc)
        return True
