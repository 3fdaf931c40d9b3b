"""What the lifechecks of the members say of each other, and the little that follows from it.

A verdict never ends a promise.  A voter may *withhold* a grant, which is always safe: it does so
only while voters of quorum weight call the leader dead and some fit node is not called dead, for
at most two promises per verdict.  A second verdict within a minute of one that deposed a leader
only alarms: a filtered lifecheck port must not make the leadership wander.
"""

from typing import Final

from watchdog.core.fitness import Fitness
from watchdog.core.messages import ResignRequest, Tenure
from watchdog.core.outbox import Context
from watchdog.instant import SECOND, Instant

QUIET_NS: Final = 60 * SECOND
REQUEST_VALID_NS: Final = 2 * SECOND
WANDERING: Final = "VERDICTS_WANDER"


class Verdicts:
    """The members that this node calls dead, and what to do about a leader so called."""

    def __init__(self, ctx: Context, fitness: Fitness) -> None:
        self._ctx = ctx
        self._fitness = fitness
        self.dead: set[str] = set()
        self._withholding: tuple[str, int] | None = None
        self._deposed_ns: int | None = None
        self._requests: dict[str, tuple[Tenure, int]] = {}
        self._asked_ns = -QUIET_NS
        self._asked: str | None = None

    def _callers(self, subject: str, now: Instant) -> int:
        """The weight of the reachable voters that call `subject` dead."""
        roster = self._ctx.roster
        weight = roster.me.weight if subject in self.dead else 0
        for name, peer in roster.peers.items():
            hello = peer.hello
            if hello and subject in hello.verdicts and roster.is_reachable(name, now):
                weight += peer.member.weight
        return weight

    def is_called_dead(self, subject: str, now: Instant) -> bool:
        """Whether voters of quorum weight call `subject` dead."""
        return self._ctx.roster.weights.is_quorum(self._callers(subject, now))

    def _has_alternative(self, leader: str, now: Instant) -> bool:
        ctx = self._ctx
        if self._fitness.is_eligible(now) and not self.is_called_dead(ctx.me, now):
            return True
        others = (name for name in ctx.roster.peers if name != leader)
        return any(
            ctx.roster.is_candidate(name, now) and not self.is_called_dead(name, now)
            for name in others
        )

    def withholds(self, leader: str, now: Instant) -> bool:
        """Whether to leave the beacon of `leader` without a grant."""
        if not self.is_called_dead(leader, now) or not self._has_alternative(leader, now):
            self._withholding = None
            return False
        if self._withholding is None or self._withholding[0] != leader:
            quiet_since = self._deposed_ns
            if quiet_since is not None and now.boot_ns - quiet_since < QUIET_NS:
                text = f"{leader} is called dead by a quorum, soon after another leader: ignored"
                self._ctx.out.alarm(WANDERING, text)
                return False
            self._withholding = (leader, now.boot_ns)
        began_ns = self._withholding[1]
        return now.boot_ns - began_ns <= 2 * self._ctx.timing.promise_ns

    def ask_to_resign(self, leader: str, tenure: Tenure, now: Instant) -> None:
        """Tell a leader from whom a grant is withheld; at most once per beacon interval."""
        if now.boot_ns - self._asked_ns < self._ctx.timing.beacon_ns:
            return
        self._asked_ns, self._asked = now.boot_ns, leader
        request = ResignRequest(tenure.no, None, "called dead by a quorum", by_verdict=True)
        self._ctx.send(leader, request, now)

    def resign_requested(self, peer: str, tenure: Tenure, now: Instant) -> bool:
        """A voter withholds from this leader: True once voters of quorum weight do."""
        self._requests[peer] = (tenure, now.boot_ns)
        fresh = {
            name
            for name, (asked, at_ns) in self._requests.items()
            if asked == tenure and now.boot_ns - at_ns < REQUEST_VALID_NS
        }
        weights = self._ctx.roster.weights
        own = self._ctx.roster.me.weight if self._ctx.me in self.dead else 0
        return weights.is_quorum(weights.sum(fresh) + own)

    def promise_ended(self, holder: str, now: Instant) -> None:
        """A leader from whom grants were withheld is gone."""
        is_withheld = self._withholding is not None and self._withholding[0] == holder
        if is_withheld or self._was_asked(holder, now):
            self._withholding = self._asked = None
            self._deposed_ns = now.boot_ns

    def _was_asked(self, holder: str, now: Instant) -> bool:
        """A leader resigns because of what was said a moment ago, also when that is taken back."""
        valid_ns = REQUEST_VALID_NS + self._ctx.timing.promise_ns
        return self._asked == holder and now.boot_ns - self._asked_ns < valid_ns
