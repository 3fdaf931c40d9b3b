"""The network between the machines: TCP links that stall and break, and datagrams that get lost.

Rule: a link keeps order and loses nothing; a lost segment stalls it for a retransmission timeout
that doubles, and after TCP_USER_TIMEOUT it is broken.  Each end learns of the end of a link by
itself: at once when the path is open (FIN, RST), otherwise by its own timeout.
On top sits an adversary stronger than TCP: single messages may be duplicated or overtaken.
Datagrams share the paths and nothing else: each is lost, doubled or late by itself.
"""

from collections import deque
from collections.abc import Sequence
from math import log
from random import Random
from typing import Final, Protocol

from tests.simulation.heap import Heap
from tests.simulation.paths import Datagram, Frame
from watchdog.instant import MS, SECOND

RTO_NS: Final = 200 * MS
CONNECT_NS: Final = 3 * MS
REDIAL_MIN_NS: Final = 200 * MS
REDIAL_MAX_NS: Final = 5 * SECOND
QUEUE_MAX: Final = 256
DELAY_LEAST_NS: Final = 150_000
DELAY_MOST_NS: Final = 2 * MS
DELAY_SPREAD_NS: Final = DELAY_MOST_NS - DELAY_LEAST_NS
DELAY_RATE: Final = 2.5e-6
"""Of an exponential delay beyond the least, per ns: 0.4 ms in the mean."""


class Process(Protocol):
    """What the network needs to know of a node process."""

    index: int
    name: str
    alive: bool
    frozen: bool
    links: dict[int, "Link"]
    user_timeout_ns: int

    def link_opened(self, link: "Link", peer: int) -> None:
        """A link to machine `peer` is up."""

    def link_closed(self, link: "Link", peer: int, why: str) -> None:
        """The link ended, as seen from this end."""

    def arrived(self, link: "Link", peer: int, frame: Frame) -> None:
        """A frame came in."""

    def datagram_arrived(self, peer: int, datagram: Datagram) -> None:
        """A datagram came from the address of machine `peer`."""

    def will_arrived(self, peer: str, inc: bytes) -> None:
        """A datagram with the will of an incarnation came in."""


class Lane:
    """One direction of a link."""

    __slots__ = ("doubted", "last", "queue", "rto", "sink", "source")

    def __init__(self, source: Process, sink: Process) -> None:
        self.source = source
        self.sink = sink
        self.queue: deque[tuple[int, Frame]] = deque()
        self.last = 0
        self.rto = RTO_NS
        self.doubted = False
        """Whether something was sent that cannot be acknowledged at present."""


class Link:
    """One TCP connection between two processes."""

    __slots__ = ("incs", "lanes", "open_at", "said")

    def __init__(self, dialler: Process, other: Process) -> None:
        self.lanes = {
            dialler.index: Lane(dialler, other),
            other.index: Lane(other, dialler),
        }
        self.open_at = {dialler.index, other.index}
        self.incs: dict[int, bytes] = {}
        """The incarnation that each machine's HELLO named on this link."""


class Network:
    """All paths between machines, and what is wrong with them at present."""

    def __init__(self, heap: Heap, rng: Random, size: int) -> None:
        self._heap = heap
        self._rng = rng
        self.up = [[True] * size for _ in range(size)]
        self.loss = 0.0
        self.duplication = 0.0
        self.reordering = 0.0
        self.stall = 0.0
        """Chance that a message, and everything behind it, is late by up to seconds."""
        self.stall_ns = 500 * MS
        self.is_tcp_stalled = False
        """No segment of any link gets through, and no connection; datagrams do."""
        self.is_udp_blocked = False
        """A firewall drops every datagram."""
        self.datagrams = 0
        """Sent so far."""

    # --- paths

    def heal(self) -> None:
        """Open all paths and send the adversary away."""
        for row in self.up:
            row[:] = [True] * len(row)
        self.loss = self.duplication = self.reordering = self.stall = 0.0
        self.is_tcp_stalled = self.is_udp_blocked = False

    def cut(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Close these one-way paths."""
        for source, sink in pairs:
            self.up[source][sink] = False

    def isolate(self, index: int, *, out: bool = True, into: bool = True) -> None:
        """Cut one machine off, one way or both."""
        for other in range(len(self.up)):
            if other != index:
                self.up[index][other] &= not out
                self.up[other][index] &= not into

    def restore(self, index: int) -> None:
        """Open every path from and to one machine."""
        for other in range(len(self.up)):
            self.up[index][other] = self.up[other][index] = True

    def _is_open(self, a: int, b: int) -> bool:
        return self.up[a][b] and self.up[b][a]

    def delay(self) -> int:
        """How long one message takes on a good path."""
        late = int(-log(1.0 - self._rng.random()) / DELAY_RATE)  # as Random.expovariate
        return DELAY_LEAST_NS + min(late, DELAY_SPREAD_NS)

    # --- links

    def dial(self, dialler: Process, other: Process | None) -> None:
        """Try to connect; both ends learn of it when it worked, nobody when it did not."""
        if other is None or not (dialler.alive and other.alive) or other.frozen:
            return
        lost = self.loss and self._rng.random() < 1 - (1 - self.loss) ** 4
        if lost or self.is_tcp_stalled or not self._is_open(dialler.index, other.index):
            return
        self._heap.after(CONNECT_NS + self.delay(), self._connected, dialler, other)

    def _connected(self, dialler: Process, other: Process) -> None:
        if not (dialler.alive and other.alive) or dialler.frozen or other.frozen:
            return
        if not self._is_open(dialler.index, other.index):
            return
        ours, theirs = dialler.links.get(other.index), other.links.get(dialler.index)
        if ours is not None and ours is theirs:
            return
        for process, link in ((dialler, ours), (other, theirs)):
            if link is not None:
                self.close(process, link, "replaced by a newer connection")
        link = Link(dialler, other)
        other.link_opened(link, dialler.index)
        dialler.link_opened(link, other.index)

    def close(self, process: Process, link: Link, why: str) -> None:
        """End `link` at the end of `process`, which is told; the other end if the path is open."""
        if process.index not in link.open_at:
            return
        link.open_at.discard(process.index)
        lane = link.lanes[process.index]
        lane.queue.clear()
        other = lane.sink
        if process.alive:
            process.link_closed(link, other.index, why)
        if self.up[process.index][other.index]:
            self._heap.after(self.delay(), self._reset, other, link)

    def _reset(self, process: Process, link: Link) -> None:
        self.close(process, link, "closed by the peer")

    def died(self, process: Process) -> None:
        """A process is gone: its kernel says so on every link, where it can."""
        for link in list(process.links.values()):
            self.close(process, link, "")
        process.links.clear()

    def vanished(self, process: Process) -> None:
        """The power went: nobody says anything."""
        for link in process.links.values():
            link.open_at.discard(process.index)
        process.links.clear()

    def send(self, process: Process, link: Link, frame: Frame) -> None:
        """Put a frame on the link."""
        lane = link.lanes[process.index]
        source, sink = process.index, lane.sink.index
        now = self._heap.now
        if lane.queue:
            lane.queue.append((now, frame))
            if len(lane.queue) > QUEUE_MAX:
                lane.queue.popleft()
            return
        is_stopped = self.is_tcp_stalled or not self.up[source][sink]
        if is_stopped or (self.loss and self._rng.random() < self.loss):
            lane.queue.append((now, frame))
            lane.rto = RTO_NS
            self._heap.after(RTO_NS, self._retransmit, link, lane)
            return
        if not self.up[sink][source] and not lane.doubted:
            lane.doubted = True
            self._heap.after(process.user_timeout_ns, self._doubt, link, lane)
        self._launch(link, lane, frame)

    def _launch(self, link: Link, lane: Lane, frame: Frame) -> None:
        heap, rng = self._heap, self._rng
        when = heap.now + self.delay()
        if self.stall and rng.random() < self.stall:
            when += int(rng.expovariate(1 / self.stall_ns))
        if self.duplication and rng.random() < self.duplication:
            heap.at(when + int(rng.expovariate(1 / (300 * MS))), self._arrive, link, lane, frame)
        if self.reordering and rng.random() < self.reordering and link.incs:
            heap.at(when + int(rng.expovariate(1 / (20 * MS))), self._arrive, link, lane, frame)
            return
        if when <= lane.last:
            when = lane.last + 1
        lane.last = when
        heap.at(when, self._arrive, link, lane, frame)

    def _arrive(self, link: Link, lane: Lane, frame: Frame) -> None:
        sink = lane.sink
        if sink.index in link.open_at:
            sink.arrived(link, lane.source.index, frame)
        elif self.up[sink.index][lane.source.index]:
            self._heap.after(self.delay(), self._reset, lane.source, link)

    def _retransmit(self, link: Link, lane: Lane) -> None:
        source, queue = lane.source, lane.queue
        if not queue or source.index not in link.open_at:
            return
        if self._heap.now - queue[0][0] > source.user_timeout_ns:
            self.close(source, link, "no acknowledgement for TCP_USER_TIMEOUT")
            return
        lost = self.loss and self._rng.random() < self.loss
        if lost or self.is_tcp_stalled or not self._is_open(source.index, lane.sink.index):
            lane.rto *= 2
            self._heap.after(lane.rto, self._retransmit, link, lane)
            return
        while queue:
            self._launch(link, lane, queue.popleft()[1])

    def _doubt(self, link: Link, lane: Lane) -> None:
        lane.doubted = False
        source = lane.source
        if source.index in link.open_at and not self.up[lane.sink.index][source.index]:
            self.close(source, link, "no acknowledgement for TCP_USER_TIMEOUT")

    # --- datagrams

    def send_datagram(self, source: int, sink: Process | None, datagram: Datagram) -> None:
        """Lost, late, doubled or overtaken by itself; no link is asked."""
        self.datagrams += 1
        for late in self._fates(source, sink):
            self._heap.after(late, self._datagram, sink, source, datagram)

    def _datagram(self, sink: Process, source: int, datagram: Datagram) -> None:
        if sink.alive:
            sink.datagram_arrived(source, datagram)

    def send_will(self, source: int, name: str, inc: bytes, sink: Process | None) -> None:
        """One UDP copy of a will."""
        for late in self._fates(source, sink):
            self._heap.after(late, self._will, sink, name, inc)

    def _will(self, sink: Process, name: str, inc: bytes) -> None:
        if sink.alive:
            sink.will_arrived(name, inc)

    def _fates(self, source: int, sink: Process | None) -> list[int]:
        """After how long each copy of a datagram arrives; [] when none does."""
        if sink is None or self.is_udp_blocked or not self.up[source][sink.index]:
            return []
        if not (self.loss or self.duplication or self.reordering or self.stall):
            return [self.delay()]
        random = self._rng.random
        copies = 2 if random() < self.duplication else 1
        return [self._late() for _ in range(copies) if random() >= self.loss]

    def _late(self) -> int:
        rng, late = self._rng, self.delay()
        if rng.random() < self.reordering:
            late += int(rng.expovariate(1 / (20 * MS)))
        if rng.random() < self.stall:
            late += int(rng.expovariate(1 / self.stall_ns))
        return late
