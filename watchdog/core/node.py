"""One node of the election: `step(now, event) -> effects`. No I/O, no clock, no asyncio.

Inside a step, always in this order: *expire* (leases and promises end before anything new is
believed), *handle* (one method per event), *act* (whatever has become due), *settle* (fire the
triggers that the facts demand), *assert* (invariants).  The same instant and events give the same
effects, so a recording replays and the simulator runs this very class.
"""

import random
from typing import assert_never

from watchdog.core import invariants
from watchdog.core.answers import GUARDIAN_SILENT, Answers
from watchdog.core.conversation import Conversation
from watchdog.core.effects import Effect, HardState, Reannounce, StateChanged
from watchdog.core.events import (
    CommandReceived,
    Escalated,
    Event,
    ExtendRefused,
    GuardianLost,
    GuardianReady,
    GuardianWarned,
    HookEnded,
    LifecheckLost,
    LifecheckReported,
    LinkClosed,
    LinkOpened,
    MessageReceived,
    Off,
    OffFailed,
    ProbeFinished,
    ReadyChecked,
    RoundOpened,
    Saved,
    SaveFailed,
    Stalled,
    StandingReported,
    Ticked,
    UplinkChanged,
)
from watchdog.core.evidence import of_lost_lease
from watchdog.core.greeting import Greeting
from watchdog.core.health import Health
from watchdog.core.leading import LEASE_LOST, Phase
from watchdog.core.messages import GONE_NO, Release, Tenure
from watchdog.core.orders import Orders
from watchdog.core.parts import Parts
from watchdog.core.report import Glance, Report, glance, report
from watchdog.core.settings import Settings
from watchdog.core.states import HOPS_MAX, Facts, State, Trigger, next_trigger
from watchdog.core.uplink import Uplink
from watchdog.instant import Instant, has_jumped

WAKE_MIN_NS = 50_000
"""A timer that is due "now" by one clock but not by the other is looked at again so much later."""


class Node:
    """The election of one node."""

    def __init__(
        self,
        settings: Settings,
        hard_state: HardState | None,
        amnesiac: bool,
        rng: random.Random,
        now: Instant,
        wall_ms: int,
        inc: bytes,
    ) -> None:
        self._parts = Parts(settings, hard_state, rng, inc)
        self._parts.assemble(amnesiac=amnesiac, now=now, wall_ms=wall_ms)
        self._orders = Orders(self._parts)
        self._health = Health(self._parts, now)
        self._conversation = Conversation(self._parts, self._orders, self._health)
        self._answers = Answers(self._parts)
        self._greeting = Greeting(self._parts)
        self._uplink = Uplink(settings.timing)
        self._invariants = invariants.Invariants(self._parts)
        self._now = now
        self._was_connected = False
        self._was_amnesiac = amnesiac

    # --- the one entry

    def step(self, now: Instant, event: Event) -> tuple[Effect, ...]:
        """Take in one event at `now`; what to do about it, in the order to do it."""
        if isinstance(event, Stalled):  # first, because what expires now is explained by it
            self._parts.lateness.note(event.late_ms, event.stolen_ms, now)
        self._expire(now)
        self._handle(event, now)
        self._act(now)
        self._settle(now)
        self._invariants.check()
        save = self._parts.ledger.next_save(now)
        if save is not None:
            self._parts.out.put(save)
        self._now = now
        return self._parts.out.drain()

    def status(self, now: Instant | None = None) -> Report:
        """What this node knows, as plain data; as of `now`, or of the last step."""
        return report(self._parts, self._uplink.why, now or self._now)

    def glance(self) -> Glance:
        """The few facts of `status` that subscribers are told of."""
        return glance(self._parts, self._now)

    @property
    def state(self) -> State:
        """The present state."""
        return self._parts.state.now

    # --- expire: time passes before anything new is believed

    def _expire(self, now: Instant) -> None:
        parts = self._parts
        if has_jumped(now, self._now):
            self._jumped(now)
        holder = parts.voter.expire(now)
        if holder is not None:
            parts.promise_ended(holder, now)
        self._uplink.tick(now)
        if self._uplink.is_up != parts.fitness.has_uplink:
            parts.fitness.has_uplink = self._uplink.is_up
            if not self._uplink.is_up:
                parts.candidacy.abandon(now)
                parts.resign("network_lost", now)
        self._check_office(now)

    def _check_office(self, now: Instant) -> None:
        parts, office = self._parts, self._parts.office
        if office is None:
            return
        if office.phase is Phase.RESIGNING:
            if parts.guard.unanswered_ns(now) >= parts.ctx.timing.hard_ns:
                parts.out.alarm(GUARDIAN_SILENT, "the guardian does not answer; is it stopped?")
                parts.end_without_release(now)
            return
        fault = office.fault(now)
        if fault == "guardian_silent":
            parts.resign(fault, now, releases=False)
        elif fault:
            if fault == LEASE_LOST:
                why = of_lost_lease(office.lease, parts.roster, parts.guard, now)
                parts.out.note("lease_lost", why=why)
                fault = parts.lateness.explain(fault, now)
            parts.resign(fault, now)

    def _jumped(self, now: Instant) -> None:
        """The machine was suspended: give up, and vote for nobody before a new sit-out."""
        parts = self._parts
        parts.out.note("clock_jumped")
        parts.candidacy.abandon(now)
        parts.resign("clock_jumped", now)
        parts.voter.restart_sitout(now)

    # --- handle: one method per event

    def _handle(self, event: Event, now: Instant) -> None:
        parts = self._parts
        match event:
            case MessageReceived():
                self._conversation.hear(event.peer, event.inc, event.message, now)
            case Ticked() | Stalled():
                pass
            case (
                GuardianReady()
                | GuardianLost()
                | GuardianWarned()
                | RoundOpened()
                | ExtendRefused()
                | Escalated()
                | Off()
                | OffFailed()
                | HookEnded()
                | ProbeFinished()
                | ReadyChecked()
            ):
                self._answers.take(event, now)
            case Saved():
                self._saved(event, now)
            case SaveFailed():
                parts.ledger.save_failed(event.ticket, now)
                parts.out.alarm("STORAGE_BAD", f"the state could not be written: {event.why}")
            case LinkOpened():
                parts.roster.link_opened(event.peer)
                if parts.guard.is_on:
                    parts.out.put(Reannounce())
                self._greeting.greet(event.peer, now)
            case LinkClosed():
                if parts.roster.link_closed(event.peer, event.inc):
                    parts.voter.end_reserve_of(event.peer)
            case UplinkChanged():
                self._uplink.changed(up=event.up, why=event.why, now=now)
            case LifecheckReported():
                self._health.reported(event, now)
            case StandingReported():
                self._health.standing_reported(event, now)
            case LifecheckLost():
                self._health.lost(event, now)
            case CommandReceived():
                self._orders.received(event, now)
            case _:
                assert_never(event)

    def _saved(self, event: Saved, now: Instant) -> None:
        parts = self._parts
        parts.ledger.saved(event.ticket)
        self._conversation.grant_if_durable(now)
        parts.candidacy.vote_is_durable(now)
        if parts.office is not None:
            parts.office.vote_is_durable(now)

    # --- act: whatever has become due

    def _act(self, now: Instant) -> None:
        parts = self._parts
        parts.out.end_alarms(now)
        self._watch_connection(now)
        parts.ledger.forget_longer_promises(now, parts.ctx.timing.promise_ms)
        parts.formation.tick(now)
        self._yield_after_recovery(now)
        self._health.tick(now)
        self._give_up_if_disk_is_bad(now)
        self._orders.tick(now)
        parts.handing.repeat_releases(now)
        if parts.office is not None:
            parts.office.tick(now)
        else:
            parts.candidacy.tick(now)
            self._stand_if_due(now)
        self._exit_if_done(now)

    def _watch_connection(self, now: Instant) -> None:
        connected = self._parts.roster.is_quorum_connected(now)
        if connected and not self._was_connected:
            self._parts.voter.free_since = now
        self._was_connected = connected

    def _yield_after_recovery(self, now: Instant) -> None:
        is_amnesiac = self._parts.voter.is_amnesiac
        if self._was_amnesiac and not is_amnesiac:
            self._parts.candidacy.yield_to_preferred(now)
        self._was_amnesiac = is_amnesiac

    def _give_up_if_disk_is_bad(self, now: Instant) -> None:
        parts, office = self._parts, self._parts.office
        if office is None or office.phase is Phase.RESIGNING:
            return
        if parts.ledger.is_bad(now) and parts.roster.best(now) is not None:
            parts.resign("storage_bad", now)

    def _stand_if_due(self, now: Instant) -> None:
        parts, candidacy = self._parts, self._parts.candidacy
        if candidacy.ballot is not None or parts.state.now is not State.STANDBY:
            return
        if not candidacy.may_start(now):
            candidacy.pre = None
            return
        if candidacy.is_reserved_for_another() or now.boot_ns < candidacy.start_ns(now):
            return
        if candidacy.ask_pre_votes(now):
            parts.stand(now)

    def _exit_if_done(self, now: Instant) -> None:
        parts = self._parts
        if parts.office is not None or parts.has_exited:
            return
        if parts.fitness.is_stopping:
            if parts.guard.is_off:
                gone = Tenure(parts.ctx.me, parts.ctx.inc, GONE_NO)
                release = Release(gone, parts.ledger.term, None, gone=True)
                parts.ctx.broadcast(release, now)
            parts.exit(0 if parts.guard.is_off else 1, "stopped")
        elif parts.ledger.is_lost(now):
            parts.exit(1, "the state cannot be written")

    # --- settle: the state follows from the facts

    def _facts(self, now: Instant) -> Facts:
        parts, guard = self._parts, self._parts.guard
        is_held = parts.office is not None
        return Facts(
            self._uplink.is_up,
            (
                parts.formation.is_over
                and not parts.voter.is_sitting_out(now)
                and guard.is_there
                and (guard.is_off or is_held)
            ),
            parts.roster.is_quorum_connected(now) or parts.voter.follows() is not None,
            is_held,
        )

    def _settle(self, now: Instant) -> None:
        for _ in range(HOPS_MAX + 1):
            trigger = next_trigger(self._parts.state.now, self._facts(now))
            if trigger is None:
                break
            self._change(trigger, now)
        else:
            msg = f"the state does not settle: {self._parts.state.now} {self._facts(now)}"
            raise AssertionError(msg)
        self._greeting.tick(now)

    def _change(self, trigger: Trigger, now: Instant) -> None:
        parts = self._parts
        if trigger is not Trigger.ELECTION_WON:
            parts.candidacy.abandon(now)
        if trigger is Trigger.NETWORK_RESTORED:
            parts.roster.forget()
        old, new = parts.state.fire(trigger)
        reason = self._reason_of(trigger, old, now)
        parts.out.put(
            StateChanged(
                old=old.value,
                new=new.value,
                trigger=trigger.value,
                reason=reason,
                term=parts.ledger.term,
                coordinator=parts.coordinator(),
            )
        )

    def _reason_of(self, trigger: Trigger, old: State, now: Instant) -> str:
        """The words behind a change of state, for the log and the state_change hook."""
        parts, weights = self._parts, self._parts.roster.weights
        if trigger in (Trigger.NETWORK_LOST, Trigger.NETWORK_RESTORED):
            return self._uplink.why
        if trigger is Trigger.ELECTION_WON:
            return f"elected in term {parts.ledger.term}"
        if trigger is Trigger.LOADING_FINISHED:
            return "state intact, sit-out over"
        if old is State.COORDINATOR and parts.last_end is not None:
            return parts.last_end[1]
        if trigger is Trigger.STATE_FORGOTTEN:
            return parts.guard.off_failed or "guardian not off, or suspended"
        return (
            f"hears {parts.roster.reachable_weight(now)} of {weights.total}, needs {weights.need}"
        )

    # --- time

    @property
    def next_deadline(self) -> int:
        """BOOTTIME (ns) at which `step(Ticked())` wants to be called at the latest."""
        now, parts = self._now, self._parts
        first_ns = self._greeting.next_ns
        for end_ns in (
            self._uplink.next_ns(),
            self._orders.next_ns(),
            parts.handing.next_ns(),
            parts.formation.next_ns(now),
            parts.fitness.next_change_ns(now),
            self._health.next_ns(now),
            self._term_next_ns(now),
            parts.voter.next_ns(now),
        ):
            if end_ns is not None and end_ns < first_ns:
                first_ns = end_ns
        return max(first_ns, now.boot_ns + WAKE_MIN_NS)

    def _term_next_ns(self, now: Instant) -> int | None:
        """When the office, or what may lead to one, wants to be looked at."""
        parts, office = self._parts, self._parts.office
        if office is None:
            return parts.candidacy.next_ns(now) if parts.state.now is State.STANDBY else None
        if office.phase is not Phase.RESIGNING:
            return office.next_ns(now)
        silent_ns = parts.guard.unanswered_ns(now)
        return now.boot_ns + parts.ctx.timing.hard_ns - silent_ns if silent_ns else None
