"""One node process: the shipped `Node`, with the simulator's network, disk and guardian around it.

Rule: nothing is decided here.  Events go in one at a time, effects are performed in order; every
message crosses `wire.codec` and every record `wire.record` and `slots`, as in the shell.
A process may be frozen (events wait), late (its timer), or dead (nothing arrives any more).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol, assert_never
from zlib import crc32

from tests.simulation.kernel import Kernel
from tests.simulation.network import REDIAL_MAX_NS, REDIAL_MIN_NS, Link
from tests.simulation.paths import Datagram, Frame, Path
from tests.simulation.stage import Host, Stage
from watchdog import guardian_protocol as protocol
from watchdog import slots
from watchdog.core import effects as fx
from watchdog.core import events
from watchdog.core.messages import GONE_NO, Hello, Message, Release, Tenure
from watchdog.core.node import Node
from watchdog.core.settings import Settings
from watchdog.core.states import State
from watchdog.instant import SECOND
from watchdog.shell import guard_translate
from watchdog.wire import codec
from watchdog.wire.record import pack_record
from watchdog.wire.ways import Way

GUARD_DELAY_NS: Final = 50_000
LATE_MOST_NS: Final = 10_000_000
INBOX_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class LoadedState:
    """What a process that starts finds on its disk, as the shell's storage tells it."""

    record: fx.HardState | None
    amnesiac: bool
    next_slot: int
    seq: int


class Guardian(Protocol):
    """The other end of the socketpair."""

    def packet(self, process: "NodeProcess", packet: protocol.ToGuardian) -> None:
        """A packet of the node process arrives."""


class NodeHost(Host, Protocol):
    """The machine, as its node process sees it."""

    kernel: Kernel

    @property
    def guardian(self) -> Guardian | None:
        """The guardian, while it lives."""

    def node_rng(self) -> Random:
        """The randomness of one process."""

    def node_saved(self, process: "NodeProcess", save: fx.Save, *, ok: bool) -> None:
        """A write of this process has returned."""

    def node_ended(self, process: "NodeProcess", code: int) -> None:
        """The process asked to exit."""

    def replay_conditions(self, process: "NodeProcess") -> None:
        """Tell a new process what lifecheck and uplink would tell it."""


class NodeProcess:
    """A running process of a machine; `inc` is its incarnation."""

    def __init__(self, machine: NodeHost, settings: Settings, loaded: LoadedState) -> None:
        self.machine = machine
        self.stage: Stage = machine.stage
        self.index = machine.index
        self.name = machine.name
        self.settings = settings
        self.loaded = loaded
        self.alive = True
        self.frozen = False
        self.links: dict[int, Link] = {}
        self.user_timeout_ns = max(settings.timing.soft_ns, SECOND)
        self.inc = machine.rng.randbytes(16)
        self.born = machine.clock.read(self.stage.heap.now)
        self._inbox: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()
        self._wake = -1
        self._due_ns = 0
        self._packed: dict[type[Message], tuple[Message, bytes]] = {}
        """The message of each kind that was said last, with its bytes: broadcasts, and HELLO."""
        reach_ns = settings.timing.reach_ns
        self._paths = {index: Path(reach_ns) for index in range(len(self.stage.index_of))}
        self._slot = loaded.next_slot
        self._seq = loaded.seq
        self._heals = loaded.amnesiac
        self._coordinator: str | None = None
        self._dials: dict[int, int] = {}
        self._peers = {m.name: self.stage.index_of[m.name] for m in settings.members}
        self.node = Node(
            settings,
            loaded.record,
            loaded.amnesiac,
            machine.node_rng(),
            self.born,
            machine.wall_ms(),
            self.inc,
        )

    def begin(self) -> None:
        """Say hello to the guardian, start to dial, and arm the timer."""
        self.stage.watch.tell(self.stage.watch.process_started, self)
        self._tell(protocol.NodeUp(self.inc))
        for name, index in self._peers.items():
            if name != self.name:
                self._redial(index, REDIAL_MIN_NS)
        self.machine.replay_conditions(self)
        self._arm()

    # --- events in

    def post(self, event: events.Event) -> None:
        """Let an event happen to the node, now or when it runs again."""
        if not self.alive:
            return
        if self.frozen:
            self._wait(self._step, event)
            return
        self._step(event)

    def _wait(self, do: Callable[..., None], *args: object) -> None:
        if len(self._inbox) < INBOX_MAX:
            self._inbox.append((do, args))

    def freeze(self, duration: int) -> None:
        """SIGSTOP, and SIGCONT later."""
        if self.alive and not self.frozen:
            self.frozen = True
            self.stage.heap.after(duration, self.thaw)

    def thaw(self) -> None:
        """Go on with whatever has waited."""
        if not (self.alive and self.frozen) or self.machine.kernel.suspended:
            return
        self.frozen = False
        while self._inbox and self._runs:
            do, args = self._inbox.popleft()
            do(*args)
        if self._runs:
            self._step(events.Ticked())

    @property
    def _runs(self) -> bool:
        return self.alive and not self.frozen

    def _step(self, event: events.Event) -> None:
        stage = self.stage
        now = self.machine.clock.read(stage.heap.now)
        if stage.log is not None:
            stage.log(self.name, "<-", repr(event))
        watched = stage.watch.handled.get(type(event))
        if watched is not None:
            for look in watched:
                look(self, event)
        stage.steps += 1
        for effect in self.node.step(now, event):
            self._perform(effect)
            if not self.alive:
                return
        stage.crc = crc32(now.boot_ns.to_bytes(8, "big"), stage.crc)
        self._arm()

    def _arm(self) -> None:
        self._due_ns = self.node.next_deadline
        self._arm_again()

    def _arm_again(self) -> None:
        due = self.machine.clock.when_boot_shows(self._due_ns)
        heap = self.stage.heap
        if self._wake >= 0 and self._wake <= due and self._wake > heap.now:
            return
        self._wake = max(due, heap.now)
        late = 50_000 + min(LATE_MOST_NS, int(self.machine.rng.expovariate(1 / 600_000)))
        heap.at(self._wake + late, self._tick, self._wake)

    def _tick(self, token: int) -> None:
        if token != self._wake or not self.alive:
            return
        self._wake = -1
        if self.frozen:
            return
        if self.machine.clock.read(self.stage.heap.now).boot_ns < self._due_ns:
            self._arm_again()
        else:
            self._step(events.Ticked())

    # --- effects out

    def _perform(self, effect: fx.Effect) -> None:
        stage = self.stage
        if stage.log is not None:
            stage.log(self.name, "->", repr(effect))
        match effect:
            case fx.Send(peer, message):
                self._send(peer, message)
            case (
                fx.OpenRound()
                | fx.Extend()
                | fx.Escalate()
                | fx.Deescalate()
                | fx.ProbeVip()
                | fx.CheckReady()
                | fx.Reannounce()
            ):
                self._tell(guard_translate.to_packet(effect))
            case fx.Save():
                self._save(effect)
            case fx.ArmWill():
                self._tell(protocol.ArmWill(self.inc, ()))
            case fx.StateChanged():
                stage.watch.tell(stage.watch.changed_state, self, effect)
                self._tell(guard_translate.notify(effect, self._coordinator, effect.term))
                self._coordinator = effect.coordinator
            case fx.CloseLink(peer, why):
                link = self.links.get(self._peers[peer])
                if link is not None:
                    stage.network.close(self, link, why)
            case fx.Exit(code, _):
                self.machine.node_ended(self, code)
            case fx.Note(name, _):
                stage.notes[name] += 1
            case fx.Alarm(name, _):
                stage.alarms[name] += 1
            case fx.Reply():
                stage.replies += 1
            case _:
                assert_never(effect)

    def _send(self, peer: str, message: Message) -> None:
        stage = self.stage
        watched = stage.watch.sent.get(type(message))
        if watched is not None:
            for look in watched:
                look(self, peer, message)
        kind = type(message)
        known = self._packed.get(kind)
        if known is None or known[0] is not message:
            known = self._packed[kind] = (message, codec.encode(message))
        index = self._peers[peer]
        path, now_ns = self._paths[index], self.machine.clock.read(stage.heap.now).boot_ns
        frame = Frame(path.ways.next_seq(), known[1])
        choice = path.choose(message, now_ns)
        stage.sends += 1
        if choice.udp:
            sink = stage.machines[index].node
            stage.network.send_datagram(self.index, sink, path.seal(self.inc, frame, now_ns))
        if choice.tcp and (link := self.links.get(index)) is not None:
            stage.network.send(self, link, frame)

    def _tell(self, packet: protocol.ToGuardian) -> None:
        self.stage.rounds += type(packet) is protocol.OpenRound
        if type(packet) is protocol.Escalate:
            self.stage.watch.tell(self.stage.watch.claimed, self, packet.n)
        guardian = self.machine.guardian
        if guardian is not None:
            self.stage.heap.after(GUARD_DELAY_NS, guardian.packet, self, packet)

    def _save(self, save: fx.Save) -> None:
        """As the shell's storage: in turn to both slots; after damage to both at once."""
        self._write(save, self._slot, heals=self._heals)

    def _write(self, save: fx.Save, slot: int, *, heals: bool) -> None:
        disk = self.machine.disk
        self._seq += 1
        packed = pack_record(save.record)
        block = slots.encode(self._seq, packed, self.settings.cluster_id, self.name)

        def done(ok: bool) -> None:
            if ok and heals:
                self._write(save, 1 - slot, heals=False)
                return
            if ok:
                self._slot, self._heals = 1 - slot, False
            if self.alive:
                self.machine.node_saved(self, save, ok=ok)

        disk.write(disk.node_file, slots.offset(slot), block, done)

    # --- network

    def _redial(self, peer: int, backoff: int) -> None:
        wait = int(backoff * (0.75 + 0.5 * self.machine.rng.random()))
        token = self._dials[peer] = self._dials.get(peer, 0) + 1
        backoff = min(2 * backoff, REDIAL_MAX_NS)
        self.stage.heap.after(wait, self._dial, peer, backoff, token)

    def _dial(self, peer: int, backoff: int, token: int) -> None:
        if not self.alive or peer in self.links or self._dials[peer] != token:
            return
        if not self.frozen:
            self.stage.network.dial(self, self.stage.machines[peer].node)
        self._redial(peer, backoff)

    def link_opened(self, link: Link, peer: int) -> None:
        """A connection is up, if its node is a member for this process."""
        name = self.stage.machines[peer].name
        self.links[peer] = link
        if name not in self._peers:
            self.stage.network.close(self, link, "not a member")
            return
        self.post(events.LinkOpened(name))

    def link_closed(self, link: Link, peer: int, why: str) -> None:
        """A connection has ended; dial again unless a newer one is there."""
        if self.links.get(peer) is link:
            del self.links[peer]
        name = self.stage.machines[peer].name
        if name not in self._peers:
            return
        inc = link.incs.get(peer)
        if inc is not None:
            self.post(events.LinkClosed(name, inc, why))
        self._redial(peer, REDIAL_MIN_NS)

    def arrived(self, link: Link, peer: int, frame: Frame) -> None:
        """A frame: let the node see it under the incarnation of its connection."""
        if self.frozen:
            self._wait(self.arrived, link, peer, frame)
            return
        message, path = self._read(peer, frame), self._paths[peer]
        if type(message) is Hello:
            link.incs[peer] = message.inc
            if self.links.get(peer) is link:
                path.introduced(message.inc)
        inc = link.incs.get(peer)
        if inc is not None and path.is_first(message, frame.seq, Way.TCP):
            self._step(events.MessageReceived(self.stage.machines[peer].name, inc, message))

    def datagram_arrived(self, peer: int, datagram: Datagram) -> None:
        """A datagram: it counts if its seal opens here, and is no second copy."""
        if self.frozen:
            self._wait(self.datagram_arrived, peer, datagram)
            return
        path, stage = self._paths[peer], self.stage
        if not path.opens(self.inc, datagram, self.machine.clock.read(stage.heap.now).boot_ns):
            return
        message = self._read(peer, datagram.frame)
        if path.is_first(message, datagram.frame.seq, Way.UDP):
            name = stage.machines[peer].name
            self._step(events.MessageReceived(name, datagram.sender, message))

    def _read(self, peer: int, frame: Frame) -> Message:
        stage, payload = self.stage, frame.payload
        stage.crc = crc32(payload, stage.crc)
        message = stage.read.get(payload)
        if message is None:
            message = stage.read.keep(payload, codec.decode(payload, stage.machines[peer].name))
        return message

    def will_arrived(self, peer: str, inc: bytes) -> None:
        """The datagram with a will: a RELEASE of a whole incarnation."""
        if peer in self._peers:
            self._paths[self._peers[peer]].ended(inc)
            gone = Release(Tenure(peer, inc, GONE_NO), 0, None, True)
            self.post(events.MessageReceived(peer, inc, gone))

    def from_guardian(self, packet: protocol.ToNode) -> None:
        """A packet of the guardian."""
        self.post(guard_translate.to_event(packet))

    @property
    def is_coordinator(self) -> bool:
        """Whether the node says that it leads."""
        return self.node.state is State.COORDINATOR

    @property
    def is_in_trouble(self) -> bool:
        """Whether the node says that its network is lost."""
        return self.node.state is State.IN_NW_TROUBLE

    def status(self) -> str:
        """What the node says of itself, in short."""
        told = self.node.status()
        keys = ("state", "phase", "term", "coordinator", "memory", "waiting_for", "unfit", "alarms")
        return ", ".join(f"{key} {told[key]}" for key in keys if told[key])
