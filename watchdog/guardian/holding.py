"""What is on, by whose claim and until when: one claim at a time, and its way up and down.

Pure; part of `deadline`.  A claim is looked at when it comes and again when `last_epoch` is
durable, and the address is looked at once more after it was added; from then on only rounds that
were opened before they were sent move its end (docs/election.md, 6: G1, G2, G5, G9).
"""

from dataclasses import replace
from enum import Enum
from typing import Final

from watchdog.guardian import actions as act
from watchdog.guardian.due import Due
from watchdog.guardian.going_off import GoingOff
from watchdog.guardian.policy import Claim, Policy
from watchdog.guardian.rounds import ROUNDS_MAX, Rounds
from watchdog.guardian_protocol import (
    Escalate,
    Escalated,
    Extend,
    HookEnded,
    Notify,
    Off,
    OffFailed,
)
from watchdog.instant import MS, SECOND, Instant, elapsed_hi, elapsed_lo, has_jumped

ANNOUNCE_GAPS_NS: Final = (SECOND, 4 * SECOND, 30 * SECOND)
"""Gaps of the repeated announcements; the last one goes on."""
CLAIMED_GAP_NS: Final = SECOND // 5
CONFLICT_GAP_NS: Final = 30 * SECOND
REFRESH_GAP_NS: Final = SECOND


class Phase(Enum):
    """SAVING: a claim waits for the disk, nothing is on yet. From ADDING on anything may be on."""

    OFF = "off"
    SAVING = "saving"
    ADDING = "adding"
    ON = "on"
    GOING_OFF = "going off"
    OFF_FAILED = "off failed"


CLAIMED: Final = (Phase.SAVING, Phase.ADDING, Phase.ON)
GOING: Final = (Phase.GOING_OFF, Phase.OFF_FAILED)


class Holding:
    """`n` is the number of the last command; `out` collects the actions of the current step."""

    def __init__(self, policy: Policy, ledger: act.Ledger, now: Instant) -> None:
        self.phase = Phase.OFF
        self.rounds = Rounds()
        self.out: list[act.Action] = []
        self.n = 0
        self.last_no: int | None = None
        self.last_epoch = ledger.last_epoch
        self.durable: act.Ledger | None = ledger
        self.saving: act.Ledger | None = None
        self._policy = policy
        self._now = now
        self._is_dirty = ledger.dirty
        self._claim: Claim | None = None
        self._going: GoingOff | None = None
        self._ticket = 0
        self._hook_by: Due | None = None
        self._is_hook_ok = False
        self._no_will: Due | None = None
        self._announce: Due | None = None
        self._announced = 0
        self._heard_claim: Due | None = None
        self._told_conflict: Due | None = None
        self._refresh: Due | None = None

    @property
    def is_will_allowed(self) -> bool:
        """Whether voters may be told that all is over: not within `hard` of a failed hook."""
        return not self._no_will or self._no_will.is_past(self._now)

    @property
    def is_settled(self) -> bool:
        """Whether it is on and its escalation hook, if there is one, has succeeded."""
        return self.phase is Phase.ON and self._is_hook_ok

    @property
    def hard(self) -> Due | None:
        """When the next node process may start although something may still be on."""
        return self._going.hard if self._going else None

    @property
    def dues(self) -> list[Due]:
        """When `look` or `expire` has something to do."""
        dues = [self._claim.soft] if self._claim else []
        if self._going:
            dues += [*self._going.dues, self._going.hard]
        return dues + [due for due in (self._hook_by, self._announce) if due]

    # --- time

    def expire(self, now: Instant) -> None:
        """Before anything new is believed: has the lease ended, was the machine asleep?"""
        jumped = has_jumped(now, self._now)
        self._now = now
        if jumped:
            self.give_up("clock_jump")
        elif self._claim and self._claim.soft.is_past(now):
            self.give_up("lease_ended")

    def look(self) -> None:
        """Do what is due."""
        if self._hook_by and self._hook_by.is_past(self._now):
            self._hook_by = None
            self._ticket += 1
            self.out.append(act.KillHooks(self._ticket))
            self._end_hook(ok=False, detail="not done within its bound; killed")
        if self._announce and self._announce.is_past(self._now):
            self._announce_now()
        if self._going:
            self._look_at_going(self._going)

    def check(self) -> None:
        """Invariants, asserted after every step."""
        assert (self._claim is not None) == (self.phase in CLAIMED), self.phase
        assert (self._going is not None) == (self.phase in GOING), self.phase
        assert len(self.rounds) <= ROUNDS_MAX
        if self._claim:
            assert not self._claim.soft.is_past(self._now), "on past soft"
            assert self._claim.epoch == self.last_epoch, "a claim below the last epoch"
        if self.phase in (Phase.ADDING, Phase.ON):
            assert self.durable is not None
            assert self.durable.last_epoch == self.last_epoch, "on before last_epoch was durable"
            assert self.durable.dirty or not self._policy.has_de_escalation
        if self.phase is not Phase.ON:
            assert self._hook_by is None, "an escalation hook may run only while on"
            assert self._announce is None, "announcing what is off"

    # --- commands

    def extend(self, packet: Extend) -> bool:
        """Move the end to `packet.s` + soft, if that is a later sending of this very tenure."""
        claim = self._claim
        if not claim or (packet.no, packet.epoch) != (claim.no, claim.epoch):
            return False
        newer = replace(claim, round=packet.round, s=packet.s)
        fault = self._fault(newer)
        if fault:
            self.out.append(act.Log("extend_refused", fault))
            return False
        if elapsed_lo(packet.s, claim.s) > 0:
            self._claim = newer
        self._refresh_vips()
        return True

    def escalate(self, packet: Escalate) -> None:
        """Go on, if nothing speaks against it; otherwise Off is the answer."""
        if self.phase in GOING:
            return  # the Off of this going-off carries our number, and so is the answer
        if self.phase in (Phase.ADDING, Phase.ON):
            self.give_up("escalate_while_on")
            return
        n, no, epoch, number, s, soft_ms, hard_ms = packet
        claim = Claim(n, no, epoch, number, s, soft_ms * MS, hard_ms * MS)
        fault = self._fault(claim)
        if fault:
            self._refuse(fault)
            return
        self._claim, self.phase = claim, Phase.SAVING
        self.last_epoch, self.last_no = epoch, no
        self._is_dirty = self._is_dirty or self._policy.has_de_escalation
        self.save()
        if self._is_durable:
            self._go_on()

    def deescalate(self, why: str) -> None:
        """Go off now; when that is so already, say it again under the new number."""
        match self.phase:
            case Phase.OFF:
                self.out.append(act.Tell(Off(self.n)))
            case Phase.OFF_FAILED:
                assert self._going, "failed without going"
                self.out.append(act.Tell(OffFailed(self.n, self._going.resisting)))
            case _:
                self.give_up(why)

    def _fault(self, claim: Claim) -> str:
        """Why the claim cannot stand at this moment (G1); empty when it can."""
        if elapsed_lo(self._now, claim.s) < 0:
            return "the round was sent in the future"
        if elapsed_hi(self._now, claim.s) >= claim.soft_ns:
            return "the lease is over"
        fault = self.rounds.fault(claim.no, claim.round, claim.s)
        if fault:
            return fault
        if claim.epoch < self.last_epoch:
            return f"epoch {claim.epoch} is below the last one, {self.last_epoch}"
        if claim.epoch == self.last_epoch and claim.no != self.last_no:
            return f"epoch {claim.epoch} belongs to another tenure"
        tail = self._policy.deesc_ns + self._policy.drop_ns + self._policy.slack_ns
        return "hard leaves no time to go off" if claim.hard_ns < claim.soft_ns + tail else ""

    def _refuse(self, why: str) -> None:
        self._claim, self.phase = None, Phase.OFF
        self.out += [act.Log("escalate_refused", why), act.Tell(Off(self.n))]

    # --- the way up

    @property
    def _wanted(self) -> act.Ledger:
        return act.Ledger(self.last_epoch, self._is_dirty)

    @property
    def _is_durable(self) -> bool:
        # A save in flight may put an older record over the one that is durable now.
        return self.saving is None and self.durable == self._wanted

    def save(self) -> None:
        """Make the record durable if it is not, and if no save is in flight."""
        if self.saving is None and self.durable != self._wanted:
            self.saving = self._wanted
            self.out.append(act.SaveLedger(self._wanted))

    def on_ledger_saved(self, *, ok: bool, why: str) -> None:
        """Look at a waiting claim again: it may have grown old meanwhile."""
        assert self.saving, "a save that nobody asked for"
        self.durable, self.saving = (self.saving if ok else None), None
        if not ok:
            self.out.append(act.Alarm("ledger_failed", why))
            if self.phase is Phase.SAVING:
                self._refuse("the ledger could not be saved")
            return
        self.save()
        if self._is_durable and self.phase is Phase.SAVING:
            self._go_on()

    def _go_on(self) -> None:
        assert self._claim, "going on without a claim"
        fault = self._fault(self._claim)
        if fault:
            self._refuse(fault)
            return
        self.phase = Phase.ADDING
        if self._policy.has_vips:
            self.out.append(act.AddVips(self._claim.lifetime_s))
        else:
            self._is_on()

    def on_vips_added(self, *, ok: bool, why: str) -> None:
        """Announce and run the hook, or go off again; also the answer to a refresh."""
        if self.phase not in (Phase.ADDING, Phase.ON):
            return
        if not ok:
            self.out.append(act.Alarm("vip_failed", why))
            self.give_up("vip_failed")
        elif self.phase is Phase.ADDING:
            self._is_on()

    def _is_on(self) -> None:
        assert self._claim, "on without a claim"
        self.phase, self._is_hook_ok = Phase.ON, False
        self._refresh = Due(self._now, REFRESH_GAP_NS)
        self._announced = 0
        self._announce_now()
        n, epoch = self._claim.n, self._claim.epoch
        self.out += [act.Log("escalated", f"epoch {epoch}"), act.Tell(Escalated(n))]
        if not self._policy.has_escalation:
            self._end_hook(ok=True, detail="")
            return
        bound_ns = self._policy.escalation_timeout_ns
        self._hook_by = Due(self._now, bound_ns)
        self.out.append(act.StartHook(act.HookKind.ESCALATION, epoch, bound_ns, "elected"))

    def _refresh_vips(self) -> None:
        if not self._claim or not self._refresh or not self._policy.has_vips:
            return
        if self._refresh.is_past(self._now):
            self._refresh = Due(self._now, REFRESH_GAP_NS)
            self.out.append(act.RefreshVips(self._claim.lifetime_s))

    def _announce_now(self) -> None:
        if not self._policy.has_vips:
            return
        gap_ns = ANNOUNCE_GAPS_NS[min(self._announced, len(ANNOUNCE_GAPS_NS) - 1)]
        self._announced += 1
        self._announce = Due(self._now, gap_ns)
        self.out.append(act.Announce())

    def on_vip_claimed(self, detail: str) -> None:
        """Contradict another machine that says a VIP is its own, five times a second at most."""
        if self.phase is not Phase.ON:
            return
        if self._heard_claim and not self._heard_claim.is_past(self._now):
            return
        self._heard_claim = Due(self._now, CLAIMED_GAP_NS)
        self.out.append(act.Announce())
        if self._told_conflict and not self._told_conflict.is_past(self._now):
            return
        self._told_conflict = Due(self._now, CONFLICT_GAP_NS)
        packet = Notify("", "", "", "", self.last_epoch, detail)
        self.out += [act.Alarm("vip_claimed", detail), act.RunNotify(packet, "conflict_won")]

    def on_hook_exited(self, kind: act.HookKind, *, ok: bool, detail: str) -> None:
        """The first process of a hook ended by itself."""
        match kind:
            case act.HookKind.ESCALATION:
                if self._hook_by:
                    self._hook_by = None
                    self._end_hook(ok=ok, detail=detail)
            case act.HookKind.DE_ESCALATION:
                if self._going:
                    self.out += self._going.on_hook_exited(ok=ok, detail=detail)

    def _end_hook(self, *, ok: bool, detail: str) -> None:
        assert self._claim, "a hook without a claim"
        self._is_hook_ok = ok
        self.out.append(act.Tell(HookEnded(self._claim.n, ok, detail)))

    # --- the way down

    def give_up(self, why: str) -> None:
        """Go off now if anything is on; a claim that still waits for the disk just ends."""
        if self.phase is Phase.SAVING:
            self._refuse(why)
        elif self.phase in (Phase.ADDING, Phase.ON):
            assert self._claim, "on without a claim"
            self._begin_going(
                s=self._claim.s,
                hard_ns=self._claim.hard_ns,
                why=why,
                is_escalation_running=self._hook_by is not None,
            )

    def clean_leftovers(self) -> None:
        """At the start: whatever a predecessor left, and the hook that it still owes."""
        policy = self._policy
        self._begin_going(
            s=self._now,
            hard_ns=policy.deesc_ns + policy.drop_ns + policy.slack_ns,
            why="start",
            is_escalation_running=policy.has_hooks,
        )

    def _begin_going(
        self, *, s: Instant, hard_ns: int, why: str, is_escalation_running: bool
    ) -> None:
        self.rounds.forget()
        self._claim = self._hook_by = self._announce = self._refresh = None
        self.phase = Phase.GOING_OFF
        self._going = GoingOff(
            self._policy,
            self._now,
            s=s,
            hard_ns=hard_ns,
            epoch=self.last_epoch,
            why=why,
            is_hook_owed=self._is_dirty and self._policy.has_de_escalation,
            is_escalation_running=is_escalation_running,
            ticket=self._ticket + 1,
        )
        self.out.append(act.Log("going_off", why))
        self.out += self._going.begin()

    def on_vips_removed(self, *, ok: bool, why: str) -> None:
        """They were read back absent, or not."""
        if self._going:
            self._going.on_vips_removed(ok=ok, why=why)

    def on_hooks_killed(self, ticket: int) -> None:
        """Nothing that hooks started is alive."""
        if self._going:
            self.out += self._going.on_hooks_killed(ticket, self._now)

    def _look_at_going(self, going: GoingOff) -> None:
        self.out += going.look(self._now)
        if going.is_done:
            self._confirm_off(going)
        elif going.off_by.is_past(self._now) and not going.has_told_failure:
            going.has_told_failure = True
            self.phase = Phase.OFF_FAILED
            self.out.append(act.Tell(OffFailed(self.n, going.resisting)))
            self.out.append(act.Alarm("off_failed", going.resisting))

    def _confirm_off(self, going: GoingOff) -> None:
        self.phase, self._going, self._ticket = Phase.OFF, None, going.ticket
        if going.hook_fault:
            # Off, as far as we can see; but what the hook should have ended may live elsewhere:
            # no RELEASE may follow, and no will until the promises are over by themselves.
            self._no_will = going.hard
            self.out.append(act.Alarm("de_escalation_failed", going.hook_fault))
            if not going.has_told_failure:
                self.out.append(act.Tell(OffFailed(self.n, going.hook_fault)))
        else:
            self._is_dirty = False
        self.out += [act.Log("off", going.why), act.Tell(Off(self.n))]
        self.save()
