"""The cluster of a story: machines, the network between them, and what is said about them.

Every delay is a constant, so that a story has one outcome: a message takes 1 ms, a connection 2 ms,
a disk write 5 ms, a packet to or from the guardian 50 us, its work on the machine 200 us.
Messages cross the shipped codec.  Two nodes with the VIP up at once stop any story.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tests.scenarios.heap import Heap
from tests.scenarios.machine import Machine
from tests.scenarios.words import words
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.messages import GONE_NO, Hello, Message, Nack, Release, Tenure
from watchdog.core.settings import Timing
from watchdog.instant import MS
from watchdog.wire import codec

NET_NS: Final = 1 * MS
CONNECT_NS: Final = 2 * MS


@dataclass
class Link:
    """A connection between two processes; each end knows the other by the HELLO it carried."""

    ends: frozenset[str]
    is_open: bool = True
    incs: dict[str, bytes] = field(default_factory=dict)


class World:
    """All machines, the network between them, and what is said about them."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.heap = Heap()
        self.machines: dict[str, Machine] = {}
        self.cut: set[tuple[str, str]] = set()
        """Directed pairs between which nothing passes."""
        self.dropped: set[tuple[str, str, str]] = set()
        """(from, to, kind of message) that is lost; kind "" is every kind."""
        self.held: dict[tuple[str, str, str], list[Callable[[], None]]] = {}
        """(from, to, kind) that waits until it is let go; it arrives even from a dead process."""
        self.links: dict[frozenset[str], Link] = {}
        self.said: list[str] = []
        self.shown: set[str] = set()
        self._spawned = 0
        self._last: dict[tuple[str, str, str], str] = {}

    def spawned(self) -> int:
        """A number for each node process ever started."""
        self._spawned += 1
        return self._spawned

    # --- what is said

    def say(self, who: str, what: str) -> None:
        """One line of the story."""
        self.said.append(f"{self.heap.now_ns / MS:10.2f}  {who}  {what}")

    def tell(self, who: str, effect: fx.Effect) -> None:
        """Say what an effect means, if it is one that a story shows."""
        text = words(effect, self.shown)
        if isinstance(effect, fx.Send) and text:
            key = (who, effect.peer, type(effect.message).__name__)
            if self._last.get(key) == text and isinstance(effect.message, Nack):
                return  # the same refusal to every beacon is told once
            self._last[key] = text
        if text:
            self.say(who, text)

    def vip_holders(self) -> set[str]:
        """The machines that have the VIP up."""
        return {m.name for m in self.machines.values() if m.has_vip}

    def check(self) -> None:
        """Never two with the VIP."""
        assert len(self.vip_holders()) <= 1, f"two nodes are on: {sorted(self.vip_holders())}"

    # --- processes and connections

    def process_started(self, machine: Machine) -> None:
        """Connect a new process with every other that runs."""
        for other in self.machines.values():
            if other is not machine and other.node is not None:
                self._connect(machine, other)

    def process_gone(self, machine: Machine, *, tells: bool) -> None:
        """Its connections end; the other ends see it if the machine lives."""
        for ends, link in list(self.links.items()):
            if machine.name not in ends:
                continue
            link.is_open = False
            del self.links[ends]
            (peer,) = ends - {machine.name}
            inc = link.incs.get(machine.name)
            if tells and inc is not None:
                self.heap.after(NET_NS, partial(self._closed, machine.name, peer, inc))

    def _closed(self, gone: str, peer: str, inc: bytes) -> None:
        if (gone, peer) not in self.cut:
            self.machines[peer].post(ev.LinkClosed(gone, inc, "closed"))

    def _connect(self, one: Machine, other: Machine) -> None:
        ends = frozenset({one.name, other.name})
        nodes = (one.node, other.node)

        def opened() -> None:
            if (one.node, other.node) != nodes or self._is_cut(ends):
                return
            self.links[ends] = Link(ends)
            for here, there in ((one, other), (other, one)):
                if here.node is not None and there.name in here.node._parts.roster.peers:
                    here.post(ev.LinkOpened(there.name))

        self.heap.after(CONNECT_NS, opened)

    def _is_cut(self, ends: frozenset[str]) -> bool:
        one, other = sorted(ends)
        return bool({(one, other), (other, one)} & self.cut)

    def reconnect(self) -> None:
        """After a cut: connect the processes that have not met."""
        running = [m for m in self.machines.values() if m.node is not None]
        for number, one in enumerate(running):
            for other in running[number + 1 :]:
                if frozenset({one.name, other.name}) not in self.links:
                    self._connect(one, other)

    # --- messages

    def send(self, sender: Machine, peer: str, message: Message) -> None:
        """A message on its way, as bytes."""
        ends, kind = frozenset({sender.name, peer}), type(message).__name__
        link = self.links.get(ends)
        if link is None or (sender.name, peer) in self.cut:
            return
        keys = [(sender.name, peer, kind), (sender.name, peer, "")]
        if any(key in self.dropped for key in keys):
            return
        payload = codec.encode(message)
        inc = sender.inc

        def arrive(*, late: bool) -> None:
            message = codec.decode(payload, sender.name)
            if isinstance(message, Hello):
                link.incs[sender.name] = message.inc
            known = inc if late else link.incs.get(sender.name, inc)
            if (sender.name, peer) not in self.cut and (link.is_open or late):
                self.machines[peer].post(ev.MessageReceived(sender.name, known, message))

        for key in keys:
            if key in self.held:
                self.held[key].append(lambda: arrive(late=True))
                return
        self.heap.after(NET_NS, lambda: arrive(late=False))

    def let_go(self, sender: str, peer: str, kind: str) -> None:
        """Deliver what was held back, and hold nothing more."""
        for arrive in self.held.pop((sender, peer, kind), []):
            self.heap.after(NET_NS, arrive)

    def send_will(self, name: str, inc: bytes) -> None:
        """The guardian's datagram to every peer."""
        gone = Release(Tenure(name, inc, GONE_NO), 0, None, gone=True)
        self.say(name, "guardian sends the will")
        for peer, machine in self.machines.items():
            if peer != name and (name, peer) not in self.cut:
                event = ev.MessageReceived(name, inc, gone)
                self.heap.after(NET_NS, partial(machine.post, event))
