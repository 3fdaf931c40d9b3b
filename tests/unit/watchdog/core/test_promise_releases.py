"""The voter: releases and reserves. Sections in parentheses are those of docs/election.md."""

from tests.unit.watchdog.core.support import (
    DIGEST,
    READY,
    TIMING,
    fit_parts,
    hello,
    inc_of,
    ready,
    release,
    tenure,
)
from watchdog.core.membership import INCARNATIONS_MAX
from watchdog.core.messages import GONE_NO, Release, Tenure
from watchdog.core.promise import Voter
from watchdog.instant import MS


def voter_of() -> Voter:
    """A voter that may promise anything to b and c."""
    return fit_parts().voter


def granted(voter: Voter, no: int = 1, number: int = 1, ms: float = 0) -> Voter:
    """The same voter after a promise to b."""
    voter.give(tenure("b", no), number, ready(ms))
    return voter


# --- releases


def test_a_release_ends_the_promise_to_its_tenure() -> None:
    """Its holder is off; others may be promised at once (The voter's rule)."""
    voter = granted(voter_of())
    assert voter.release(release("b"), ready(10))
    assert voter.promise is None
    assert voter.free_since == ready(10)
    assert voter.may_promise(tenure("c"), 1, DIGEST)


def test_a_release_of_an_older_tenure_does_not_end_a_newer_promise() -> None:
    """A late RELEASE would otherwise clear a live promise (Why two nodes are never on)."""
    voter = granted(voter_of(), no=2)
    assert not voter.release(release("b", no=1), READY)
    assert voter.promise is not None


def test_a_release_of_another_incarnation_does_not_end_the_promise() -> None:
    """A will names a dead process only (The guardian)."""
    parts = fit_parts()
    parts.roster.hello_received("b", hello("b", life=1), READY)
    parts.voter.give(tenure("b", life=1), 1, READY)
    gone = Release(Tenure("b", inc_of("b"), GONE_NO), 0, None, gone=True)
    assert not parts.voter.release(gone, READY)
    assert parts.voter.promise is not None


def test_a_release_of_an_older_tenure_does_not_lower_what_is_released() -> None:
    """released[inc] is a maximum (The voter's rule)."""
    voter = voter_of()
    voter.release(release("b", no=5), READY)
    voter.release(release("b", no=2), READY)
    assert voter.is_released(tenure("b", 5))


def test_only_the_first_release_of_a_tenure_makes_a_reserve() -> None:
    """It is sent three times: a late copy must not stop another election (The voter's rule)."""
    voter = granted(voter_of())
    voter.release(release("b", successor="c"), READY)
    assert voter.reserve is not None
    voter.expire(ready(TIMING.reserve_ns / MS))
    voter.release(release("b", successor="c"), ready(TIMING.reserve_ns / MS))
    assert voter.reserve is None


def test_a_release_makes_no_reserve_while_another_promise_stands() -> None:
    """It neither cleared the promise nor was there none (The voter's rule)."""
    voter = granted(voter_of())
    voter.release(release("c", successor="a"), READY)
    assert voter.reserve is None


def test_a_release_drops_its_holder_from_the_ranking_if_it_is_current() -> None:
    """Until its next HELLO nobody waits for it (The voter's rule)."""
    parts = fit_parts()
    parts.voter.release(release("b"), READY)
    assert not parts.roster.peers["b"].is_ranked
    parts.roster.hello_received("c", hello("c", life=1), READY)
    parts.voter.release(release("c"), READY)
    assert parts.roster.peers["c"].is_ranked


def test_a_release_of_the_node_itself_needs_no_peer() -> None:
    """The leader applies its own RELEASE to itself (The voter's rule)."""
    voter = voter_of()
    voter.give(tenure("a"), 1, READY)
    assert voter.release(release("a"), READY)
    assert voter.promise is None


def test_gone_retires_the_incarnation_and_ends_its_reserve() -> None:
    """A dead process is never current again, and takes nothing over (The voter's rule)."""
    parts = fit_parts()
    parts.voter.release(release("b", successor="c"), READY)
    gone = Release(Tenure("c", inc_of("c"), GONE_NO), 0, None, gone=True)
    parts.voter.release(gone, READY)
    assert parts.voter.reserve is None
    assert not parts.roster.hello_received("c", hello("c"), READY)
    assert parts.roster.hello_received("c", hello("c", life=1), READY)


def test_a_reserve_of_another_node_is_kept() -> None:
    """Only the successor's own trouble ends its reserve (The voter's rule)."""
    voter = voter_of()
    voter.release(release("b", successor="c"), READY)
    voter.end_reserve_of("b")
    assert voter.reserve is not None
    voter.end_reserve_of("c")
    assert voter.reserve is None


def test_what_is_remembered_of_dead_processes_is_bounded() -> None:
    """Sixteen newest incarnations of each node (The voter's rule)."""
    voter = voter_of()
    dead = tenure("b")
    for life in range(1, 3 * INCARNATIONS_MAX):
        dead = Tenure("b", life.to_bytes(16, "big"), 1)
        voter.release(Release(dead, 0, None, gone=False), READY)
        voter.give(dead, 1, READY)
    assert len(voter._released["b"]) == len(voter._granted["b"]) == INCARNATIONS_MAX
    assert voter.is_released(dead)
