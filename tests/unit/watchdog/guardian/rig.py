"""A rig for the deadline: plays the machine, with answers that a test can change."""

from collections.abc import Iterable
from typing import TypeVar

from tests.support import at
from watchdog.guardian import actions as act
from watchdog.guardian.deadline import Deadline
from watchdog.guardian.policy import Policy
from watchdog.guardian_protocol import (
    ArmWill,
    Deescalate,
    Escalate,
    Extend,
    NodeUp,
    OpenRound,
    ToGuardian,
    ToNode,
    Warned,
)
from watchdog.instant import MS, SECOND

INC = b"i" * 16
WILL = ArmWill(b"sealed", (("10.0.0.2", 9000),))
SOFT_MS, HARD_MS = 900, 1800
A = TypeVar("A")


def policy(**changes: bool | int) -> Policy:
    """Return a policy with everything; bounds in ms: deesc 500, drop 100, slack 100."""
    facts: dict[str, bool | int] = {
        "has_vips": True, "has_escalation": True, "has_de_escalation": True,
        "deesc_ns": 500 * MS, "drop_ns": 100 * MS, "slack_ns": 100 * MS,
        "escalation_timeout_ns": 10 * SECOND,
    }  # fmt: skip
    return Policy(**(facts | changes))  # type: ignore[arg-type]


BARE = {"has_vips": False, "has_escalation": False, "has_de_escalation": False, "deesc_ns": 0}
VIP_ONLY = {"has_escalation": False, "has_de_escalation": False, "deesc_ns": 0}


class Rig:
    """Time in ms; `seen` has every action; acts are answered at once unless told otherwise."""

    def __init__(self, the_policy: Policy | None = None, ledger: act.Ledger | None = None) -> None:
        self.ms = 0.0
        self.raw_ms = 0.0
        self.deadline = Deadline(the_policy or policy(), ledger or act.Ledger(0, False), at(0))
        self.seen: list[act.Action] = []
        self.silent: set[type] = set()
        self.vip_fault = self.gate_fault = ""
        self.vips_here = 0
        self.n = self.round = self.wakes = 0

    def feed(self, *events: act.Input) -> list[act.Action]:
        """Step, and answer what is asked for; the actions of all these steps."""
        waiting = list(events)
        got: list[act.Action] = []
        for _ in range(1000):
            if not waiting:
                break
            actions = self.deadline.step(at(self.ms, self.raw_ms), waiting.pop(0))
            got += actions
            waiting += [e for a in actions for e in self._answer(a)]
        self.seen += got
        return got

    def _answer(self, action: act.Action) -> Iterable[act.Input]:
        if type(action) in self.silent:
            return []
        match action:
            case act.SaveLedger():
                return [act.LedgerSaved(True, "")]
            case act.AddVips() | act.RefreshVips():
                self.vips_here = 1
                return [act.VipsAdded(True, "")]
            case act.RemoveVips():
                self.vips_here = int(bool(self.vip_fault))
                return [act.VipsRemoved(not self.vip_fault, self.vip_fault)]
            case act.KillHooks(ticket):
                return [act.HooksKilled(ticket)]
            case act.StartHook(kind):
                return [act.HookExited(kind, True, "exit code 0")]
            case act.CheckHooks(rid):
                return [act.HooksChecked(rid, True, "")]
            case act.StartNode():
                return [act.NodeStarted()]
            case act.KillNode():
                return [act.NodeExited(-9)]
            case act.OpenTicket(no, number):
                return [act.TicketOpened(no, number, True, "")]
            case act.ArmGate(no, number):
                return [act.GateArmed(no, number, not self.gate_fault, self.gate_fault)]
            case act.CheckMachine():
                return [act.MachineChecked(self.vips_here, 1 - self.vips_here)]
            case _:
                return []

    def wait(self, ms: float) -> list[act.Action]:
        """Let time pass on both clocks, waking whenever the deadline wants to."""
        got: list[act.Action] = []
        end = self.ms + ms
        for _ in range(10_000):
            wake = self.deadline.next_deadline
            if wake is None or wake / MS >= end:
                break
            self.pass_to(wake / MS)
            self.wakes += 1
            got += self.feed(act.Ticked())
        self.pass_to(end)
        return got + self.feed(act.Ticked())

    def pass_to(self, ms: float) -> None:
        """Set both clocks forward."""
        ms = max(ms, self.ms)
        self.raw_ms += ms - self.ms
        self.ms = ms

    # --- the node's side

    def start(self) -> "Rig":
        """Start the guardian and a node process that has greeted and armed its will."""
        self.feed(act.Started())
        self.say(NodeUp(INC))
        self.say(WILL)
        return self

    def say(self, packet: ToGuardian) -> list[act.Action]:
        """Have the node say something."""
        return self.feed(act.FromNode(packet))

    def open(self, no: int = 1) -> None:
        """Open the next round, and let a millisecond pass before it is sent."""
        self.round += 1
        self.say(OpenRound(no, self.round))
        self.pass_to(self.ms + 1)

    def escalate(
        self, epoch: int = 5, no: int = 1, age_ms: float = 0, **k: int
    ) -> list[act.Action]:
        """Escalate with the newest round, sent `age_ms` ago."""
        self.n += 1
        s = at(self.ms - age_ms, self.raw_ms - age_ms)
        number = k.get("round", self.round)
        soft, hard = k.get("soft_ms", SOFT_MS), k.get("hard_ms", HARD_MS)
        return self.say(Escalate(self.n, no, epoch, number, s, soft, hard))

    def extend(self, epoch: int = 5, no: int = 1, age_ms: float = 0, **k: int) -> list[act.Action]:
        """Extend with the newest round, sent `age_ms` ago."""
        self.n += 1
        s = at(self.ms - age_ms, self.raw_ms - age_ms)
        return self.say(Extend(self.n, no, epoch, k.get("round", self.round), s))

    def deescalate(self, why: str = "resigned") -> list[act.Action]:
        """Ask to go off."""
        self.n += 1
        return self.say(Deescalate(self.n, why))

    def on(self, epoch: int = 5, no: int = 1) -> "Rig":
        """Go on, and check that it worked."""
        self.open(no)
        self.escalate(epoch, no)
        assert self.deadline.is_on
        return self


class Said(list[ToNode]):
    """Packets that compare by kind too: as bare tuples Off(1) and Escalated(1) are equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and [*map(repr, self)] == [*map(repr, other)]

    def __contains__(self, packet: object) -> bool:
        return repr(packet) in map(repr, self)

    __hash__ = None


def told(actions: Iterable[act.Action]) -> Said:
    """Return the packets among some actions, but for alarms said once more (see `warned`)."""
    packets = (action.packet for action in actions if isinstance(action, act.Tell))
    return Said(packet for packet in packets if not isinstance(packet, Warned))


def warned(actions: Iterable[act.Action]) -> list[str]:
    """Return the names of the alarms that the node is told of."""
    packets = (action.packet for action in actions if isinstance(action, act.Tell))
    return [packet.name for packet in packets if isinstance(packet, Warned)]


def only(kind: type[A], actions: Iterable[act.Action]) -> list[A]:
    """Return the actions of one kind."""
    return [action for action in actions if isinstance(action, kind)]


def names(actions: Iterable[act.Action]) -> list[str]:
    """Return the kinds of the actions that touch the machine, in order."""
    touching = (
        act.AddVips, act.RemoveVips, act.StartHook, act.KillHooks, act.SendWill, act.StartNode,
        act.SaveLedger, act.Announce, act.ArmGate, act.CloseGate, act.WatchClaim,
        act.UnwatchClaim, act.PetWatchdog, act.CloseWatchdog, act.Fence,
    )  # fmt: skip
    return [type(action).__name__ for action in actions if isinstance(action, touching)]
