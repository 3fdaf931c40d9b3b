"""The lease of one tenure: until when the quorum's promises certainly stand.

It counts from the *send* instant of the round that each grant answers, so delay, reordering and
duplication can only shorten it (Gray and Cheriton, SOSP 1989).  A leader may be on only while
`elapsed_hi(start) < soft`.  The own weight counts with the newest round opened, and only while
the own promise is to this very tenure.
"""

from collections import OrderedDict
from typing import Final

from watchdog.core.effects import OpenRound
from watchdog.core.guard import LeaseRound
from watchdog.core.messages import Grant, Tenure
from watchdog.core.outbox import Context
from watchdog.instant import Instant, elapsed_hi

ROUNDS_MAX: Final = 64
"""So many of the newest rounds are remembered; an answer to an older one is worthless anyway."""


class Lease:
    """Rounds sent and grants received for one tenure."""

    def __init__(self, ctx: Context, tenure: Tenure) -> None:
        self._ctx = ctx
        self.tenure = tenure
        self.start: LeaseRound | None = None
        self._last_round = 0
        self._opening: int | None = None
        self._sent: OrderedDict[int, Instant] = OrderedDict()
        self._newest: LeaseRound | None = None
        self._grants: dict[str, LeaseRound] = {}
        self.refusals: dict[str, str] = {}
        """Of voters that refused since they granted last, the word they gave."""

    def open_round(self, now: Instant) -> OpenRound:
        """Start a round: nothing is sent before the guardian has opened it."""
        self._ctx.guard.asked(now)
        self._last_round += 1
        self._opening = self._last_round
        return OpenRound(self.tenure.no, self._last_round)

    def round_opened(self, no: int, round_no: int, now: Instant) -> bool:
        """The guardian opened the round: `now` is its send instant. False for a stale answer."""
        if no != self.tenure.no or round_no != self._opening:
            return False
        self._opening = None
        self._sent[round_no] = now
        if len(self._sent) > ROUNDS_MAX:
            self._sent.popitem(last=False)
        self._newest = LeaseRound(round_no, now)
        self._ctx.voter.give(self.tenure, round_no, now)
        return True

    def credit(self, voter: str, grant: Grant, now: Instant) -> bool:
        """Count a grant; False when it is not for this tenure, too late, or by a dead process."""
        if grant.tenure != self.tenure or grant.voter_inc != self._ctx.roster.current_inc(voter):
            return False
        sent = self._sent.get(grant.round)
        if sent is None or sent != grant.sent or elapsed_hi(now, sent) >= self._ctx.timing.soft_ns:
            return False
        known = self._grants.get(voter)
        if known is None or grant.round > known.round:
            self._grants[voter] = LeaseRound(grant.round, sent)
            self.refusals.pop(voter, None)
        return True

    def granted_by(self, voter: str) -> LeaseRound | None:
        """The newest round that `voter` has granted."""
        return self._grants.get(voter)

    def granted_within(self, voter: str, ns: int, now: Instant) -> bool:
        """Whether `voter` granted a round sent less than `ns` ago."""
        known = self._grants.get(voter)
        return known is not None and elapsed_hi(now, known.s) < ns

    def own_weight(self) -> int:
        """This node's weight, while its own promise is to this tenure."""
        roster = self._ctx.roster
        return roster.me.weight if self._ctx.voter.is_promised_to(self.tenure) else 0

    def recount(self) -> bool:
        """Find the weighted-quorum-th freshest grant; True when the lease has moved forward."""
        weights = self._ctx.roster.weights
        rounds = [(r, weights.of(voter)) for voter, r in self._grants.items()]
        own = self.own_weight()
        if self._newest is not None and own:
            rounds.append((self._newest, own))
        rounds.sort(key=lambda entry: entry[0].round, reverse=True)
        weight = 0
        for lease_round, share in rounds:
            weight += share
            if weights.is_quorum(weight):
                return self._move_to(lease_round)
        return False

    def _move_to(self, lease_round: LeaseRound) -> bool:
        if self.start is not None and lease_round.round <= self.start.round:
            return False
        self.start = lease_round
        return True

    def left_ns(self, now: Instant) -> int:
        """What remains of the lease; negative or 0 when it is over."""
        if self.start is None:
            return 0
        return self._ctx.timing.soft_ns - elapsed_hi(now, self.start.s)

    @property
    def newest(self) -> LeaseRound | None:
        """The newest round that was sent."""
        return self._newest

    @property
    def is_granted(self) -> bool:
        """Whether a quorum has granted the newest round that was sent."""
        if self._newest is None or self.start is None:
            return False
        return self.start.round >= self._newest.round

    @property
    def is_opening(self) -> bool:
        """Whether the guardian has yet to answer the newest OPEN_ROUND."""
        return self._opening is not None
