"""The guardian's decisions: what must be on or off by when, whatever the node process does.

`Deadline.step(now, input)` returns the actions to perform, in order; `main` performs them and
feeds back what came of them, and so does the simulator: no rule of the guardian is anywhere else.
Rule: off at `s` + soft unless a newer round of the same tenure moved `s`; nobody learns that the
node died before all is confirmed off (docs/election.md, 6: G1-G7, G9).
"""

from typing import Final, assert_never

from watchdog.guardian import actions as act
from watchdog.guardian.due import wake_for_next_ns
from watchdog.guardian.holding import Holding
from watchdog.guardian.node_life import NodeLife
from watchdog.guardian.phase import WAITING, Phase
from watchdog.guardian.policy import Policy
from watchdog.guardian_protocol import (
    ArmWill,
    CheckReady,
    Command,
    Deescalate,
    Escalate,
    Extend,
    ExtendRefused,
    NodeUp,
    Notify,
    OpenRound,
    ProbeFinished,
    ProbeVip,
    ReadyChecked,
    Reannounce,
    ToGuardian,
    ToNode,
    Warned,
    Welcome,
)
from watchdog.instant import Instant

ASKED_MAX: Final = 16
EXIT_AGAIN: Final = 1
"""Exit code after which the service manager starts us again."""


class Deadline:
    """One life of the guardian. `ledger` is what its file says.

    The first input is Started; `next_deadline` says when to step(Ticked()) at the latest.
    """

    def __init__(self, policy: Policy, ledger: act.Ledger, now: Instant) -> None:
        self._policy = policy
        self._now = now
        self._holding = Holding(policy, ledger, now)
        self._life = NodeLife(policy, now)
        self._out = self._holding.out
        self._asked: set[tuple[str, int]] = set()
        self.next_deadline: int | None = None
        """BOOTTIME in ns; None when there is nothing to wait for."""

    @property
    def phase(self) -> Phase:
        """How far it is between off and on."""
        return self._holding.phase

    @property
    def last_epoch(self) -> int:
        """The last epoch it was asked to go on with."""
        return self._holding.epochs.last

    @property
    def in_words(self) -> str:
        """The phase for people."""
        return self.phase.value + (f": epoch {self.last_epoch}" if self.is_on else "")

    @property
    def is_on(self) -> bool:
        """Whether anything of VIP, hook and escalated service may exist."""
        return self.phase not in (Phase.OFF, *WAITING)

    @property
    def is_settled(self) -> bool:
        """Whether what must end with the tenure may be started now; decides nothing here."""
        return self._holding.is_settled

    def step(self, now: Instant, event: act.Input) -> tuple[act.Action, ...]:
        """Take one input in: expire first, then believe it, then do what is due."""
        self._now = now
        self._out.clear()
        if isinstance(event, act.Stalled):  # first, because what expires now is explained by it
            self._holding.lateness.note(event.late_ms, event.stolen_ms, now)
        self._holding.expire(now)
        self._take(event)
        self._holding.look()
        self._look_at_node()
        self._holding.check()
        self.next_deadline = self._look_ahead()
        alarms = [a for a in self._out if isinstance(a, act.Alarm)]
        self._out += [act.Tell(Warned(alarm.name, alarm.text)) for alarm in alarms]
        if self._life.is_up:
            return tuple(self._out)
        return tuple([a for a in self._out if not isinstance(a, act.Tell)])

    def _look_ahead(self) -> int | None:
        return wake_for_next_ns(self._now, self._life.dues + self._holding.dues)

    def _look_at_node(self) -> None:
        is_off = self.phase is Phase.OFF
        if is_off:
            allowed = self._holding.is_will_allowed
            self._out += self._life.on_off(self._now, is_will_allowed=allowed)
        self._out += self._life.look(
            self._now,
            is_off=is_off,
            hard=self._holding.hard,
            is_saving=self._holding.epochs.saving is not None,
        )

    # --- inputs

    def _take(self, event: act.Input) -> None:
        match event:
            case act.Ticked() | act.Stalled():
                pass
            case act.FromNode(packet):
                self._take_packet(packet)
            case act.LedgerSaved(ok, why):
                self._holding.on_ledger_saved(ok=ok, why=why)
            case act.VipsAdded(ok, why):
                self._holding.on_vips_added(ok=ok, why=why)
            case act.VipsRemoved(ok, why):
                self._holding.on_vips_removed(ok=ok, why=why)
            case act.HookExited(kind, ok, detail):
                self._holding.on_hook_exited(kind, ok=ok, detail=detail)
            case act.HooksKilled(ticket):
                self._holding.on_hooks_killed(ticket)
            case act.HooksChecked(rid, ok, reason):
                is_ok = ok and self.phase is Phase.OFF
                self._answer("ready", rid, ReadyChecked(rid, is_ok, reason))
            case act.VipsProbed(rid, answered, detail):
                self._answer("probe", rid, ProbeFinished(rid, answered, detail))
            case act.VipClaimed(detail):
                self._holding.on_vip_claimed(detail)
            case act.TicketOpened():
                self._out += self._holding.gating.on_ticket_opened(event, self._now)
            case act.GateArmed(no, number, ok, why):
                self._holding.on_gate_armed(no, number, ok=ok, why=why)
            case act.GateChecked(ok, why):
                self._on_gate_checked(ok=ok, why=why)
            case act.MachineChecked(present, absent):
                self._holding.on_machine_checked(present, absent)
            case act.WatchdogFailed(why):
                self._out.append(act.Alarm("watchdog_failed", why))
                self._on_backstop_lost("the hardware watchdog cannot be petted")
            case act.SentinelLost(why):
                self._out.append(act.Alarm("sentinel_lost", why))
                self._on_backstop_lost("the sentinel is gone")
            case act.Started():
                self._life.begin(self._now)
                self._holding.clean_leftovers()
            case act.NodeStarted():
                self._on_node_started()
            case act.NodeClosed(why):
                self._on_node_closed(why)
            case act.NodeExited(code):
                self._on_node_exited(code)
            case act.StopRequested():
                self._on_stop()
            case _:
                assert_never(event)

    def _on_node_started(self) -> None:
        self._life.on_started(self._now)
        self._holding.n = 0
        if self._life.is_stopping:
            self._out.append(act.TerminateNode())

    def _on_node_exited(self, code: int) -> None:
        self._out.append(act.Log("node_exited", f"code {code}"))
        self._life.on_exited(self._now, code)
        self._asked.clear()
        self._holding.epochs.last_no = None
        self._holding.give_up("node_gone")
        self._holding.gating.forget()

    def _on_gate_checked(self, *, ok: bool, why: str) -> None:
        """Somebody had removed the gate; once it is made anew, the next round arms it."""
        if ok:
            self._out.append(act.Alarm("gate_was_gone", why))
        else:
            self._out.append(act.Alarm("gate_failed", why))
            self._on_backstop_lost("the gate is gone")

    def _on_backstop_lost(self, why: str) -> None:
        # A node that cannot go on must not stand in the way of those who can; and what is lost can
        # be had again only at the start, before anything else runs: the service manager starts us.
        self._holding.backstops.lose(why)
        self._holding.give_up("backstop_lost")
        self._life.stop(self._now, act.Exit(EXIT_AGAIN, why))
        if self._life.is_alive:
            self._out.append(act.TerminateNode())

    def _on_stop(self) -> None:
        if self._life.is_stopping:
            self._condemn("asked to stop again")
            return
        self._life.stop(self._now)
        if self._life.is_alive:
            self._out.append(act.TerminateNode())

    def _on_node_closed(self, why: str) -> None:
        if not self._life.is_stopping:
            self._condemn(why)
            return
        # It was asked to end, and may still be saying its RELEASE; the bound of the stop holds.
        self._life.close()
        self._holding.give_up("node_closed")

    def _condemn(self, why: str) -> None:
        self._out += self._life.condemn(why)
        self._holding.give_up("node_closed")

    # --- packets of the node process

    def _take_packet(self, packet: ToGuardian) -> None:
        if not self._life.is_alive or self._life.is_deaf:
            return
        if isinstance(packet, NodeUp) == self._life.is_up:
            self._condemn("the first packet, and only the first, is NodeUp")
            return
        match packet:
            case NodeUp():
                self._life.is_up = True
                has = self._policy.has_gate, self._policy.watchdog_ns > 0
                self._tell(Welcome(self.last_epoch, self.phase is Phase.OFF, *has))
            case OpenRound(no, number):
                self._out += self._holding.gating.open_round(no, number, self._now)
            case ArmWill():
                self._life.arm(packet)
            case Notify():
                self._out.append(act.RunNotify(packet))
            case Reannounce():
                self._holding.reannounce()
            case ProbeVip(rid, duration_ms):
                self._on_probe(rid, duration_ms)
            case CheckReady(rid):
                self._on_check_ready(rid)
            case Extend() | Escalate() | Deescalate():
                self._take_command(packet)
            case _:
                assert_never(packet)

    def _take_command(self, packet: Command) -> None:
        if packet.n <= self._holding.n:
            self._condemn("the numbers of commands only rise")
            return
        self._holding.n = packet.n
        match packet:
            case Extend():
                if not self._holding.extend(packet):
                    self._tell(ExtendRefused(packet.n))
            case Escalate():
                self._holding.escalate(packet)
            case Deescalate(_, why):
                self._holding.deescalate(why)
            case _:
                assert_never(packet)

    def _on_probe(self, rid: int, duration_ms: int) -> None:
        if not self._policy.has_vips:
            self._tell(ProbeFinished(rid, answered=False, detail=""))
        elif self._ask("probe", rid):
            self._out.append(act.ProbeVips(rid, duration_ms))

    def _on_check_ready(self, rid: int) -> None:
        if self.phase is not Phase.OFF:
            self._tell(ReadyChecked(rid, ok=False, reason=f"guardian is {self.phase.value}"))
        elif self._holding.epochs.durable is None:
            self._out += self._holding.epochs.save()
            self._tell(ReadyChecked(rid, ok=False, reason="guardian cannot save its ledger"))
        elif self._ask("ready", rid):
            self._out.append(act.CheckHooks(rid))

    def _ask(self, what: str, rid: int) -> bool:
        if len(self._asked) >= ASKED_MAX:
            self._condemn("too many questions at once")
            return False
        self._asked.add((what, rid))
        return True

    def _answer(self, what: str, rid: int, packet: ReadyChecked | ProbeFinished) -> None:
        # An answer to a question of an earlier node process is for nobody.
        if (what, rid) in self._asked:
            self._asked.discard((what, rid))
            self._tell(packet)

    def _tell(self, packet: ToNode) -> None:
        self._out.append(act.Tell(packet))
