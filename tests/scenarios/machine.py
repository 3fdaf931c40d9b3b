"""One machine of a story: disk, guardian, node process and VIP, with constant delays.

Shipped are `Node`, the guardian's `Deadline`, the packets between them and the reconciliation of
a file with the stored membership; the rest is the least that performs what they ask for.
"""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, assert_never

from tests.scenarios.gate import Gate
from tests.scenarios.heap import BOOT_NS, Heap
from watchdog import guardian_protocol as protocol
from watchdog.config.membership import reconcile
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.messages import Message
from watchdog.core.node import Node
from watchdog.core.settings import Member, Settings, Timing
from watchdog.guardian import actions as act
from watchdog.guardian.deadline import Deadline
from watchdog.guardian.policy import Policy
from watchdog.instant import MS
from watchdog.shell import guard_translate

DISK_NS: Final = 5 * MS
PACKET_NS: Final = MS // 20
WORK_NS: Final = MS // 5
SPAWN_NS: Final = 50 * MS
WALL_MS: Final = 1_700_000_000_000
CLUSTER: Final = hashlib.sha256(b"story").digest()


@dataclass
class Plan:
    """What the file of a machine says; `accept` is the option of its next start."""

    members: tuple[Member, ...]
    accept: bool = False
    has_vip: bool = False
    failback: bool = False


@dataclass
class Disk:
    """What survives a power loss."""

    record: fx.HardState | None = None
    ledger: act.Ledger = act.Ledger(0, dirty=False)  # noqa: RUF009 - immutable
    older: fx.HardState | None = None
    delay_ns: int = DISK_NS
    fails: bool = False


def digest_of(members: tuple[Member, ...]) -> bytes:
    """The members digest."""
    listed = sorted((m.name, m.weight) for m in members)
    return hashlib.sha256(CLUSTER + repr(listed).encode()).digest()


class Surroundings(Protocol):
    """What a machine knows of the world."""

    timing: Timing
    heap: Heap

    def spawned(self) -> int:
        """A number for each node process."""

    def say(self, who: str, what: str) -> None:
        """One line of the story."""

    def tell(self, who: str, effect: fx.Effect) -> None:
        """An effect, if the story shows it."""

    def vip_holders(self) -> set[str]:
        """Who has the VIP up."""

    def check(self) -> None:
        """Never two."""

    def process_started(self, machine: "Machine") -> None:
        """Connect it."""

    def process_gone(self, machine: "Machine", *, tells: bool) -> None:
        """End its connections."""

    def send(self, sender: "Machine", peer: str, message: Message) -> None:
        """A message on its way."""

    def send_will(self, name: str, inc: bytes) -> None:
        """The guardian's datagram."""


class Machine:
    """One machine: disk, guardian, node process, VIP."""

    def __init__(self, name: str, world: Surroundings, plan: Plan) -> None:
        self.name = name
        self.world = world
        self.plan = plan
        self.disk = Disk()
        self.guardian: Deadline | None = None
        self.node: Node | None = None
        self.inc = b""
        self.life = 0
        self.has_vip = False
        self.dead: set[str] = set()
        self.gate: Gate | None = None
        self.is_frozen = False
        """The node process is stopped: its events are lost on it."""
        self.is_silent = False
        """The guardian is stopped: its inputs are lost on it."""

    @property
    def now_ns(self) -> int:
        """The time."""
        return self.world.heap.now_ns

    # --- life and death

    def power_on(self) -> None:
        """Start the service."""
        timing = self.world.timing
        policy = Policy(
            drop_ns=timing.drop_ns,
            slack_ns=timing.slack_ns,
            deesc_ns=timing.deesc_ns,
            escalation_timeout_ns=timing.escalation_timeout_ns,
            has_vips=True,
            has_escalation=False,
            has_de_escalation=False,
            has_gate=self.gate is not None,
            ticket_ns=timing.ticket_ns,
        )
        self.life += 1
        self.guardian = Deadline(policy, self.disk.ledger, self.world.heap.read())
        self.to_guardian(act.Started())

    def power_off(self) -> None:
        """Everything of this machine is gone at once; peers are not told."""
        self.life += 1
        self.guardian = self.node = None
        self._vip(up=False)
        self.world.process_gone(self, tells=False)

    def node_gone(self, code: int) -> None:
        """The node process ended; the kernel closes its connections."""
        if self.node is None:
            return
        self.node = None
        self.world.process_gone(self, tells=True)
        self.later(WORK_NS, lambda: self.to_guardian(act.NodeExited(code)))

    def start_node(self) -> None:
        """The guardian spawns a node process."""
        settings = self._settings()
        self.inc = hashlib.sha256(f"{self.name}{self.life}{self.world.spawned()}".encode()).digest()
        self.inc = self.inc[:16]
        heap = self.world.heap
        record = self.disk.record
        rng = random.Random(f"{self.name}{self.life}")
        now, wall = heap.read(), WALL_MS + heap.now_ns // MS
        amnesiac = record is None
        self.node = Node(settings, record, amnesiac, rng, now, wall, self.inc)
        self.to_guardian(act.NodeStarted())
        self.tell_guardian(protocol.NodeUp(self.inc))
        self.world.process_started(self)
        self._arm()

    def _settings(self) -> Settings:
        plan, record = self.plan, self.disk.record
        stored = None if record is None else record.members
        listed = [{"name": m.name, "weight": m.weight, "address": m.name} for m in plan.members]
        asked = {
            "cluster_id": CLUSTER.hex(),
            "config_file": f"{self.name}.conf",
            "node_process": {"members": listed, "accept_membership": plan.accept},
        }
        made, alarm = reconcile(asked, stored, {})
        if alarm is not None:
            self.world.say(self.name, "runs with the stored membership")
        weights: dict[str, Any] = {m["name"]: m["weight"] for m in made["node_process"]["members"]}
        members = tuple(
            replace(m, weight=weights[m.name]) for m in plan.members if m.name in weights
        )
        old = None
        if plan.accept and record is not None and record.digest != digest_of(members):
            old = record.members
        return Settings(
            self.name,
            CLUSTER,
            members,
            digest_of(members),
            self.world.timing,
            failback=plan.failback,
            has_vip=plan.has_vip,
            old_members=old,
        )

    def later(self, delay_ns: int, do: Callable[[], None]) -> None:
        """As `Heap.after`, unless this machine has lost its power meanwhile."""
        life = self.life
        self.world.heap.after(delay_ns, lambda: do() if self.life == life else None)

    # --- the node process

    def post(self, event: ev.Event) -> None:
        """One event for the node."""
        if self.node is None or self.is_frozen:
            return
        node = self.node
        for effect in node.step(self.world.heap.read(), event):
            self._perform(effect)
        if self.node is node:
            self._arm()

    def _arm(self) -> None:
        node = self.node
        assert node is not None
        due = node.next_deadline - BOOT_NS - self.world.heap.now_ns
        self.later(due, lambda: self._tick(node))

    def _tick(self, node: Node) -> None:
        if self.node is node and self.world.heap.read().boot_ns >= node.next_deadline:
            self.post(ev.Ticked())

    def _perform(self, effect: fx.Effect) -> None:
        self.world.tell(self.name, effect)
        match effect:
            case fx.Send(peer, message):
                self.world.send(self, peer, message)
            case (
                fx.OpenRound()
                | fx.Extend()
                | fx.Escalate()
                | fx.Deescalate()
                | fx.ProbeVip()
                | fx.CheckReady()
                | fx.Reannounce()
            ):
                self.tell_guardian(guard_translate.to_packet(effect))
            case fx.ArmWill():
                self.tell_guardian(protocol.ArmWill(self.inc, ()))
            case fx.Save():
                self._save(effect)
            case fx.Exit(code, _):
                self.later(0, lambda: self.node_gone(code))
            case fx.StateChanged() | fx.Note() | fx.Alarm() | fx.Reply() | fx.CloseLink():
                pass
            case _:
                assert_never(effect)

    def _save(self, save: fx.Save) -> None:
        node = self.node

        def done() -> None:
            if self.disk.fails:
                event: ev.Event = ev.SaveFailed(save.ticket, "EIO")
            else:
                self.disk.older, self.disk.record = self.disk.record, save.record
                event = ev.Saved(save.ticket)
            if self.node is node:
                self.post(event)

        self.later(self.disk.delay_ns, done)

    # --- the guardian

    def tell_guardian(self, packet: protocol.ToGuardian) -> None:
        """A packet on its way to the guardian, through its bytes."""
        node, data = self.node, protocol.pack(packet)

        def arrive() -> None:
            if self.node is node and node is not None:
                self.to_guardian(act.FromNode(protocol.unpack_to_guardian(data)))

        self.later(PACKET_NS, arrive)

    def to_guardian(self, event: act.Input) -> None:
        """One input for the guardian."""
        guardian = self.guardian
        if guardian is None or self.is_silent:
            return
        for action in guardian.step(self.world.heap.read(), event):
            self._act(action)
        due = guardian.next_deadline
        if self.guardian is guardian and due is not None:
            wait = due - BOOT_NS - self.world.heap.now_ns
            self.later(wait, lambda: self._guardian_tick(guardian))

    def _guardian_tick(self, guardian: Deadline) -> None:
        due = guardian.next_deadline
        is_due = due is not None and self.world.heap.read().boot_ns >= due
        if self.guardian is guardian and is_due:
            self.to_guardian(act.Ticked())

    def _act(self, action: act.Action) -> None:
        match action:
            case act.Tell(packet):
                node = self.node
                self.later(PACKET_NS, lambda: self._from_guardian(node, packet))
            case act.SaveLedger(ledger):
                self._save_ledger(ledger)
            case act.AddVips() | act.RefreshVips():
                self._vip(up=True)
                self._answer(WORK_NS, act.VipsAdded(ok=True, why=""))
            case act.RemoveVips():
                self._vip(up=False)
                self._answer(WORK_NS, act.VipsRemoved(ok=True, why=""))
            case act.CheckHooks(rid):
                self._answer(WORK_NS, act.HooksChecked(rid, ok=True, reason=""))
            case act.ProbeVips(rid, duration_ms):
                answered = bool(self.world.vip_holders() - {self.name})
                found = act.VipsProbed(rid, answered, "02:00:00:00:00:01")
                self._answer(duration_ms * MS, found)
            case act.KillHooks(ticket):
                self._answer(WORK_NS, act.HooksKilled(ticket))
            case act.SendWill(will):
                self.world.send_will(self.name, will.datagram)
            case act.StartNode():
                self.later(SPAWN_NS, self.start_node)
            case act.KillNode() | act.TerminateNode() | act.Exit():
                self._end(action)
            case act.Alarm(name, _):
                self.world.say(self.name, f"guardian alarm {name}")
            case act.CheckMachine():
                self._answer(WORK_NS, act.MachineChecked(int(self.has_vip), int(not self.has_vip)))
            case act.StartHook() | act.Announce() | act.RunNotify() | act.Log():
                pass
            case act.OpenTicket() | act.ArmGate() | act.CloseGate():
                assert self.gate is not None
                self._answer(WORK_NS, *self.gate.take(action))
            case (
                act.WatchClaim()
                | act.UnwatchClaim()
                | act.PetWatchdog()
                | act.CloseWatchdog()
                | act.Fence()
            ):
                raise AssertionError(f"the policy of a scenario asks for no {action}")
            case _:
                assert_never(action)

    def _end(self, action: act.KillNode | act.TerminateNode | act.Exit) -> None:
        if isinstance(action, act.KillNode):
            self.later(WORK_NS, lambda: self.node_gone(-9))
        elif isinstance(action, act.TerminateNode):
            self.later(WORK_NS, lambda: self.post(ev.CommandReceived(0, ev.Command.STOP)))
        else:
            self.guardian = None
            self.world.say(self.name, f"guardian exits {action.code}")

    def _from_guardian(self, node: Node | None, packet: protocol.ToNode) -> None:
        if self.node is node and node is not None:
            self.post(guard_translate.to_event(packet))

    def _answer(self, delay_ns: int, *events: act.Input) -> None:
        def done() -> None:
            for event in events:
                self.to_guardian(event)

        self.later(delay_ns, done)

    def _save_ledger(self, ledger: act.Ledger) -> None:
        def done() -> None:
            self.disk.ledger = ledger
            self.to_guardian(act.LedgerSaved(ok=True, why=""))

        self.later(DISK_NS, done)

    def guardian_went_off(self, number: int) -> None:
        """Its OFF: of an old command nothing comes; of the last one the VIP is down."""
        if number:
            self._vip(up=False)
        self.post(ev.Off(number))

    def wakes(self, late_ms: int, stolen_ms: int) -> None:
        """Nobody had let guardian and node process run."""
        self.is_frozen = self.is_silent = False
        self.to_guardian(act.Stalled(late_ms, stolen_ms))
        self.post(ev.Stalled(late_ms, stolen_ms))

    def gate_closes(self) -> None:
        """Nobody renewed the lease in the kernel."""
        self._vip(up=False)

    def _vip(self, *, up: bool) -> None:
        if up is self.has_vip:
            return
        self.has_vip = up
        self.world.say(self.name, "VIP up" if up else "VIP down")
        self.world.check()
