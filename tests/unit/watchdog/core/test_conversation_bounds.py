"""Numbers that no sound peer says: they must not be counted on (docs/election.md, 5)."""

import pytest

from tests.unit.watchdog.core.rig import Rig, all_of, leader, standby
from tests.unit.watchdog.core.support import beacon, pre_vote, state_reply, tenure, vote
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.conversation import BELIEVABLE_MAX
from watchdog.core.messages import (
    GONE_NO,
    Message,
    Nack,
    PreVote,
    PreVoteReply,
    StateRequest,
    Tenure,
    Transfer,
)
from watchdog.wire import codec

LAST = 2**64 - 1
REFUSALS: list[Message] = [
    Nack(LAST, leading=False, reason="term"),
    Nack(LAST, leading=True, reason="term"),
    PreVoteReply(1, ok=False, term=LAST, reason="", retry_ms=0),
]


def check_bytes(rig: Rig) -> None:
    """Everything that was said has a form on the wire; the shell would crash otherwise."""
    for send in all_of(rig.log, fx.Send):
        codec.encode(send.message)


@pytest.mark.parametrize("message", REFUSALS)
def test_the_last_term_of_64_bits_is_no_hint(message: Message) -> None:
    """One more than it cannot be said: every candidate would crash, again after each restart."""
    rig = standby()
    effects = rig.hear("b", message)
    assert [effect.peer for effect in all_of(effects, fx.CloseLink)] == ["b"]
    rig.unanswered.clear()
    rig.advance(3000)
    assert rig.node.status()["phase"] == "escalated"
    check_bytes(rig)


def test_a_leader_is_not_reelected_above_the_last_term() -> None:
    """A NACK would have had it vote for itself in a term that no record holds."""
    rig = leader()
    rig.hear("b", Nack(LAST, leading=False, reason="term"))
    rig.advance(1000)
    assert rig.node.status()["term"] < BELIEVABLE_MAX
    assert rig.node.status()["phase"] == "escalated"
    check_bytes(rig)


def test_a_request_of_the_last_term_is_not_stored() -> None:
    """A granted BEACON is for ever: the term of the whole cluster could never rise again."""
    rig = standby()
    for message in (beacon(term=LAST), vote(term=LAST), pre_vote(next_term=LAST)):
        assert all_of(rig.hear("b", message), fx.CloseLink)
    assert rig.parts.ledger.term < BELIEVABLE_MAX


def test_the_last_seq_is_not_remembered() -> None:
    """The next record would have a number that cannot be written."""
    rig = Rig()
    rig.unanswered.add(StateRequest)
    asked = all_of(rig.advance(300), fx.Send)
    rids = [send.message.rid for send in asked if isinstance(send.message, StateRequest)]
    rig.hear("b", state_reply(rids[-1], "b", remembered_seq=LAST))
    assert rig.parts.ledger.seq < BELIEVABLE_MAX


def test_a_transfer_from_nobody_known_leaves_no_trace() -> None:
    """A buggy peer could fill the memory with the releases of invented nodes."""
    rig = standby()
    rig.unanswered.add(PreVote)
    before = set(rig.parts.voter._released)
    rig.hear("b", vote(transfer=Tenure("zulu", b"z" * 16, GONE_NO)))
    assert set(rig.parts.voter._released) == before


def test_a_long_reason_of_the_lifecheck_fits_ready() -> None:
    """READY carries at most 256 characters; the lifecheck may say more."""
    rig = standby()
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x" * 1000))
    rig.hear("b", Transfer(tenure("b")))
    check_bytes(rig)
