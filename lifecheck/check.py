"""One check: several probes, one verdict, and what the node is asked for while it is DOWN. Pure.

DOWN as soon as one probe is, UP when all are.  A check with when=escalated counts only under the
epoch for which it was armed: elsewhere its service is not expected to run, so it is no reason
against a standby.  The reason is what was seen when the verdict fell: it answers "why did it
move?", and does not change while it stands.
"""

from typing import Final, NamedTuple

from lifecheck.detector import Detector, Patience, Verdict
from lifecheck.plan import CheckPlan, ProbePlan
from lifecheck.restarts import Restarts

REASON_MAX: Final = 200


class Claim(NamedTuple):
    """What a check says about the node, now."""

    is_dead: bool = False
    is_unknown: bool = False
    is_veto: bool = False
    handicap: int = 0
    epoch: int = 0


def patience_of(plan: ProbePlan) -> Patience:
    """The part of the plan that a detector needs."""
    return Patience(plan.fails, plan.rises, plan.window_ms, plan.start_delay_ms)


class Check:
    """The state of one configured check."""

    def __init__(self, plan: CheckPlan, now_ms: int) -> None:
        self.plan = plan
        self.probes = list(plan.probes)
        """As configured, or as `check set` changed them."""
        self.detectors = [Detector(patience_of(probe), now_ms) for probe in plan.probes]
        self.restarts = Restarts(plan.on_fail.restarts, plan.on_fail.within_ms)
        self.epoch = 0
        self.fail_count = 0
        self.since_ms = now_ms
        self.reason = ""
        self.verdict = Verdict.UNKNOWN
        self.verdict = self._judge()

    @property
    def is_armed(self) -> bool:
        """Whether the check counts here and now."""
        return self.plan.when == "always" or self.epoch > 0

    @property
    def is_counting(self) -> bool:
        """Whether outcomes are wanted: armed, and no restart under way."""
        return self.is_armed and self.restarts.ticket is None

    def arm(self, now_ms: int, epoch: int) -> bool:
        """Count under `epoch` from now on, no more when it is 0; False when nothing changes.

        A restart that still runs is nobody's any more.
        """
        if self.plan.when == "always" or self.epoch == epoch:
            return False
        self.epoch = epoch
        self.restarts.ticket = None
        self.restarts.helped()
        self._start_over(now_ms)
        return True

    def saw(self, now_ms: int, index: int, *, ok: bool, detail: str) -> bool:
        """Take an outcome of probe `index`; whether the verdict of the check changed."""
        if not self.is_counting:
            return False
        self.detectors[index].saw(now_ms, ok=ok, detail=detail)
        return self._settle(now_ms)

    def restart_is_due(self, now_ms: int) -> bool:
        """Whether the service shall be restarted now; asking may be what gives up."""
        wants = self.plan.on_fail.kind == "restart" and self.is_counting
        return wants and self.verdict is Verdict.DOWN and self.restarts.is_due(now_ms)

    def restart_ended(self, now_ms: int, ticket: int, *, ok: bool, detail: str) -> bool:
        """The service may be back: know nothing, and look; False for a ticket of long ago."""
        if not self.restarts.ended(ticket, ok=ok, detail=detail):
            return False
        self._start_over(now_ms)
        return True

    def change(self, probes: list[ProbePlan]) -> None:
        """Go on by other numbers; what was found so far stays."""
        self.probes = probes
        for detector, probe in zip(self.detectors, probes, strict=True):
            detector.change(patience_of(probe))

    def reset(self) -> None:
        """As configured, with no counts; the next outcome of each probe decides alone."""
        self.fail_count = 0
        self.restarts.forget()
        self.change(list(self.plan.probes))
        for detector in self.detectors:
            detector.reset()

    def claim(self) -> Claim:
        """What the node is asked for."""
        kind = self.plan.on_fail.kind
        if not self.is_armed:
            return Claim()
        decides = kind in {"release", "restart"}
        if self.verdict is not Verdict.DOWN:
            return Claim(is_unknown=decides and self.verdict is Verdict.UNKNOWN)
        match kind:
            case "release":
                return Claim(is_dead=True, epoch=self.epoch)
            case "restart":
                is_dead = self.restarts.has_given_up
                return Claim(is_dead=is_dead, is_unknown=not is_dead, epoch=self.epoch)
            case "veto":
                return Claim(is_veto=True)
            case "priority":
                return Claim(handicap=self.plan.on_fail.by)
            case "report":
                return Claim()

    def text(self) -> str:
        """`postgres: no process matches ...`, and what restarts did about it."""
        return f"{self.plan.name}: {self.reason}{self._restart_text()}"[:REASON_MAX]

    def _restart_text(self) -> str:
        if self.plan.on_fail.kind != "restart" or self.verdict is not Verdict.DOWN:
            return ""
        restarts = self.restarts
        if restarts.ticket is not None:
            return f" (restart {restarts.count} of {restarts.limit} is running)"
        if restarts.has_given_up:
            note = f", {restarts.note}" if restarts.note else ""
            return f" (after {restarts.count} restarts{note})"
        return ""

    def _settle(self, now_ms: int) -> bool:
        verdict = self._judge()
        if verdict is self.verdict:
            return False
        self.verdict, self.since_ms = verdict, now_ms
        self.reason = self._seen(verdict)
        if verdict is Verdict.DOWN:
            self.fail_count += 1
        if verdict is Verdict.UP:
            self.restarts.helped()
        return True

    def _start_over(self, now_ms: int) -> None:
        for detector in self.detectors:
            detector.start_over(now_ms)
        self._settle(now_ms)

    def _judge(self) -> Verdict:
        if not self.is_armed:
            return Verdict.DISARMED
        found = {detector.verdict for detector in self.detectors}
        for verdict in (Verdict.DOWN, Verdict.UNKNOWN):
            if verdict in found:
                return verdict
        return Verdict.UP

    def _seen(self, verdict: Verdict) -> str:
        wanted = verdict if verdict is not Verdict.DISARMED else None
        return next((d.detail for d in self.detectors if d.verdict is wanted), "")
