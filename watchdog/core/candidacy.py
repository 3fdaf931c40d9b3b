"""Standing for election: pre-vote, then vote, at a moment that priority decides.

Priority says who starts first, never whether an election may succeed: rank r starts r slots after
the last promise ended, and voters insist on a better candidate only within `window`
(docs/election.md, "The candidate and the leader"; pre-vote: Ongaro 9.6).
A candidacy without a quorum is abandoned with the RELEASE of its tenure, which was never on.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from watchdog.core.effects import OpenRound
from watchdog.core.fitness import Fitness
from watchdog.core.lease import Lease
from watchdog.core.messages import Grant, PreVote, PreVoteReply, Release, Tenure, Vote
from watchdog.core.outbox import Context
from watchdog.core.quorum import VoteResult
from watchdog.instant import MS, Instant, elapsed_hi

RID_BITS: Final = 40


class Phase(Enum):
    """What a ballot is negotiating."""

    PRE_VOTE = "prevote"
    VOTE = "candidate"


@dataclass(slots=True)
class PreBallot:
    """A count of pre-votes: changes no state anywhere."""

    rid: int
    next_term: int
    granted: set[str]
    refused: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Ballot:
    """A candidacy: its term, tenure and lease, and who voted for it."""

    term: int
    tenure: Tenure
    lease: Lease
    transfer: Tenure | None
    since: Instant
    votes: set[str] = field(default_factory=set)
    round_ns: int | None = None
    """BOOTTIME of the newest round asked for; None until the vote is durable."""
    until_ns: int | None = None
    """BOOTTIME at which it is given up; counts from the first round sent."""


class Candidacy:
    """When this node stands, and how far it has come."""

    def __init__(self, ctx: Context, fitness: Fitness) -> None:
        self._ctx = ctx
        self._fitness = fitness
        self.pre: PreBallot | None = None
        self.ballot: Ballot | None = None
        self._no = 0
        self._hint = 0
        self._retry_ns = 0
        self._jitter_ns = 0
        self.redraw()

    @property
    def phase(self) -> Phase | None:
        """What is being negotiated; None when nothing is."""
        if self.ballot is not None:
            return Phase.VOTE
        return Phase.PRE_VOTE if self.pre is not None else None

    def redraw(self) -> None:
        """A new random part of the start, after every end of a promise; retry limits fall."""
        self._jitter_ns = self._ctx.rng.randrange(self._ctx.timing.jitter_ns + 1)
        self._retry_ns = 0

    def hint(self, term: int) -> None:
        """Somebody refused with a higher term: the next candidacy must exceed it."""
        self._hint = max(self._hint, term)

    def next_term(self) -> int:
        """The term of the next candidacy."""
        return max(self._ctx.ledger.term, self._hint) + 1

    # --- when

    def start_ns(self, now: Instant) -> int:
        """BOOTTIME from which this node may ask for pre-votes."""
        ctx, timing = self._ctx, self._ctx.timing
        free_ns = ctx.voter.free_since.boot_ns
        rank = len(ctx.roster.better_than(self._fitness.order(now), now))
        start = max(free_ns + rank * timing.slot_ns + self._jitter_ns, self._retry_ns)
        if self._fitness.is_standing_down(now):
            start = max(start, free_ns + timing.window_ns)
        return start

    def may_start(self, now: Instant) -> bool:
        """Whether nothing but the clock keeps this node from standing."""
        ctx = self._ctx
        return (
            ctx.voter.promise is None
            and ctx.roster.is_quorum_connected(now)
            and self._fitness.is_eligible(now)
        )

    def is_reserved_for_another(self) -> bool:
        """Whether a named successor has the first go."""
        reserve = self._ctx.voter.reserve
        return reserve is not None and reserve.node != self._ctx.me

    def yield_to_preferred(self, now: Instant) -> None:
        """After a formation all are ready within an interval: let the preferred node be first.

        It costs a fresh cluster nothing when that node is fit, and a moment when it is not.
        """
        timing, me = self._ctx.timing, self._ctx.roster.me
        members = (peer.member for peer in self._ctx.roster.peers.values())
        better = sum(
            not m.witness and (m.priority, -m.order) > (me.priority, -me.order) for m in members
        )
        if better:
            delay_ns = timing.beacon_ns + timing.window_ns + (better - 1) * timing.slot_ns
            self._retry_ns = now.boot_ns + delay_ns + self._jitter_ns

    # --- pre-vote

    def ask_pre_votes(self, now: Instant) -> bool:
        """Ask everybody whether they would vote for this node; True when the own weight does."""
        ctx, rng, timing = self._ctx, self._ctx.rng, self._ctx.timing
        self.pre = PreBallot(rng.getrandbits(RID_BITS), self.next_term(), {ctx.me})
        self._retry_ns = now.boot_ns + rng.randrange(timing.retry_min_ns, timing.retry_max_ns + 1)
        if ctx.roster.weights.is_quorum(ctx.roster.me.weight):
            return True
        ask = PreVote(
            rid=self.pre.rid,
            next_term=self.pre.next_term,
            tenure=Tenure(ctx.me, ctx.inc, self._no + 1),
            priority=self._fitness.priority,
            hard_ms=timing.hard_ms,
            digest=ctx.settings.digest,
        )
        ctx.broadcast(ask, now)
        return False

    def answer_pre_vote(self, peer: str, ask: PreVote, now: Instant) -> None:
        """Say whether `peer` would have this node's vote; changes nothing here."""
        ctx = self._ctx
        reason = self._refusal_of(peer, ask, now)
        left_ms = -(-ctx.voter.promise_left_ns(now) // MS)
        reply = PreVoteReply(ask.rid, not reason, ctx.ledger.term, reason, max(0, left_ms))
        ctx.send(peer, reply, now)

    def _refusal_of(self, peer: str, ask: PreVote, now: Instant) -> str:
        voter = self._ctx.voter
        if self.ballot is not None:
            return "candidate"
        if voter.promise is not None:
            return "promised"
        as_vote = Vote(ask.next_term, ask.tenure, 0, now, ask.hard_ms, ask.digest)
        if not voter.may_vote(as_vote, now):
            return "refused"
        if voter.reserve is None and now.boot_ns < self._window_end_ns():
            roster = self._ctx.roster
            order = roster.order_of(peer)
            others = [name for name in roster.better_than(order, now) if name != peer]
            if others or (self._fitness.is_eligible(now) and self._fitness.order(now) > order):
                return "better"
        return ""

    def _window_end_ns(self) -> int:
        return self._ctx.voter.free_since.boot_ns + self._ctx.timing.window_ns

    def count_pre_vote(self, peer: str, reply: PreVoteReply, now: Instant) -> bool:
        """Take in one answer; True when the pre-vote is won."""
        if not reply.ok and reply.term > self._ctx.ledger.term:
            self.hint(reply.term)
        pre = self.pre
        if pre is None or reply.rid != pre.rid:
            return False
        if not reply.ok:
            pre.refused.add(peer)
            if reply.retry_ms:
                self._retry_ns = min(self._retry_ns, now.boot_ns + reply.retry_ms * MS + MS // 2)
        else:
            pre.granted.add(peer)
        result = self._ctx.roster.weights.tally(pre.granted, pre.refused)
        if result is VoteResult.LOST:
            self.pre = None
        return result is VoteResult.WON

    # --- vote

    def stand(self, now: Instant, transfer: Tenure | None = None) -> None:
        """Become a candidate: own vote and own promise first; rounds follow when it is durable."""
        ctx = self._ctx
        self.pre = None
        self._no += 1
        tenure = Tenure(ctx.me, ctx.inc, self._no)
        ctx.ledger.vote(self.next_term(), ctx.me)
        self._hint = 0
        ctx.voter.give(tenure, 0, now)
        lease = Lease(ctx, tenure)
        self.ballot = Ballot(ctx.ledger.term, tenure, lease, transfer, now)
        ctx.out.note("stands", term=ctx.ledger.term, tenure=self._no)

    def vote_is_durable(self, now: Instant) -> None:
        """If the own vote has just reached the disk, ask for the first round."""
        ballot = self.ballot
        if ballot is None or ballot.round_ns is not None:
            return
        if self._ctx.ledger.holds_vote(ballot.term, self._ctx.me):
            self._open(ballot, now)

    def _open(self, ballot: Ballot, now: Instant) -> None:
        ballot.round_ns = now.boot_ns
        ask: OpenRound = ballot.lease.open_round(now)
        self._ctx.out.put(ask)

    def round_opened(self, no: int, round_no: int, now: Instant) -> bool:
        """Send a round of VOTEs to those who have not voted; True when won without any."""
        ballot = self.ballot
        if ballot is None or not ballot.lease.round_opened(no, round_no, now):
            return False
        ctx = self._ctx
        if ballot.until_ns is None:
            ballot.until_ns = now.boot_ns + ctx.timing.vote_wait_ns
        vote = Vote(
            term=ballot.term,
            tenure=ballot.tenure,
            round=round_no,
            sent=now,
            hard_ms=ctx.timing.hard_ms,
            digest=ctx.settings.digest,
            transfer=ballot.transfer,
        )
        for peer in ctx.roster.peers:
            if peer not in ballot.votes:
                ctx.send(peer, vote, now)
        return self._is_won(ballot)

    def count_vote(self, peer: str, grant: Grant, now: Instant) -> bool:
        """Take in one vote; True when the election is won."""
        ballot = self.ballot
        if ballot is None or not ballot.lease.credit(peer, grant, now):
            return False
        if grant.is_vote and grant.term == ballot.term:
            ballot.votes.add(peer)
        return self._is_won(ballot)

    def _is_won(self, ballot: Ballot) -> bool:
        weights = self._ctx.roster.weights
        return weights.is_quorum(weights.sum(ballot.votes) + ballot.lease.own_weight())

    # --- time and ends

    def tick(self, now: Instant) -> None:
        """Give up a candidacy that found no quorum in time; ask the silent ones again."""
        ballot = self.ballot
        if ballot is None:
            return
        if self._ctx.voter.promise is None or self._is_over(ballot, now):
            self.abandon(now)
        elif self._is_round_due(ballot, now):
            self._open(ballot, now)

    def _is_round_due(self, ballot: Ballot, now: Instant) -> bool:
        if ballot.round_ns is None or ballot.lease.is_opening:
            return False
        return now.boot_ns - ballot.round_ns >= self._ctx.timing.beacon_ns

    def _is_over(self, ballot: Ballot, now: Instant) -> bool:
        if ballot.until_ns is not None:
            return now.boot_ns >= ballot.until_ns
        return elapsed_hi(now, ballot.since) >= self._ctx.timing.promise_ns

    def abandon(self, now: Instant) -> None:
        """End whatever is being negotiated; a tenure that was claimed is released."""
        self.pre = None
        ballot, self.ballot = self.ballot, None
        if ballot is None:
            return
        timing, rng = self._ctx.timing, self._ctx.rng
        release = Release(ballot.tenure, ballot.term, None, gone=False)
        self._ctx.voter.release(release, now)
        self._ctx.broadcast(release, now)
        self.redraw()
        self._retry_ns = now.boot_ns + rng.randrange(timing.retry_min_ns, timing.retry_max_ns + 1)

    def next_ns(self, now: Instant) -> int | None:
        """BOOTTIME at which this part wants to be looked at; None when it waits for others."""
        ballot = self.ballot
        if ballot is None:
            if not self.may_start(now) or self.is_reserved_for_another():
                return None
            return self.start_ns(now)
        ends = [ballot.since.boot_ns + self._ctx.timing.promise_ns]
        if ballot.until_ns is not None:
            ends.append(ballot.until_ns)
        if ballot.round_ns is not None:
            ends.append(ballot.round_ns + self._ctx.timing.beacon_ns)
        return min(ends)
