"""Leading: beacons, the lease and the escalation of one won tenure.

The leader opens a round every beacon interval, and sooner, after `repeat`, while the last one
lacks its quorum.  Whenever the lease has moved it asks the guardian for a later deadline.  It goes
on only when the lease has enough left, a quorum answered a BEACON of this tenure, the guardian is
OFF-clean, this node is fit, and nobody else answers for the VIP.  Re-election in place: a node
stuck in a higher term is voted back in without an outage.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from watchdog.core.candidacy import Ballot
from watchdog.core.fitness import Fitness
from watchdog.core.guard import LeaseRound
from watchdog.core.messages import Beacon, Grant, Nack, Tenure, Vote
from watchdog.core.outbox import Context
from watchdog.core.vip_probe import VipProbe
from watchdog.instant import MS, SECOND, Instant, elapsed_hi

LEASE_LOST: Final = "lease_lost"
PROBE_GRACE_NS: Final = 2 * SECOND
"""While somebody answers for the VIP, an escalation may take so much longer."""


class Phase(Enum):
    """How far a coordinator has come."""

    ELECTED = "elected"
    ESCALATING = "escalating"
    ESCALATED = "escalated"
    RESIGNING = "resigning"


@dataclass(slots=True)
class Reelection:
    """A vote for the same tenure in a higher term, while the old term leads on."""

    term: int
    since: Instant
    votes: set[str] = field(default_factory=set)
    is_open: bool = False


class Leadership:
    """One won tenure, from the election to its end."""

    def __init__(
        self, ctx: Context, fitness: Fitness, probe: VipProbe, ballot: Ballot, now: Instant
    ) -> None:
        self._ctx = ctx
        self._fitness = fitness
        self._probe = probe
        self.lease = ballot.lease
        self.tenure: Tenure = ballot.tenure
        self.term = ballot.term
        self.epoch = ballot.term
        self.phase = Phase.ELECTED
        self.was_on = False
        self.is_armed = False
        """The escalation hook has succeeded: what runs only where the VIP is should run now."""
        self._may_escalate_ns = now.boot_ns
        self._beacon_voters: set[str] = set()
        self._beacon_ns = now.boot_ns
        self._extended_to: LeaseRound | None = None
        self._reelection: Reelection | None = None
        self._reelected: Instant | None = None
        self.lease.recount()  # the votes are promises: the lease lives from the first moment

    # --- beacons and their answers

    def beacon(self, now: Instant) -> None:
        """Start the next round."""
        self._beacon_ns = now.boot_ns
        self._ctx.out.put(self.lease.open_round(now))

    def tick(self, now: Instant) -> None:
        """A round whenever one is due; a guardian that answers slowly delays, never doubles."""
        if self.phase is Phase.RESIGNING:
            return
        if self.phase is Phase.ESCALATED:
            self._probe.look_again(now)
        if now.boot_ns >= self._round_due_ns() and not self.lease.is_opening:
            self.beacon(now)
        self.vote_is_durable(now)

    def _round_due_ns(self) -> int:
        """A new round, not a copy: what it moves counts from its own sending."""
        timing = self._ctx.timing
        gap_ns = timing.beacon_ns if self.lease.is_granted else timing.repeat_ns
        return self._beacon_ns + gap_ns

    def round_opened(self, no: int, round_no: int, now: Instant) -> None:
        """Send the round: `now` is what the lease will count from."""
        if self.phase is Phase.RESIGNING or not self.lease.round_opened(no, round_no, now):
            return
        ctx = self._ctx
        beacon = Beacon(
            term=self.term,
            tenure=self.tenure,
            round=round_no,
            sent=now,
            hard_ms=ctx.timing.hard_ms,
            digest=ctx.settings.digest,
            epoch=self.epoch,
        )
        if self._reelection is not None and self._reelection.is_open:
            self._ask_votes(self._reelection, round_no, now)
        ctx.broadcast(beacon, now)
        self.act_on_lease(now)

    def granted(self, peer: str, grant: Grant, now: Instant) -> None:
        """Count an answer to a VOTE or BEACON of this tenure."""
        if self.phase is Phase.RESIGNING or not self.lease.credit(peer, grant, now):
            return
        if not grant.is_vote:
            self._beacon_voters.add(peer)
        elif self._reelection is not None and grant.term == self._reelection.term:
            self._count_reelection(self._reelection, peer)
        self.act_on_lease(now)

    def has_beacon_quorum(self) -> bool:
        """Whether a quorum has granted a BEACON of this tenure."""
        weights = self._ctx.roster.weights
        return weights.is_quorum(weights.sum(self._beacon_voters) + self.lease.own_weight())

    # --- the lease and the guardian

    def act_on_lease(self, now: Instant) -> None:
        """Whenever the lease may have moved: extend, or escalate if it is time."""
        if self.phase is Phase.RESIGNING:
            return
        moved = self.lease.recount()
        start = self.lease.start
        if start is None or self.lease.left_ns(now) <= 0:
            return
        if self.phase is Phase.ELECTED:
            self._escalate_if_allowed(start, now)
        elif self.phase is Phase.ESCALATED and (moved or self._extended_to != start):
            self._extend(start)

    def _extend(self, start: LeaseRound) -> None:
        self._extended_to = start
        self._ctx.out.put(self._ctx.guard.extend(self.tenure.no, self.epoch, start))

    def _escalate_if_allowed(self, start: LeaseRound, now: Instant) -> None:
        ctx, timing = self._ctx, self._ctx.timing
        if not ctx.guard.is_there or not ctx.guard.is_off:
            return
        if self.lease.left_ns(now) < timing.min_left_ns or not self.has_beacon_quorum():
            return
        if not self._fitness.is_fit(now) or not self._probe.allows_escalation(now):
            return
        self.phase = Phase.ESCALATING
        self._extended_to = start
        bounds_ms = (timing.soft_ns // MS, timing.hard_ms)
        ctx.out.put(ctx.guard.escalate(self.tenure.no, self.epoch, start, bounds_ms, now))

    def escalated(self, now: Instant) -> None:
        """The guardian has the VIPs up: from here on the lease is extended."""
        if self.phase is Phase.ESCALATING:
            self.phase = Phase.ESCALATED
            self.was_on = True
            self._ctx.out.note("escalated", epoch=self.epoch, term=self.term)
            self._probe.follow_up(now)
            self.act_on_lease(now)

    def probe_ended(self, now: Instant) -> None:
        """The VIP was looked for: a conflict that is over leaves the usual time to escalate."""
        self._may_escalate_ns = now.boot_ns
        self.act_on_lease(now)

    def refused(self) -> None:
        """The guardian refused this ESCALATE: the next grant tries again."""
        if self.phase is Phase.ESCALATING:
            self.phase = Phase.ELECTED

    def fault(self, now: Instant) -> str:
        """Why this tenure must end now, or "" if it may go on."""
        timing = self._ctx.timing
        if self.phase is Phase.RESIGNING:
            return ""
        if self.lease.start is not None and self.lease.left_ns(now) <= 0:
            return LEASE_LOST
        if self._ctx.guard.unanswered_ns(now) >= timing.soft_ns:
            return "guardian_silent"
        if self.phase is not Phase.ESCALATED and now.boot_ns >= self._escalation_end_ns():
            return "not_escalated"
        return ""

    def _escalation_end_ns(self) -> int:
        timing = self._ctx.timing
        end_ns = self._may_escalate_ns + timing.vote_wait_ns
        return end_ns + (PROBE_GRACE_NS if self._probe.is_answered() else 0)

    # --- re-election in place

    def reelect(self, nack: Nack, now: Instant) -> None:
        """A member is stuck in a higher term: have this tenure voted for above it."""
        timing = self._ctx.timing
        if self._reelected is not None and elapsed_hi(now, self._reelected) < timing.soft_ns:
            return
        if self.lease.left_ns(now) <= 0:
            return
        ledger = self._ctx.ledger
        ledger.vote(max(ledger.term, nack.term) + 1, self._ctx.me)
        self._reelected = now
        self._reelection = Reelection(ledger.term, now)

    def pending_term(self) -> int | None:
        """The term of a re-election under way."""
        return self._reelection.term if self._reelection else None

    def vote_is_durable(self, now: Instant) -> None:
        """If the vote of a re-election is on disk and no round is opening, ask with a round."""
        pending = self._reelection
        if pending is None or pending.is_open:
            return
        is_durable = self._ctx.ledger.holds_vote(pending.term, self._ctx.me)
        if is_durable and not self.lease.is_opening:
            pending.is_open = True
            self.beacon(now)

    def _ask_votes(self, pending: Reelection, round_no: int, now: Instant) -> None:
        ctx = self._ctx
        vote = Vote(
            term=pending.term,
            tenure=self.tenure,
            round=round_no,
            sent=now,
            hard_ms=ctx.timing.hard_ms,
            digest=ctx.settings.digest,
        )
        for peer in ctx.roster.peers:
            if peer not in pending.votes:
                ctx.send(peer, vote, now)

    def _count_reelection(self, pending: Reelection, peer: str) -> None:
        pending.votes.add(peer)
        weights = self._ctx.roster.weights
        if weights.is_quorum(weights.sum(pending.votes) + self.lease.own_weight()):
            self._ctx.out.note("reelected", term=pending.term, was=self.term, epoch=self.epoch)
            self.term = pending.term
            self._reelection = None

    # --- time

    def next_ns(self, now: Instant) -> int:
        """BOOTTIME at which this part wants to be looked at."""
        lease, soft_ns = self.lease, self._ctx.timing.soft_ns
        first_ns = now.boot_ns + soft_ns - self._ctx.guard.unanswered_ns(now)
        if not lease.is_opening:
            first_ns = min(first_ns, self._round_due_ns())
        if lease.start is not None:
            first_ns = min(first_ns, now.boot_ns + lease.left_ns(now))
        if self.phase is not Phase.ESCALATED:
            first_ns = min(first_ns, self._escalation_end_ns())
        return first_ns
