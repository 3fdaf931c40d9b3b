"""What a node does with each answer of its guardian: one method per kind.

Any of them says that the guardian runs; one that owes an answer for too long is stopped, and then
a tenure ends without RELEASE (docs/election.md, "The candidate and the leader").
"""

from typing import Final, assert_never

from watchdog.core.effects import BLOCKED, ArmWill
from watchdog.core.events import (
    Escalated,
    ExtendRefused,
    GuardianLost,
    GuardianReady,
    GuardianWarned,
    HookEnded,
    Off,
    OffFailed,
    ProbeFinished,
    ReadyChecked,
    RoundOpened,
)
from watchdog.core.leading import Phase
from watchdog.core.parts import OFF_FAILED, Parts
from watchdog.instant import SECOND, Instant

GUARDIAN_SILENT: Final = "GUARDIAN_SILENT"
WARNED_NS: Final = 600 * SECOND
"""How long `status` shows an alarm of the guardian, which cannot tell when its cause is gone."""

Answer = (
    GuardianReady
    | GuardianLost
    | GuardianWarned
    | RoundOpened
    | ExtendRefused
    | Escalated
    | Off
    | OffFailed
    | HookEnded
    | ProbeFinished
    | ReadyChecked
)


class Answers:
    """The side of a node that its guardian sees."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._is_armed = False

    def take(self, answer: Answer, now: Instant) -> None:
        """Take in one answer."""
        parts = self._parts
        parts.guard.answered()
        parts.out.clear_alarm(GUARDIAN_SILENT)
        match answer:
            case GuardianReady():
                self._guardian_ready(answer)
            case GuardianLost():
                self._guardian_lost(now)
            case GuardianWarned(name, text):
                parts.out.warned(name.upper(), text, now.boot_ns + WARNED_NS)
            case RoundOpened():
                self._round_opened(answer, now)
            case ExtendRefused():
                pass
            case Escalated():
                if parts.guard.escalated(answer.n) and parts.office is not None:
                    parts.office.escalated(now)
            case Off():
                self._went_off(answer, now)
            case OffFailed():
                self._off_failed(answer, now)
            case HookEnded():
                self._hook_ended(answer, now)
            case ProbeFinished():
                self._probe_finished(answer, now)
            case ReadyChecked():
                parts.handing.ready_checked(answer.rid, "" if answer.ok else answer.reason, now)
            case _:
                assert_never(answer)

    def _round_opened(self, event: RoundOpened, now: Instant) -> None:
        parts = self._parts
        if parts.office is not None:
            parts.office.round_opened(event.no, event.round, now)
        elif parts.candidacy.round_opened(event.no, event.round, now):
            parts.win(now)

    def _went_off(self, event: Off, now: Instant) -> None:
        parts, office = self._parts, self._parts.office
        if not parts.guard.went_off(event.n):
            return
        parts.out.clear_alarm(OFF_FAILED)
        if office is None:
            return
        if office.phase is Phase.RESIGNING:
            parts.end_tenure(now)
        elif office.phase is Phase.ESCALATING:
            office.refused()
        elif office.phase is Phase.ESCALATED:
            why = f"guardian_went_off: {event.why}" if event.why else "guardian_went_off"
            parts.resign(why, now)

    def _off_failed(self, event: OffFailed, now: Instant) -> None:
        parts = self._parts
        if not parts.guard.failed_to_go_off(event.n, event.why):
            return
        parts.out.alarm(OFF_FAILED, f"this node cannot go off: {event.why}")
        if parts.office is not None:
            parts.end_without_release(now)

    def _hook_ended(self, event: HookEnded, now: Instant) -> None:
        parts = self._parts
        if event.detail or not event.ok:
            parts.out.note("hook_ended", hook="escalation", ok=event.ok, detail=event.detail)
        if parts.office is None or not parts.guard.is_latest_escalation(event.n):
            return
        if event.ok:
            parts.office.is_armed = True
        elif parts.office.phase is not Phase.RESIGNING:
            parts.out.alarm("HOOK_FAILED", f"the escalation hook failed: {event.detail}")
            parts.fitness.punish(now)
            parts.resign("hook_failed", now)

    def _probe_finished(self, event: ProbeFinished, now: Instant) -> None:
        parts = self._parts
        leads = parts.office is not None
        again = parts.probe.finished(
            event.rid, answered=event.answered, detail=event.detail, leads=leads
        )
        if parts.office is None or not again:
            return
        if parts.probe.is_lost() and parts.office.phase is Phase.ELECTED:
            parts.fitness.punish(now)
            parts.resign("vip_conflict", now)
        else:
            parts.office.probe_ended(now)

    def _guardian_ready(self, event: GuardianReady) -> None:
        parts = self._parts
        parts.guard.welcomed(event)
        if parts.ledger.term < event.last_epoch and not parts.voter.is_amnesiac:
            parts.ledger.adopt(event.last_epoch, BLOCKED)
        if not self._is_armed:
            self._is_armed = True
            parts.out.put(ArmWill())

    def _guardian_lost(self, now: Instant) -> None:
        parts = self._parts
        parts.out.alarm("GUARDIAN_LOST", "the guardian is gone; this process ends")
        parts.candidacy.abandon(now)
        parts.resign("guardian_lost", now, releases=False)
        parts.guard.lost()
        parts.exit(1, "the guardian is gone")
