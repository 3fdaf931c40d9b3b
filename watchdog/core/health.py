"""What this node does about its own health: stay away, hand over, or stand back.

Rule: health decides who *should* lead, never who may: no lease or promise ends here.
A coordinator that must leave asks the best other node to take over and, if that one is not ready
at once, resigns.  A service that runs only where the VIP is (`when = "escalated"`) says nothing
against a standby: when it dies the coordinator leaves, and is ineligible for a time that doubles.
"""

from typing import Final

from watchdog.core.events import (
    LIFECHECK,
    LifecheckLost,
    LifecheckReported,
    StandingReported,
)
from watchdog.core.leading import Leadership, Phase
from watchdog.core.parts import Parts
from watchdog.core.transfer import Handover
from watchdog.instant import SECOND, Instant

TARGETS_SILENT: Final = "TARGETS_SILENT"
VETO_SETTLES_NS: Final = 3 * SECOND
"""A coordinator leaves for a veto that has counted so long: nodes that share a dead gateway do not
notice its end, or its return, at the same moment."""
HANDICAP_GAP_NS: Final = 1 * SECOND
"""A coordinator with a lowered priority offers the lead at most so often."""
LOST: Final = "the lifecheck is gone ([lifecheck] on_loss)"


class Health:
    """The reports of this node's sources of health, and what they lead to."""

    def __init__(self, parts: Parts, now: Instant) -> None:
        self._parts = parts
        self._opinions = parts.opinions
        self._lost: Instant | None = now if parts.ctx.settings.on_loss_release else None
        """Since when nothing is known of the built-in lifecheck, if that matters."""
        self._is_mute = False
        """The built-in lifecheck speaks to this node alone: it cannot send heartbeats."""
        self._vetoed: Instant | None = None
        """Since when the veto counts without a break."""
        self._present: Instant | None = None
        """Since when the built-in lifecheck speaks without a break, heartbeats included."""
        self._offered_ns = -HANDICAP_GAP_NS
        self._punished: int | None = None
        """The number of the tenure that a dead service has ended."""

    # --- what the sources say

    def reported(self, event: LifecheckReported, now: Instant) -> None:
        """A verdict about this node, or about another member."""
        parts = self._parts
        self._heard(event.source, now)
        if event.subject != parts.ctx.me and event.subject not in parts.roster.peers:
            return
        if self._opinions.reported(event):
            parts.out.note(
                "verdict",
                subject=event.subject,
                verdict=event.verdict.value,
                source=event.source,
                reason=event.reason,
            )
        self._judge(now)

    def standing_reported(self, event: StandingReported, now: Instant) -> None:
        """A source lowers this node's priority, or would rather see another node lead."""
        if event.source == LIFECHECK:
            self._is_mute = event.is_mute
        self._heard(event.source, now)
        self._opinions.standing_reported(event)
        self._judge(now)

    def lost(self, event: LifecheckLost, now: Instant) -> None:
        """A source is gone: its words are unknown now, and that alone moves nothing."""
        self._opinions.forget(event.source)
        if event.source == LIFECHECK:
            self._present = None
            if self._parts.ctx.settings.on_loss_release:
                self._lost = self._lost or now
        self._judge(now)

    def hello_changed(self, peer: str, now: Instant, *, is_restarted: bool) -> None:
        """A peer has a new process, or its lifecheck came or went."""
        if is_restarted:
            self._opinions.restarted(peer)
        self._judge(now)

    def _heard(self, source: str, now: Instant) -> None:
        if source == LIFECHECK:
            self._lost = None
            self._present = None if self._is_mute else self._present or now

    def _judge(self, now: Instant) -> None:
        parts, opinions = self._parts, self._opinions
        fitness = parts.fitness
        peers = parts.roster.peers.items()
        unwatched = {name for name, peer in peers if peer.hello and peer.hello.unwatched}
        parts.verdicts.dead = opinions.dead_peers(unwatched)
        fitness.handicap, fitness.veto = opinions.handicap, opinions.veto
        fault = opinions.own_fault() or (LOST if self._is_long_lost(now) else "")
        if fault and fitness.is_healthy:
            parts.out.note("unhealthy", reason=fault)
        elif not fault and not fitness.is_healthy:
            parts.out.note("healthy")
        fitness.report_health(healthy=not fault, reason=fault, now=now)

    def _is_unwatched(self, now: Instant) -> bool:
        """Whether the others should not mind that no heartbeats come.

        So long after its return, too, until they have heard it: their verdict is the older one.
        """
        settings = self._parts.ctx.settings
        if not settings.expects_lifecheck or self._present is None:
            return settings.expects_lifecheck
        return now.boot_ns - self._present.boot_ns < settings.lifecheck_deadtime_ns

    def _watched_ns(self) -> int | None:
        if self._present is None:
            return None
        return self._present.boot_ns + self._parts.ctx.settings.lifecheck_deadtime_ns

    def _lost_end_ns(self) -> int | None:
        if self._lost is None:
            return None
        return self._lost.boot_ns + self._parts.ctx.settings.lifecheck_deadtime_ns

    def _is_long_lost(self, now: Instant) -> bool:
        end_ns = self._lost_end_ns()
        return end_ns is not None and now.boot_ns >= end_ns

    # --- what follows

    def tick(self, now: Instant) -> None:
        """Give up a candidacy or the lead when this node's health says so."""
        parts, office, fitness = self._parts, self._parts.office, self._parts.fitness
        parts.is_unwatched = self._is_unwatched(now)
        if self._lost is not None and self._is_long_lost(now) and fitness.is_healthy:
            self._judge(now)
        self._alarm_if_nobody_reaches(now)
        is_vetoed = bool(fitness.veto and fitness.vetoed_for(now))
        self._vetoed = (self._vetoed or now) if is_vetoed else None
        if is_vetoed or not fitness.is_healthy:
            parts.candidacy.abandon(now)
        if office is None or office.phase is Phase.RESIGNING:
            return
        if reason := self._reason_to_leave(office, now):
            self._leave(office, reason, now)
        elif office.phase is Phase.ESCALATED and fitness.handicap:
            self._offer(office, now)

    def _reason_to_leave(self, office: Leadership, now: Instant) -> str:
        fitness = self._parts.fitness
        if not fitness.is_healthy:
            return f"unhealthy: {fitness.health_reason}"
        if (end_ns := self._veto_settled_ns()) is not None and now.boot_ns >= end_ns:
            return f"unhealthy: {fitness.vetoed_for(now)}"
        if office.phase is not Phase.ESCALATED or not office.is_armed:
            return ""
        fault = self._opinions.own_fault(office.epoch)
        if fault and self._punished != office.tenure.no:
            self._punished = office.tenure.no
            fitness.punish(now)
        return fault and f"unhealthy: {fault}"

    def _veto_settled_ns(self) -> int | None:
        return None if self._vetoed is None else self._vetoed.boot_ns + VETO_SETTLES_NS

    def _leave(self, office: Leadership, reason: str, now: Instant) -> None:
        is_on = office.phase is Phase.ESCALATED
        if not is_on or not self._parts.handing.ask_best(office, reason, now):
            self._parts.resign(reason, now)

    def _offer(self, office: Leadership, now: Instant) -> None:
        """Let a fit node lead that has more priority than is left to this one."""
        parts, left = self._parts, self._parts.fitness.priority
        if parts.handing.handover is not None or now.boot_ns - self._offered_ns < HANDICAP_GAP_NS:
            return
        for name in parts.roster.better_than(parts.fitness.order(now), now):
            hello = parts.roster.peers[name].hello
            if hello is None or hello.priority <= left:
                continue
            if not parts.handing.objection_to(name, office, now):
                self._offered_ns = now.boot_ns
                parts.handing.ask_ready(Handover(name, "priority lowered"), office, now)
                return

    def _alarm_if_nobody_reaches(self, now: Instant) -> None:
        fitness, out = self._parts.fitness, self._parts.out
        if fitness.veto and not fitness.vetoed_for(now):
            text = f"{fitness.veto}; no other fit node is better off, so nothing moves"
            out.alarm(TARGETS_SILENT, text)
        else:
            out.clear_alarm(TARGETS_SILENT)

    def next_ns(self, now: Instant) -> int | None:
        """BOOTTIME at which this part wants to be looked at."""
        parts = self._parts
        if self._lost is None and self._vetoed is None and not parts.is_unwatched:
            return None
        ends = [self._lost_end_ns()] if parts.fitness.is_healthy else []
        ends += [self._watched_ns()] if parts.is_unwatched else []
        ends += [self._veto_settled_ns()] if parts.office is not None else []
        return min([end for end in ends if end is not None and end > now.boot_ns], default=None)
