"""Weighted majorities: the one place that says what a quorum is.

A quorum holds more than half of all *configured* weight, so two quorums always share a voter.
A tie-breaker is not a rule of its own: it doubles every weight and adds 1 to its node, which the
configuration does before the core sees a weight (docs/election.md, "Two nodes").
"""

from collections.abc import Collection, Mapping
from enum import Enum


class VoteResult(Enum):
    """Where a count of votes stands."""

    WON = "won"
    LOST = "lost"
    PENDING = "pending"


class Weights:
    """The configured weight of every voter."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = dict(weights)
        self.total = sum(self._weights.values())

    def __contains__(self, name: str) -> bool:
        return name in self._weights

    def of(self, name: str) -> int:
        """The weight of one voter; 0 for a name that is none."""
        return self._weights.get(name, 0)

    def sum(self, names: Collection[str]) -> int:
        """The weight of all `names` together."""
        return sum(self._weights.get(name, 0) for name in names)

    def is_quorum(self, weight: int) -> bool:
        """Whether `weight` is more than half of all configured weight."""
        return 2 * weight > self.total

    @property
    def need(self) -> int:
        """The least weight that is a quorum."""
        return self.total // 2 + 1

    def tally(self, granted: Collection[str], refused: Collection[str]) -> VoteResult:
        """Won when the granted are a quorum; lost when those not refused cannot be one."""
        if self.is_quorum(self.sum(granted)):
            return VoteResult.WON
        if not self.is_quorum(self.total - self.sum(refused)):
            return VoteResult.LOST
        return VoteResult.PENDING
