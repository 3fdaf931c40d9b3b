"""What a node does with each message of a peer: one method per kind.

The sender and its incarnation are checked once, at the door (`Conversation.hear`).  Terms are
never adopted from a message that was refused, so a node that rejoins with a higher term disturbs
nobody (docs/election.md, "The voter's rule").
"""

from typing import Final, assert_never

from watchdog.core.effects import CloseLink
from watchdog.core.health import Health
from watchdog.core.leading import Leadership, Phase
from watchdog.core.messages import (
    GONE_NO,
    Beacon,
    Grant,
    Hello,
    Message,
    Nack,
    PreVote,
    PreVoteReply,
    Ready,
    Release,
    ResignReply,
    ResignRequest,
    StateReply,
    StateRequest,
    Transfer,
    Vote,
)
from watchdog.core.orders import Orders
from watchdog.core.parts import Parts
from watchdog.core.states import State
from watchdog.core.transfer import Handover
from watchdog.instant import Instant

SPLIT_BRAIN = "SPLIT_BRAIN"
_OF_A_TERM: Final = (Beacon, Vote, Nack, PreVoteReply)
BELIEVABLE_MAX: Final = 2**63
"""A term or seq beyond it is a peer's bug; counting on from there would outgrow 64 bits."""


class Conversation:
    """The side of a node that peers see."""

    def __init__(self, parts: Parts, orders: Orders, health: Health) -> None:
        self._parts = parts
        self._health = health
        self._orders = orders
        self._ctx = parts.ctx
        self._waiting_grant: tuple[str, Grant] | None = None

    def hear(self, peer: str, inc: bytes, message: Message, now: Instant) -> None:
        """Take in one message, unless its sender's process is not the current one."""
        roster = self._ctx.roster
        if peer not in roster.peers:
            return  # a member of the file that the stored membership does not know (yet)
        if isinstance(message, Hello):
            self._hello(peer, message, now)
            return
        is_will = isinstance(message, Release) and message.tenure.no == GONE_NO
        if inc != roster.peers[peer].inc and not is_will:
            return
        if _highest_in(message) > BELIEVABLE_MAX:
            self._ctx.out.put(CloseLink(peer, "it speaks of a term or seq that cannot be"))
            return
        if not is_will:
            roster.heard(peer, now)
        if self._parts.state.now is State.IN_NW_TROUBLE and not isinstance(message, Release):
            return
        self._dispatch(peer, message, now)

    def _dispatch(self, peer: str, message: Message, now: Instant) -> None:
        parts = self._parts
        match message:
            case Beacon():
                self._beacon(peer, message, now)
            case Grant():
                self._grant(peer, message, now)
            case PreVote():
                if parts.office is None and message.tenure.node == peer:
                    parts.candidacy.answer_pre_vote(peer, message, now)
            case PreVoteReply():
                self._pre_vote_reply(peer, message, now)
            case Vote():
                self._vote(peer, message, now)
            case Nack():
                self._nack(peer, message, now)
            case Release():
                if message.tenure.node == peer:
                    self._release(message, now)
            case Transfer():
                if message.tenure.node == peer:
                    parts.handing.transfer_asked(peer, message.tenure, now)
            case Ready():
                self._ready(peer, message, now)
            case ResignRequest():
                self._orders.resign_requested(peer, message, now)
            case ResignReply():
                self._orders.resign_answered(message)
            case StateRequest():
                parts.formation.answer(peer, message, now)
            case StateReply():
                parts.formation.answered(peer, message, now)
            case Hello():  # handled at the door
                pass
            case _:
                assert_never(message)

    def _hello(self, peer: str, hello: Hello, now: Instant) -> None:
        roster = self._ctx.roster
        before, inc = roster.peers[peer].hello, roster.peers[peer].inc
        if not roster.hello_received(peer, hello, now):
            return
        if hello.alarms and (before is None or before.alarms != hello.alarms):
            self._ctx.out.note("peer_alarms", peer=peer, alarms=",".join(hello.alarms))
        if not hello.eligible:
            self._ctx.voter.end_reserve_of(peer)
        is_restarted = inc not in (None, hello.inc)
        if is_restarted or hello.unwatched is not bool(before and before.unwatched):
            self._health.hello_changed(peer, now, is_restarted=is_restarted)

    # --- the voter

    def _vote(self, peer: str, vote: Vote, now: Instant) -> None:
        parts, voter = self._parts, self._ctx.voter
        if vote.tenure.node != peer:
            return
        if vote.transfer is not None and vote.transfer.node in self._ctx.roster.peers:
            implied = Release(vote.transfer, vote.term, peer, gone=False, was_on=True)
            self._release(implied, now)
        if voter.is_copy(vote.tenure, vote.round) and self._ctx.ledger.voted_for == peer:
            self._answer(peer, vote, now, is_vote=True)
            return
        if parts.office is not None or not voter.may_vote(vote, now):
            return
        parts.candidacy.abandon(now)
        self._ctx.ledger.vote(vote.term, peer)
        voter.give(vote.tenure, vote.round, now)
        self._answer(peer, vote, now, is_vote=True)

    def _beacon(self, peer: str, beacon: Beacon, now: Instant) -> None:
        parts, voter, ledger = self._parts, self._ctx.voter, self._ctx.ledger
        if beacon.tenure.node != peer:
            return
        if parts.office is not None:
            self._met_another_leader(peer, beacon, now)
            return
        if voter.is_copy(beacon.tenure, beacon.round):
            self._answer(peer, beacon, now, is_vote=False)
            return
        reason = voter.refusal_of(beacon, now)
        if reason:
            self._ctx.send(peer, Nack(ledger.term, leading=False, reason=reason), now)
            return
        if parts.verdicts.withholds(peer, now):
            parts.verdicts.ask_to_resign(peer, beacon.tenure, now)
            return
        parts.candidacy.abandon(now)
        if beacon.term > ledger.term:
            ledger.adopt(beacon.term)
        voter.give(beacon.tenure, beacon.round, now)
        parts.probe.somebody_leads()
        self._answer(peer, beacon, now, is_vote=False)

    def _answer(self, peer: str, ask: Vote | Beacon, now: Instant, *, is_vote: bool) -> None:
        """GRANT, at once if all that it relies on is on disk, else when it is."""
        grant = Grant(ask.term, ask.tenure, ask.round, ask.sent, self._ctx.inc, is_vote)
        self._waiting_grant = (peer, grant)
        self.grant_if_durable(now)

    def grant_if_durable(self, now: Instant) -> None:
        """Send the grant that waits for the disk, if it may go and nothing changed meanwhile."""
        if self._waiting_grant is None:
            return
        peer, grant = self._waiting_grant
        ledger, voter = self._ctx.ledger, self._ctx.voter
        if not voter.is_copy(grant.tenure, grant.round):
            self._waiting_grant = None
            return
        if grant.is_vote and (ledger.term, ledger.voted_for) != (grant.term, peer):
            self._waiting_grant = None
            return
        is_durable = (
            ledger.holds_vote(grant.term, peer) if grant.is_vote else ledger.holds_term(grant.term)
        )
        if is_durable and ledger.holds_promise(self._ctx.timing.promise_ms):
            self._waiting_grant = None
            self._ctx.send(peer, grant, now)

    # --- the candidate and the leader

    def _pre_vote_reply(self, peer: str, reply: PreVoteReply, now: Instant) -> None:
        parts = self._parts
        is_won = parts.office is None and parts.candidacy.count_pre_vote(peer, reply, now)
        if is_won and parts.candidacy.may_start(now):
            parts.stand(now)

    def _grant(self, peer: str, grant: Grant, now: Instant) -> None:
        parts = self._parts
        if parts.office is not None:
            parts.office.granted(peer, grant, now)
        elif parts.candidacy.count_vote(peer, grant, now):
            parts.win(now)

    def _nack(self, peer: str, nack: Nack, now: Instant) -> None:
        parts, office = self._parts, self._parts.office
        if office is None:
            parts.candidacy.hint(nack.term)
            return
        office.lease.refusals[peer] = nack.reason
        if office.phase is Phase.RESIGNING or nack.reason == "members":
            return
        if nack.reason == "promise":
            self._hand_to_covered(now)
        elif nack.leading and nack.term > self._least_met(office, nack):
            self._met_by_nack(peer, nack, now)
        elif nack.term > office.term and nack.term != office.pending_term():
            office.reelect(nack, now)

    @staticmethod
    def _least_met(office: Leadership, nack: Nack) -> int:
        # SPLIT_BRAIN answers a beacon of this tenure, which may have been re-elected since.
        return office.epoch if nack.reason == SPLIT_BRAIN else office.term

    def _met_by_nack(self, peer: str, nack: Nack, now: Instant) -> None:
        """Another leader answers while this lease is live: it has to hear of that, once."""
        self._ctx.out.alarm(SPLIT_BRAIN, f"{peer} leads too, from term {nack.term}: both give up")
        if nack.reason != SPLIT_BRAIN:
            answer = Nack(nack.term + 1, leading=True, reason=SPLIT_BRAIN)
            self._ctx.send(peer, answer, now)
        self._parts.resign("split_brain", now)

    def _hand_to_covered(self, now: Instant) -> None:
        parts, office = self._parts, self._parts.office
        if office is None or parts.handing.handover is not None:
            return
        target = parts.handing.target_covering_me(now)
        if target is not None:
            parts.handing.ask_ready(Handover(target, "promises_too_short"), office, now)

    def _met_another_leader(self, peer: str, beacon: Beacon, now: Instant) -> None:
        """The detector, never the safety mechanism.

        A lower term may be a beacon that was long under way: NACK it.  An equal or higher one
        while this lease is live is what no lease allows: alarm, and both give up.
        """
        parts, office, ledger = self._parts, self._parts.office, self._ctx.ledger
        assert office is not None
        if beacon.digest != self._ctx.settings.digest:
            self._ctx.send(peer, Nack(office.term, leading=True, reason="members"), now)
        elif beacon.term < office.term:
            self._ctx.send(peer, Nack(office.term, leading=True, reason="term"), now)
        elif office.phase is not Phase.RESIGNING:
            text = f"{peer} leads term {beacon.term} while this node leads {office.term}"
            self._ctx.out.alarm(SPLIT_BRAIN, f"{text}: both give up")
            nack = Nack(beacon.term + 1, leading=True, reason=SPLIT_BRAIN)
            self._ctx.send(peer, nack, now)
            ledger.adopt(max(ledger.term, beacon.term + 1))
            parts.resign("split_brain", now)

    # --- releases and transfers

    def _release(self, release: Release, now: Instant) -> None:
        parts = self._parts
        was_held = self._ctx.voter.release(release, now)
        if was_held:
            parts.was_released(release, now)
        reserve = self._ctx.voter.reserve
        if release.successor != self._ctx.me or reserve is None or reserve.node != self._ctx.me:
            return
        is_idle = parts.office is None and parts.candidacy.ballot is None
        if is_idle and parts.state.now is State.STANDBY and parts.candidacy.may_start(now):
            parts.stand(now, release.tenure)

    def _ready(self, peer: str, ready: Ready, now: Instant) -> None:
        parts, office = self._parts, self._parts.office
        handover = parts.handing.ready_received(peer, ready, office, now)
        if handover is not None and office is not None and office.phase is not Phase.RESIGNING:
            parts.resign(handover.reason, now, peer)


def _highest_in(message: Message) -> int:
    """The greatest number in `message` that this node would count on from."""
    if isinstance(message, _OF_A_TERM):
        return message.term
    if isinstance(message, PreVote):
        return message.next_term
    if isinstance(message, StateReply):
        return max(message.term, message.remembered_seq)
    return 0
