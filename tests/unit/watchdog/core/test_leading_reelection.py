"""Leading on in a higher term. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.watchdog.core.rig import (
    Rig,
    all_of,
    leader,
    notes,
    phase,
)
from tests.unit.watchdog.core.support import (
    BEACON_MS,
    SOFT_MS,
    TIMING,
    grant_to,
    hello,
    members,
    sent,
    settings,
)
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.messages import Beacon, Nack, Vote

# --- re-election in place


def reelection(rig: Rig, *, by: str = "b", term: int = 20, **changes: Any) -> list[fx.Effect]:
    """A member stuck in a higher term refuses a beacon."""
    nack = replace(Nack(term, leading=False, reason="term"), **changes)
    return rig.hear(by, nack)


def test_a_member_stuck_in_a_higher_term_is_voted_back_without_an_outage() -> None:
    """Same tenure, same epoch, new term; it leads on meanwhile (The candidate and the leader)."""
    rig = leader()
    tenure = sent(rig.log, Beacon)[-1][1].tenure
    start = len(rig.log)
    reelection(rig)
    votes = sent(rig.log[start:], Vote)
    assert [(peer, v.term, v.tenure) for peer, v in votes] == [("b", 21, tenure), ("c", 21, tenure)]
    rig.advance(BEACON_MS)
    beacon = sent(rig.log, Beacon)[-1][1]
    assert (beacon.term, beacon.epoch, beacon.tenure) == (21, 8, tenure)
    assert all_of(rig.log[start:], fx.Deescalate) == []
    assert phase(rig) == "escalated"
    assert notes(rig, "reelected") == [{"term": "21", "was": "8", "epoch": "8"}]


def test_the_old_term_leads_on_until_the_new_one_has_a_quorum() -> None:
    """Until that vote has a quorum (The candidate and the leader)."""
    rig = leader()
    rig.unanswered.add(Vote)
    reelection(rig)
    rig.advance(2 * BEACON_MS)
    assert sent(rig.log, Beacon)[-1][1].term == 8
    asked = [peer for peer, v in sent(rig.log, Vote) if v.term == 21]
    assert len(asked) >= 4
    assert phase(rig) == "escalated"


def test_its_vote_is_asked_for_only_when_durable() -> None:
    """VOTE: term, voted_for = self (Persistent state)."""
    rig = leader()
    rig.mute.add(fx.Save)
    start = len(rig.log)
    reelection(rig)
    rig.advance(BEACON_MS)
    assert sent(rig.log[start:], Vote) == []
    save = all_of(rig.log[start:], fx.Save)[-1]
    rig.step(ev.Saved(save.ticket))
    assert {v.term for _, v in sent(rig.log[start:], Vote)} == {21}


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("a term that is not higher", {"term": 8}),
        ("another list", {"reason": "members"}),
    ],
)
def test_a_nack_that_asks_for_nothing_is_ignored(what: str, change: dict[str, Any]) -> None:
    """Reason `members`, or no higher term (The candidate and the leader)."""
    rig = leader()
    reelection(rig, **change)
    assert rig.parts.ledger.term == 8, what


def test_a_nack_that_names_the_own_pending_term_is_ignored() -> None:
    """The voter has it from this very leader (The candidate and the leader)."""
    rig = leader()
    rig.unanswered.add(Vote)
    reelection(rig)
    rig.advance(SOFT_MS + 10)
    reelection(rig, by="c", term=21)
    assert rig.parts.ledger.term == 21


def test_reelections_come_at_most_once_per_soft() -> None:
    """Two stuck members must not chase each other (The candidate and the leader)."""
    rig = leader()
    reelection(rig)
    reelection(rig, by="c", term=30)
    assert rig.parts.ledger.term == 21
    rig.advance(SOFT_MS)
    reelection(rig, by="c", term=30)
    assert rig.parts.ledger.term == 31


def test_there_is_no_reelection_without_a_live_lease() -> None:
    """Only while the lease is ok (The candidate and the leader)."""
    rig = leader()
    office = rig.parts.office
    assert office is not None
    office.reelect(Nack(20, leading=False, reason="term"), rig.now)
    assert rig.parts.ledger.term == 21
    rig = leader()
    office = rig.parts.office
    assert office is not None
    rig.cut = {"b", "c"}
    late = rig.now._replace(boot_ns=rig.now.boot_ns + TIMING.soft_ns)
    office.reelect(Nack(20, leading=False, reason="term"), late)
    assert rig.parts.ledger.term == 8


def test_a_grant_of_a_vote_renews_the_lease_too() -> None:
    """One sequence of rounds (Terms, round)."""
    rig = leader()
    rig.unanswered.add(Beacon)
    reelection(rig)
    start = len(rig.log)
    rig.advance(BEACON_MS)
    rig.hear("b", hello("b"))
    assert phase(rig) == "escalated"
    assert rig.parts.office is not None
    assert rig.parts.office.term == 21
    assert start


def test_only_those_who_have_not_voted_are_asked_again() -> None:
    """In a new round each (Messages, VOTE)."""
    given = settings(names="abcde", members=members("abcde"))
    rig = Rig(given)
    rig.advance(3000)
    assert phase(rig) == "escalated"
    rig.unanswered.add(Vote)
    reelection(rig)
    rig.advance(10)
    asked = {peer: v for peer, v in sent(rig.log, Vote) if v.term == 21}
    rig.hear("b", grant_to(asked["b"], "b"))
    assert rig.parts.office is not None
    assert rig.parts.office.term == 8
    start = len(rig.log)
    rig.advance(BEACON_MS)
    assert [peer for peer, _ in sent(rig.log[start:], Vote)] == ["c", "d", "e"]
    rig.hear("c", grant_to(asked["c"], "c"))
    assert rig.parts.office.term == 21
