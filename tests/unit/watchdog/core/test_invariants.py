"""Broken states must stop the node. Sections in parentheses are those of docs/election.md."""

import pytest

from tests.unit.watchdog.core.rig import Rig, leader, standby
from tests.unit.watchdog.core.support import tenure
from watchdog.core import effects as fx
from watchdog.core.candidacy import PreBallot
from watchdog.core.invariants import Invariants
from watchdog.core.leading import Phase
from watchdog.core.states import Trigger


def check(rig: Rig) -> None:
    """Look at the node as after a step."""
    rig.node._invariants.check()


def candidate() -> Rig:
    """A node in the middle of a candidacy."""
    rig = Rig()
    rig.mute.add(fx.OpenRound)
    rig.advance(2000)
    assert rig.parts.candidacy.ballot is not None
    return rig


@pytest.mark.parametrize("make", [Rig, standby, candidate, leader])
def test_a_sound_node_passes(make: type[Rig]) -> None:
    """Or the tests below would prove nothing (What is checked)."""
    check(make())


def test_the_term_never_falls() -> None:
    """Epochs are terms (Persistent state)."""
    rig = standby()
    rig.parts.ledger.term -= 1
    with pytest.raises(AssertionError, match="the term fell"):
        check(rig)


def test_the_term_is_compared_with_the_one_loaded() -> None:
    """Also before the first step (Persistent state)."""
    rig = standby()
    invariants = Invariants(rig.parts)
    rig.parts.ledger.term -= 1
    with pytest.raises(AssertionError, match="the term fell"):
        invariants.check()


def test_a_leader_does_not_stand_for_election() -> None:
    """One tenure at a time (Terms)."""
    rig, other = leader(), candidate()
    rig.parts.candidacy.ballot = other.parts.candidacy.ballot
    with pytest.raises(AssertionError, match="a leader stands for election"):
        check(rig)


def test_a_ballot_is_legal_in_standby_only() -> None:
    """Candidacy is not a state (States and events)."""
    rig = Rig()
    rig.parts.candidacy.pre = PreBallot(1, 8, {"a"})
    with pytest.raises(AssertionError, match="a ballot in LOADING"):
        check(rig)


def test_a_candidate_holds_its_own_promise() -> None:
    """Invariant: ballot => promise.holder == me (The candidate and the leader)."""
    rig = candidate()
    rig.parts.voter.give(tenure("b"), 1, rig.now)
    with pytest.raises(AssertionError, match="a candidate without its own promise"):
        check(rig)


def test_nothing_is_on_without_a_tenure() -> None:
    """guardian on => COORDINATOR (house, 4)."""
    rig = standby()
    rig.parts.guard.is_on = True
    with pytest.raises(AssertionError, match="on without a tenure"):
        check(rig)


def test_a_resigning_leader_has_told_its_guardian() -> None:
    """Or Deescalate already sent (house, 4)."""
    rig = leader()
    assert rig.parts.office is not None
    rig.parts.office.phase = Phase.RESIGNING
    with pytest.raises(AssertionError, match="without having told the guardian"):
        check(rig)


def test_a_live_tenure_belongs_to_a_coordinator() -> None:
    """escalation requested => COORDINATOR (house, 4)."""
    rig = leader()
    rig.parts.state.fire(Trigger.STEPPED_DOWN)
    with pytest.raises(AssertionError, match="a live tenure in STANDBY"):
        check(rig)


def test_a_leader_holds_its_own_promise() -> None:
    """Invariant: leader => promise.holder == me (The candidate and the leader)."""
    rig = leader()
    rig.parts.voter.promise = None
    with pytest.raises(AssertionError, match="a leader without its own promise"):
        check(rig)
