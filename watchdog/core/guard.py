"""What this node knows of its guardian, and the numbers of the commands it sends.

Rule: the node counts as *not off* from the moment it writes ESCALATE(n) until an OFF with a number
>= n arrives.  An unsolicited OFF that crossed an ESCALATE carries a smaller number and must not be
read as its answer (docs/election.md, "The candidate and the leader").
"""

from dataclasses import dataclass
from typing import Final

from watchdog.core.effects import Deescalate, Escalate, Extend
from watchdog.core.events import GuardianReady
from watchdog.instant import Instant, elapsed_hi

NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class LeaseRound:
    """The round that a lease counts from: its number and the instant before it was sent."""

    round: int
    s: Instant


class Guard:
    """The node's side of the guardian protocol."""

    def __init__(self) -> None:
        self.last_epoch = 0
        self.is_there = False
        self.is_off = False
        self.is_on = False
        self.off_failed = ""
        self.has_gate = self.has_watchdog = False
        self._is_leaving = False
        self._n = 0
        self._escalate_n = NEVER
        self._unanswered_since: Instant | None = None

    def welcomed(self, hello: GuardianReady) -> None:
        """The guardian's hello."""
        self.is_there = True
        self.is_off = hello.off_clean
        self.has_gate, self.has_watchdog = hello.gate, hello.watchdog
        self.last_epoch = max(self.last_epoch, hello.last_epoch)

    def lost(self) -> None:
        """The socketpair ended: nothing may be believed to be off."""
        self.is_there = self.is_off = self.is_on = False

    def _next_n(self) -> int:
        self._n += 1
        return self._n

    def asked(self, now: Instant) -> None:
        """Something was asked of the guardian; one that is stopped never answers."""
        if self._unanswered_since is None:
            self._unanswered_since = now

    def answered(self) -> None:
        """The guardian said anything at all: it runs."""
        self._unanswered_since = None

    def escalate(
        self, no: int, epoch: int, at: LeaseRound, bounds_ms: tuple[int, int], now: Instant
    ) -> Escalate:
        """Ask to go on; from here on this node counts as not off. `bounds_ms`: (soft, hard)."""
        assert self.is_off, "escalation of a node that is not off"
        self.asked(now)
        self._escalate_n = n = self._next_n()
        self.is_off = self._is_leaving = False
        self.off_failed = ""
        return Escalate(n, no, epoch, at.round, at.s, *bounds_ms)

    def extend(self, no: int, epoch: int, at: LeaseRound) -> Extend:
        """Ask for a later deadline; unanswered if taken, because the next round is answered."""
        return Extend(self._next_n(), no, epoch, at.round, at.s)

    def deescalate(self, why: str, now: Instant) -> Deescalate:
        """Ask to go off."""
        self.asked(now)
        self.is_on = False
        self._is_leaving = True
        return Deescalate(self._next_n(), why)

    def escalated(self, n: int) -> bool:
        """ESCALATE(n) succeeded; False when it is not the latest, or was called off meanwhile."""
        if n != self._escalate_n or self.is_off or self._is_leaving:
            return False
        self.is_on = True
        return True

    def is_latest_escalation(self, n: int) -> bool:
        """Whether `n` numbers the latest ESCALATE."""
        return n == self._escalate_n

    def went_off(self, n: int) -> bool:
        """OFF(n) arrived; False when it is older than the latest ESCALATE and says nothing."""
        if n < self._escalate_n:
            return False
        self.is_off, self.is_on = True, False
        self.off_failed = ""
        return True

    def failed_to_go_off(self, n: int, why: str) -> bool:
        """OFF could not be confirmed; False when it is about an older escalation."""
        if n < self._escalate_n:
            return False
        self.is_on = False
        self._is_leaving = True
        self.off_failed = why
        return True

    def unanswered_ns(self, now: Instant) -> int:
        """How long the guardian has owed its oldest answer; 0 when it owes none."""
        return elapsed_hi(now, self._unanswered_since) if self._unanswered_since else 0
