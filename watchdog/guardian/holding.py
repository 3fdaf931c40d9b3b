"""What is on, by whose claim and until when: one claim at a time, and its way up and down.

Pure; part of `deadline`.  A claim is looked at when it comes, again when `last_epoch` is durable
and when the gate is armed, and the address once more after it was added; from then on only rounds
that were opened before they were sent move its end (docs/election.md, 6: G1, G2, G5, G9, G10).
"""

from dataclasses import replace
from typing import Final

from watchdog.guardian import actions as act
from watchdog.guardian.backstops import Backstops
from watchdog.guardian.due import Due
from watchdog.guardian.epochs import Epochs
from watchdog.guardian.gating import Gating
from watchdog.guardian.going_off import AT_START, GoingOff
from watchdog.guardian.phase import CLAIMED, GOING, WAITING, Phase
from watchdog.guardian.policy import Claim, Policy
from watchdog.guardian.presence import Presence
from watchdog.guardian.rounds import ROUNDS_MAX
from watchdog.guardian_protocol import (
    Escalate,
    Escalated,
    Extend,
    HookEnded,
    Off,
    OffFailed,
)
from watchdog.instant import MS, Instant, elapsed_lo, has_jumped
from watchdog.lateness import Lateness

BY_TIME: Final = ("lease_ended", "gate_shut")
"""Ends of a claim that a guardian which nobody let run explains; it explains no other."""


class Holding:
    """`n` is the number of the last command; `out` collects the actions of the current step."""

    def __init__(self, policy: Policy, ledger: act.Ledger, now: Instant) -> None:
        self.phase = Phase.OFF
        self.gating = Gating(policy)
        self.backstops = Backstops(policy)
        self.out: list[act.Action] = []
        self.n = 0
        self.epochs = Epochs(ledger)
        self.lateness = Lateness()
        self._policy = policy
        self._now = now
        self._claim: Claim | None = None
        self._going: GoingOff | None = None
        self._ticket = 0
        self._hook_by: Due | None = None
        self._is_hook_ok = False
        self._no_will: Due | None = None
        self._presence = Presence(policy, now)

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
        if self._hook_by:
            dues.append(self._hook_by)
        return dues + self._presence.dues + self.gating.dues

    # --- time

    def expire(self, now: Instant) -> None:
        """Before anything new is believed: has the lease ended, was the machine asleep?"""
        jumped = has_jumped(now, self._now)
        self._now = now
        if jumped:
            self.give_up("clock_jump")
        elif self._claim and self._claim.soft.is_past(now):
            self.give_up("lease_ended")
        elif self.gating.has_shut(now):
            self.give_up("gate_shut")

    def look(self) -> None:
        """Do what is due."""
        if self._hook_by and self._hook_by.is_past(self._now):
            self._hook_by = None
            self._ticket += 1
            self.out.append(act.KillHooks(self._ticket))
            self._end_hook(ok=False, detail="not done within its bound; killed")
        if self._going:
            self._look_at_going(self._going)
        self.out += self._presence.look(self._now, is_steady=self.phase in (Phase.OFF, Phase.ON))

    def check(self) -> None:
        """Invariants, asserted after every step."""
        assert (self._claim is not None) == (self.phase in CLAIMED), self.phase
        assert (self._going is not None) == (self.phase in GOING), self.phase
        assert len(self.gating.rounds) <= ROUNDS_MAX
        if self._claim:
            assert not self._claim.soft.is_past(self._now), "on past soft"
            assert self._claim.epoch == self.epochs.last, "a claim below the last epoch"
        if self.phase in (Phase.ADDING, Phase.ON):
            durable = self.epochs.durable
            assert durable is not None
            assert durable.last_epoch == self.epochs.last, "on before its epoch was durable"
            assert durable.dirty or not self._policy.has_de_escalation
        if self.phase is not Phase.ON:
            assert self._hook_by is None, "an escalation hook may run only while on"
            assert not self._presence.is_announcing, "announcing what is off"

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
            if self.phase is not Phase.SAVING:
                self.out += self.backstops.stand_behind(newer, self._now)
                self.out += self.gating.arm(newer)
        self.out += self._presence.refresh(self._now, claim.lifetime_s)
        return True

    def escalate(self, packet: Escalate) -> None:
        """Go on, if nothing speaks against it; otherwise Off is the answer."""
        if self.phase in GOING:
            return  # the Off of this going-off carries our number, and so is the answer
        if self.phase in (Phase.ARMING, Phase.ADDING, Phase.ON):
            self.give_up("escalate_while_on")
            return
        n, no, epoch, number, s, soft_ms, hard_ms = packet
        claim = Claim(n, no, epoch, number, s, soft_ms * MS, hard_ms * MS)
        fault = self._fault(claim)
        if fault:
            self._refuse(fault)
            return
        self._claim, self.phase = claim, Phase.SAVING
        self.epochs.claim(epoch, no, owes_hook=self._policy.has_de_escalation)
        self.out += self.epochs.save()
        if self.epochs.is_durable:
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
                self.give_up(why, is_asked=True)

    def _fault(self, claim: Claim) -> str:
        """Why the claim cannot stand at this moment (G1); empty when it can."""
        return (
            claim.fault(self._now, self._policy)
            or self.gating.rounds.fault(claim.no, claim.round, claim.s)
            or self.epochs.fault(claim.epoch, claim.no)
        )

    def _refuse(self, why: str) -> None:
        if self.phase is Phase.ARMING:
            self.out += [*self.backstops.stand_down(), act.CloseGate()]
            self.gating.close()
        self._claim, self.phase = None, Phase.OFF
        self.out += [act.Log("escalate_refused", why), act.Tell(Off(self.n))]

    # --- the gate

    def on_gate_armed(self, no: int, number: int, *, ok: bool, why: str) -> None:
        """Traffic passes for `soft`; or the ticket had expired, and a later grant will do."""
        claim = self._claim
        if not claim or self.phase is Phase.SAVING or no != claim.no:
            return
        if ok:
            self.gating.armed(self._now, claim.soft_ns)
        elif self.gating.is_low(self._now, claim.soft_ns):
            self.out.append(act.Log("gate_refused", f"round {number}: {why}"))
        if self.phase is not Phase.ARMING or number != claim.round:
            return  # of a round that a newer one has replaced, or of an earlier tenure
        fault = self._fault(claim) if ok else f"gate: {why}"
        if fault:
            self._refuse(fault)
        else:
            self._add()

    def on_machine_checked(self, present: int, absent: int) -> None:
        """What is on the interfaces is not always what was put there."""
        self._presence.checked()
        if self.phase is Phase.ON and absent and self._claim:
            self.out += self._presence.put_back(self._now, absent, self._claim.lifetime_s)
        elif self.phase is Phase.OFF and present:
            self.out += self._presence.take_away(present)

    def reannounce(self) -> None:
        """Part of the network is back."""
        if self.phase is Phase.ON:
            self.out += self._presence.reannounce(self._now)

    # --- the way up

    def on_ledger_saved(self, *, ok: bool, why: str) -> None:
        """Look at a waiting claim again: it may have grown old meanwhile."""
        self.out += self.epochs.saved(ok=ok)
        if not ok:
            self.out.append(act.Alarm("ledger_failed", why))
            if self.phase is Phase.SAVING:
                self._refuse("the ledger could not be saved")
            return
        if self.epochs.is_durable and self.phase is Phase.SAVING:
            self._go_on()

    def _go_on(self) -> None:
        assert self._claim, "going on without a claim"
        fault = self._fault(self._claim) or self.backstops.fault(self._claim, self._now)
        if fault:
            self._refuse(fault)
            return
        self.out += self.backstops.stand_behind(self._claim, self._now)
        if self._policy.has_gate:
            self.phase = Phase.ARMING
            self.out += self.gating.arm(self._claim)
        else:
            self._add()

    def _add(self) -> None:
        assert self._claim, "adding without a claim"
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
        self.out += self._presence.begin(self._now)
        n, epoch = self._claim.n, self._claim.epoch
        self.out += [act.Log("escalated", f"epoch {epoch}"), act.Tell(Escalated(n))]
        if not self._policy.has_escalation:
            self._end_hook(ok=True, detail="")
            return
        bound_ns = self._policy.escalation_timeout_ns
        self._hook_by = Due(self._now, bound_ns)
        self.out.append(act.StartHook(act.HookKind.ESCALATION, epoch, bound_ns, "elected"))

    def on_vip_claimed(self, detail: str) -> None:
        """Another machine says that a VIP is its own."""
        if self.phase is Phase.ON:
            self.out += self._presence.on_claimed(self._now, detail, self.epochs.last)

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

    def give_up(self, why: str, *, is_asked: bool = False) -> None:
        """Go off now if anything is on; a claim that still waits for the disk just ends.

        `is_asked`: the node process wants it, so that it need not be told why.
        """
        if self.phase in WAITING:
            self._refuse(why)
        elif self.phase in (Phase.ADDING, Phase.ON):
            assert self._claim, "on without a claim"
            self._begin_going(
                s=self._claim.s,
                hard_ns=self._claim.hard_ns,
                why=why,
                is_escalation_running=self._hook_by is not None,
            )
            if self._going and not is_asked:
                is_by_time = why in BY_TIME
                self._going.word = self.lateness.explain(why, self._now) if is_by_time else why

    def clean_leftovers(self) -> None:
        """At the start: whatever a predecessor left, and the hook that it still owes."""
        policy = self._policy
        self._begin_going(
            s=self._now,
            hard_ns=policy.deesc_ns + policy.drop_ns + policy.slack_ns,
            why=AT_START,
            is_escalation_running=policy.has_hooks,
        )

    def _begin_going(
        self,
        *,
        s: Instant,
        hard_ns: int,
        why: str,
        is_escalation_running: bool,
    ) -> None:
        self.gating.forget()
        self._presence.end()
        self.gating.close()
        self._claim = self._hook_by = None
        self.phase = Phase.GOING_OFF
        self._going = GoingOff(
            self._policy,
            self._now,
            s=s,
            hard_ns=hard_ns,
            epoch=self.epochs.last,
            why=why,
            is_hook_owed=self.epochs.is_dirty and self._policy.has_de_escalation,
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
        elif going.has_failed(self._now):
            going.has_told_failure = True
            self.phase = Phase.OFF_FAILED
            self.out.append(act.Tell(OffFailed(self.n, going.resisting)))
            self.out.append(act.Alarm("off_failed", going.resisting))
            self._fence(going)

    def _confirm_off(self, going: GoingOff) -> None:
        self.phase, self._going, self._ticket = Phase.OFF, None, going.ticket
        if going.hook_fault:
            # Off, as far as we can see; but what the hook should have ended may live elsewhere:
            # no RELEASE may follow, and no will until the promises are over by themselves.
            self._no_will = going.hard
            self._fence(going)
            self.out.append(act.Alarm("de_escalation_failed", going.hook_fault))
            if not going.has_told_failure:
                self.out.append(act.Tell(OffFailed(self.n, going.hook_fault)))
        else:
            self.epochs.is_dirty = False
        self.out += self.backstops.stand_down(is_hook_failed=bool(going.hook_fault))
        self.out += [act.Log("off", going.why), act.Tell(Off(self.n, going.word))]
        self.out += self.epochs.save()

    def _fence(self, going: GoingOff) -> None:
        if not going.is_leftover:  # or a machine that cannot clean up would never come back
            self.out += self.backstops.fence()
