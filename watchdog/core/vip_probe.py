"""Asking the network whether anybody still answers for a VIP before it is taken.

After a holder fell silent the probe starts when its promise ends, runs beside the election and so
costs next to nothing.  After a confirmed RELEASE nothing waits: the VIP goes up and the probe only
alarms.  It narrows what no lease can close (docs/election.md, "What stays impossible").
"""

from typing import Final

from watchdog.core.effects import ProbeVip
from watchdog.core.outbox import Context
from watchdog.instant import MS, SECOND, Instant

LONG_PROBE_NS: Final = 1 * SECOND
LONG_PROBES: Final = 2
"""So many long probes that are still answered make an elected node resign."""
AGAIN_NS: Final = 2 * SECOND
"""A leader that is on and has alarmed looks again so often, to know when it is over."""
CONFLICT: Final = "VIP_CONFLICT"


class VipProbe:
    """The probe of this node: at most one runs."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._rid = 0
        self._running: int | None = None
        self._is_clear = False
        self._answered = 0
        self._is_follow_up = False
        self._due_ns = 0

    def holder_fell_silent(self, now: Instant) -> None:
        """A promise expired: whoever takes over must look first. Starts looking now."""
        self._is_clear = False
        self._answered = 0
        if self._ctx.settings.has_vip and not self._ctx.roster.me.witness:
            self._start(self._ctx.timing.probe_ns, now)

    def holder_released(self) -> None:
        """The holder said that it is off."""
        self._is_clear = True
        self._answered = 0

    def allows_escalation(self, now: Instant) -> bool:
        """Whether the VIP may go up now; starts a probe if one is missing."""
        settings = self._ctx.settings
        if not settings.has_vip or self._is_clear or (self._answered and settings.takeover):
            return True
        if self._running is None or now.boot_ns >= self._due_ns:
            self._start(LONG_PROBE_NS if self._answered else self._ctx.timing.probe_ns, now)
        return False

    def is_answered(self) -> bool:
        """Whether somebody else answered the newest probe of a VIP that is to be taken."""
        return self._answered > 0 and not self._is_clear

    def is_lost(self) -> bool:
        """Whether somebody else keeps answering: this node must not escalate."""
        return self._answered > LONG_PROBES and not self._ctx.settings.takeover

    def follow_up(self, now: Instant) -> None:
        """The VIP is up here: look whether another machine answers for it too; only an alarm."""
        if self._ctx.settings.has_vip:
            self._is_follow_up = True
            self._start(self._ctx.timing.probe_ns, now)

    def look_again(self, now: Instant) -> None:
        """While this leader's alarm of a conflict stands: is it over?"""
        is_due = self._running is None and now.boot_ns >= self._due_ns + AGAIN_NS
        if is_due and CONFLICT in self._ctx.out.alarms:
            self.follow_up(now)

    def finished(self, rid: int, *, answered: bool, detail: str, leads: bool = True) -> bool:
        """Take in a result; True when the escalation may be looked at again.

        Whoever does not lead hears the rightful holder, which is nothing to alarm about.
        """
        if rid != self._running:
            return False
        self._running = None
        was_follow_up, self._is_follow_up = self._is_follow_up, False
        if answered:
            self._answered += 0 if was_follow_up else 1
            if leads:
                self._ctx.out.alarm(CONFLICT, f"another machine answers for the VIP: {detail}")
        else:
            self._is_clear = True
            self._answered = 0
            self._ctx.out.clear_alarm(CONFLICT)
        return not was_follow_up

    def somebody_leads(self) -> None:
        """Another node leads: whether somebody else answers for the VIP is its to say."""
        self._ctx.out.clear_alarm(CONFLICT)
        self._answered = 0

    def _start(self, duration_ns: int, now: Instant) -> None:
        self._rid += 1
        self._running = self._rid
        # A guardian that never answers must not hold up the election for ever: look again later.
        self._due_ns = now.boot_ns + 2 * duration_ns + LONG_PROBE_NS
        self._ctx.out.put(ProbeVip(self._rid, duration_ns // MS))
