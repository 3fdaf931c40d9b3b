"""Whether this node may lead now, and if not, why not.

Being fit never touches a promise or a lease: it decides only who stands for election and who hands
over.  A node that lost its lease or was asked to resign *stands down*: it ranks behind everybody
for a second.  One that failed to escalate is ineligible for a time that doubles.
"""

from typing import Final

from watchdog.core.membership import Order
from watchdog.core.outbox import Context
from watchdog.instant import SECOND, Instant

HEALTHY_FOR_NS: Final = 1 * SECOND
PENALTY_MIN_NS: Final = 1 * SECOND
PENALTY_MAX_NS: Final = 60 * SECOND
PENALTY_RESET_NS: Final = 60 * SECOND


class Fitness:
    """The reasons for and against leading."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.is_healthy = True
        self.health_reason = ""
        self.handicap = 0
        """What failing checks take off this node's priority."""
        self.veto = ""
        """Why another node should lead, if one can; "" when there is no such reason."""
        self._healthy_since_ns = -HEALTHY_FOR_NS
        self._standdown_until_ns = 0
        self._penalty_until_ns = 0
        self._penalty_ns = PENALTY_MIN_NS
        self.has_uplink = True
        self.is_stopping = False

    def report_health(self, *, healthy: bool, reason: str, now: Instant) -> None:
        """The lifecheck's verdict about this very node."""
        if healthy and not self.is_healthy:
            self._healthy_since_ns = now.boot_ns
        self.is_healthy, self.health_reason = healthy, reason

    def stand_down(self, now: Instant) -> None:
        """Rank behind every eligible node for a while."""
        self._standdown_until_ns = now.boot_ns + self._ctx.timing.standdown_ns

    def punish(self, now: Instant) -> None:
        """An escalation failed here: be ineligible, longer each time."""
        if now.boot_ns - self._penalty_until_ns > PENALTY_RESET_NS:
            self._penalty_ns = PENALTY_MIN_NS
        self._penalty_until_ns = now.boot_ns + self._penalty_ns
        self._penalty_ns = min(2 * self._penalty_ns, PENALTY_MAX_NS)

    def is_standing_down(self, now: Instant) -> bool:
        """Whether this node ranks behind every other at present."""
        return now.boot_ns < self._standdown_until_ns

    def unfit_reason(self, now: Instant) -> str:
        """Why this node may not lead, the guardian aside; "" when it may."""
        ctx = self._ctx
        if ctx.roster.me.witness:
            return "witness"
        if ctx.voter.is_amnesiac:
            return "state lost"
        if ctx.voter.is_sitting_out(now):
            return "sitting out"
        if not self.is_healthy:
            return self.health_reason or "unhealthy"
        if now.boot_ns - self._healthy_since_ns < HEALTHY_FOR_NS:
            return "healthy again only just now"
        if self.veto and (veto := self.vetoed_for(now)):
            return veto
        if now.boot_ns < self._penalty_until_ns:
            return "its last escalation failed"
        if not self.has_uplink:
            return "no uplink"
        if self.is_stopping:
            return "stopping"
        if ctx.ledger.is_bad(now):
            return "storage is bad"
        if not ctx.roster.is_quorum_connected(now):
            return "hears no quorum"
        return "" if ctx.roster.is_covered(now) else "promises of the others are too short"

    def vetoed_for(self, now: Instant) -> str:
        """The veto, while a fit node has none; "" otherwise: one dead gateway stops nobody."""
        if not self.veto:
            return ""
        roster = self._ctx.roster
        for name, peer in roster.peers.items():
            if roster.is_candidate(name, now) and peer.hello and not peer.hello.vetoed:
                return self.veto
        return ""

    @property
    def priority(self) -> int:
        """This node's priority, less what failing checks take off."""
        if not self.handicap:
            return self._ctx.roster.me.priority
        return max(0, self._ctx.roster.me.priority - self.handicap)

    def is_fit(self, now: Instant) -> bool:
        """Whether this node may lead (or go on leading), the guardian aside."""
        return not self.unfit_reason(now)

    def is_eligible(self, now: Instant) -> bool:
        """Whether this node may stand for election now."""
        guard = self._ctx.guard
        return guard.is_there and guard.is_off and self.is_fit(now)

    def order(self, now: Instant) -> Order:
        """This node's own preference, on the scale of `Roster.order_of`."""
        me = self._ctx.roster.me
        is_behind = self.is_standing_down(now) or bool(self.veto)
        return (not is_behind, self.priority, -me.order)

    def next_change_ns(self, now: Instant) -> int | None:
        """BOOTTIME at which a reason ends by itself; None when none does."""
        boot_ns, healthy_ns = now.boot_ns, self._healthy_since_ns + HEALTHY_FOR_NS
        penalty_ns, standdown_ns = self._penalty_until_ns, self._standdown_until_ns
        if boot_ns >= healthy_ns and boot_ns >= penalty_ns and boot_ns >= standdown_ns:
            return None
        ends = (healthy_ns, penalty_ns, standdown_ns)
        return min([end for end in ends if end > boot_ns])
