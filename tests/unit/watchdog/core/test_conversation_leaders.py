"""Two leaders, and refusals. Sections in parentheses are those of docs/election.md."""

from typing import Any

import pytest

from tests.unit.watchdog.core.rig import Rig, all_of, leader, standby
from tests.unit.watchdog.core.support import (
    BEACON_MS,
    OTHER_DIGEST,
    beacon,
    sent,
)
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.conversation import SPLIT_BRAIN
from watchdog.core.messages import (
    Grant,
    Nack,
)


def grants(effects: list[fx.Effect]) -> list[tuple[str, int, int, bool]]:
    """(to whom, term, round, is_vote) of every GRANT."""
    return [(peer, g.term, g.round, g.is_vote) for peer, g in sent(effects, Grant)]


def nacks(effects: list[fx.Effect]) -> list[tuple[str, str]]:
    """(to whom, reason) of every NACK."""
    return [(peer, n.reason) for peer, n in sent(effects, Nack)]


def save_now(rig: Rig) -> list[fx.Effect]:
    """Let the disk finish the write in flight."""
    return rig.step(ev.Saved(all_of(rig.log, fx.Save)[-1].ticket))


# --- two leaders meet


def meet(rig: Rig, term: int, **changes: Any) -> list[fx.Effect]:
    """A beacon of b reaches this leader."""
    return rig.hear("b", beacon("b", term=term, **changes))


def test_a_lower_term_is_told_that_there_is_a_leader() -> None:
    """The higher term answers NACK (The candidate and the leader)."""
    rig = leader()
    effects = meet(rig, 7)
    assert sent(effects, Nack) == [("b", Nack(8, leading=True, reason="term"))]
    assert rig.node.status()["phase"] == "escalated"


@pytest.mark.parametrize("term", [8, 20])
def test_two_leaders_of_one_or_a_higher_term_both_resign_with_an_alarm(term: int) -> None:
    """While this lease is live no other can be: clocks or state were cloned (The candidate ...)."""
    rig = leader()
    effects = meet(rig, term)
    assert SPLIT_BRAIN in dict(rig.node.status()["alarms"])
    assert len(all_of(effects, fx.Deescalate)) == 1
    answer = Nack(term + 1, leading=True, reason=SPLIT_BRAIN)
    assert sent(effects, Nack) == [("b", answer)]
    assert rig.parts.ledger.term == term + 1
    assert rig.parts.office is None


def test_a_leader_of_another_list_makes_nobody_resign() -> None:
    """BEACON carries the digest and is refused (Two nodes, even clusters, membership)."""
    rig = leader()
    assert nacks(meet(rig, 20, digest=OTHER_DIGEST)) == [("b", "members")]
    assert rig.node.status()["phase"] == "escalated"


def test_a_resigning_leader_that_meets_another_goes_on_resigning() -> None:
    """Once is enough (Resign)."""
    rig = leader()
    rig.mute.add(fx.Deescalate)
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    assert all_of(meet(rig, 20), fx.Deescalate) == []


def test_a_nack_of_a_higher_leader_makes_resign_and_tells_it_once() -> None:
    """It has to hear that this lease was live (The candidate and the leader)."""
    rig = leader()
    effects = rig.hear("b", Nack(20, leading=True, reason="term"))
    assert len(all_of(effects, fx.Deescalate)) == 1
    assert sent(effects, Nack) == [("b", Nack(21, leading=True, reason=SPLIT_BRAIN))]
    assert SPLIT_BRAIN in dict(rig.node.status()["alarms"])


def test_a_nack_that_says_split_brain_is_not_answered_again() -> None:
    """Two nodes must not tell each other for ever (The candidate and the leader)."""
    rig = leader()
    effects = rig.hear("b", Nack(20, leading=True, reason=SPLIT_BRAIN))
    assert len(all_of(effects, fx.Deescalate)) == 1
    assert nacks(effects) == []


def test_a_split_brain_nack_counts_from_the_epoch_of_the_tenure() -> None:
    """It answers a beacon of this tenure, which may have been re-elected since."""
    rig = leader()
    rig.hear("c", Nack(20, leading=False, reason="term"))
    rig.advance(2 * BEACON_MS)
    assert rig.parts.office is not None
    assert rig.parts.office.term == 21
    rig.hear("b", Nack(15, leading=True, reason="term"))
    assert rig.node.status()["phase"] == "escalated"
    rig.hear("b", Nack(9, leading=True, reason=SPLIT_BRAIN))
    assert rig.parts.office is None


def test_a_nack_at_a_resigning_leader_does_nothing() -> None:
    """It has given up already (Resign)."""
    rig = leader()
    rig.mute.add(fx.Deescalate)
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    assert rig.hear("b", Nack(20, leading=True, reason="term")) == []


def test_a_nack_is_a_hint_for_whoever_does_not_lead() -> None:
    """The next candidacy must exceed it (States and events)."""
    rig = standby()
    rig.hear("b", Nack(40, leading=False, reason="term"))
    assert rig.parts.candidacy.next_term() == 41
