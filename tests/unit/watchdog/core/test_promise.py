"""The voter: one promise, never broken. Sections in parentheses are those of docs/election.md."""

import pytest

from tests.unit.watchdog.core.support import (
    DIGEST,
    OTHER_DIGEST,
    PROMISE_MS,
    READY,
    TIMING,
    after,
    beacon,
    fit_parts,
    hello,
    parts_of,
    ready,
    record,
    release,
    tenure,
    vote,
)
from watchdog.core.events import GuardianReady
from watchdog.core.promise import Voter
from watchdog.instant import MS


def voter_of() -> Voter:
    """A voter that may promise anything to b and c."""
    return fit_parts().voter


def granted(voter: Voter, no: int = 1, number: int = 1, ms: float = 0) -> Voter:
    """The same voter after a promise to b."""
    voter.give(tenure("b", no), number, ready(ms))
    return voter


# --- may_promise, line by line


def test_a_fit_voter_may_promise_anybody_of_its_list() -> None:
    """The other tests of this group change one thing each (The voter's rule)."""
    assert voter_of().may_promise(tenure("b"), 1, DIGEST)


def test_an_amnesiac_promises_nothing() -> None:
    """It may have promised somebody else (The voter's rule)."""
    voter = voter_of()
    voter.is_amnesiac = True
    assert not voter.may_promise(tenure("b"), 1, DIGEST)


def test_a_tenure_under_another_list_gets_no_promise() -> None:
    """Quorums of two lists need not intersect (Two nodes, even clusters, membership)."""
    assert not voter_of().may_promise(tenure("b"), 1, OTHER_DIGEST)


def test_a_voter_that_is_not_off_promises_only_itself() -> None:
    """While the guardian holds anything this node still lives on others' promises."""
    parts = fit_parts()
    parts.guard.is_off = False
    assert not parts.voter.may_promise(tenure("b"), 1, DIGEST)
    assert parts.voter.may_promise(tenure("a"), 1, DIGEST)


def test_a_released_tenure_gets_no_promise() -> None:
    """It has ended for ever; a later one of the same process has not (The voter's rule)."""
    voter = voter_of()
    voter.release(release("b", no=3), READY)
    assert not voter.may_promise(tenure("b", 3), 9, DIGEST)
    assert not voter.may_promise(tenure("b", 2), 9, DIGEST)
    assert voter.may_promise(tenure("b", 4), 1, DIGEST)


def test_only_the_current_incarnation_gets_a_promise() -> None:
    """A late request of a dead process must not move a promise back (The voter's rule)."""
    parts = fit_parts()
    parts.roster.hello_received("b", hello("b", life=1), READY)
    assert not parts.voter.may_promise(tenure("b"), 1, DIGEST)
    assert parts.voter.may_promise(tenure("b", life=1), 1, DIGEST)


@pytest.mark.parametrize(
    ("no", "number", "allowed"),
    [(2, 5, False), (2, 4, False), (1, 9, False), (2, 6, True), (3, 0, True)],
)
def test_a_promise_moves_only_to_a_newer_round(no: int, number: int, allowed: bool) -> None:
    """A duplicate or overtaken round would count from an older send instant."""
    assert granted(voter_of(), no=2, number=5).may_promise(tenure("b", no), number, DIGEST) is (
        allowed
    )


def test_rounds_granted_are_remembered_after_the_promise_expired() -> None:
    """An old beacon that arrives after expiry must not be granted again (The voter's rule)."""
    voter = granted(voter_of(), number=5)
    voter.expire(ready(PROMISE_MS))
    assert voter.promise is None
    assert not voter.may_promise(tenure("b"), 5, DIGEST)
    assert voter.may_promise(tenure("b"), 6, DIGEST)


def test_a_standing_promise_refuses_everybody_else() -> None:
    """At most one promise at a time (The idea)."""
    voter = granted(voter_of())
    assert not voter.may_promise(tenure("c"), 1, DIGEST)
    assert not voter.may_promise(tenure("a"), 1, DIGEST)


def test_the_holder_itself_may_renew_with_a_new_tenure() -> None:
    """The holder is matched by node: its newer tenure knows that the older is over."""
    assert granted(voter_of()).may_promise(tenure("b", 2), 1, DIGEST)


# --- expiry


def test_a_promise_ends_by_the_slower_clock() -> None:
    """A voter measures the smaller elapsed time and keeps its word longer (Clocks)."""
    voter = granted(voter_of())
    assert voter.expire(ready(2 * PROMISE_MS, PROMISE_MS - 1)) is None
    assert voter.expire(ready(PROMISE_MS - 1, 2 * PROMISE_MS)) is None
    assert voter.promise is not None
    assert voter.expire(ready(2 * PROMISE_MS, PROMISE_MS)) == "b"
    assert voter.promise is None


def test_expiry_starts_the_ranks_and_drops_the_silent_holder() -> None:
    """t0 is the end of the promise; nobody waits for a node that fell silent (The voter's rule)."""
    parts = fit_parts()
    granted(parts.voter)
    parts.voter.expire(ready(PROMISE_MS))
    assert parts.voter.free_since == ready(PROMISE_MS)
    assert not parts.roster.peers["b"].is_ranked
    assert parts.roster.peers["c"].is_ranked


def test_the_own_promise_expires_like_any_other() -> None:
    """A node that promised itself and lost its rounds may vote for another afterwards."""
    voter = voter_of()
    voter.give(tenure("a"), 1, READY)
    assert voter.expire(ready(PROMISE_MS)) == "a"


def test_what_remains_of_no_promise_is_nothing() -> None:
    """PREVOTE_R carries it as retry_ms (Messages)."""
    voter = voter_of()
    assert voter.promise_left_ns(READY) == 0
    assert granted(voter).promise_left_ns(ready(1000)) == TIMING.promise_ns - 1000 * MS


def test_following_is_promising_another() -> None:
    """The coordinator that a node knows is the holder of its promise (Terms)."""
    voter = voter_of()
    assert voter.follows() is None
    voter.give(tenure("a"), 1, READY)
    assert voter.follows() is None
    voter.expire(ready(PROMISE_MS))
    assert granted(voter, ms=PROMISE_MS).follows() == "b"


# --- may_vote


def test_a_fit_voter_votes_in_a_higher_term_and_in_its_own_if_free() -> None:
    """One vote per term (The voter's rule)."""
    parts = fit_parts()
    assert parts.ledger.term == 7
    assert parts.voter.may_vote(vote("b", 8), READY)
    assert parts.voter.may_vote(vote("b", 7), READY)
    assert not parts.voter.may_vote(vote("b", 6), READY)


def test_the_vote_of_a_term_is_spent_once() -> None:
    """voted_for is persisted; the same candidate may be answered again (The voter's rule)."""
    voter = fit_parts(loaded=record(voted_for="c")).voter
    assert not voter.may_vote(vote("b", 7), READY)
    assert voter.may_vote(vote("c", 7), READY)
    assert voter.may_vote(vote("b", 8), READY)


def test_a_recovered_node_has_no_vote_left_in_its_term() -> None:
    """It cannot know for whom it voted (Formation and lost state)."""
    assert not fit_parts(loaded=record(voted_for="!")).voter.may_vote(vote("b", 7), READY)


def test_no_vote_during_the_sit_out() -> None:
    """An earlier process may owe a promise (The voter's rule)."""
    parts = parts_of()
    parts.guard.welcomed(GuardianReady(0, off_clean=True))
    parts.roster.hello_received("b", hello("b"), after(0))
    assert not parts.voter.may_vote(vote("b"), after(PROMISE_MS - 1))
    assert parts.voter.may_vote(vote("b"), after(PROMISE_MS))


def test_no_vote_with_a_bad_disk() -> None:
    """A vote that is not durable may be given twice (Persistent state)."""
    parts = fit_parts()
    parts.ledger.failed_at = READY
    assert not parts.voter.may_vote(vote("b"), READY)


def test_no_vote_for_a_holder_that_outlasts_the_promise() -> None:
    """A voter refuses a hard bound that its own promise does not cover (Timers)."""
    voter = voter_of()
    assert voter.may_vote(vote("b", hard_ms=TIMING.hard_ms), READY)
    assert not voter.may_vote(vote("b", hard_ms=TIMING.hard_ms + 10), READY)


def test_no_vote_that_would_break_the_promise() -> None:
    """VOTE and BEACON are judged by one rule (The voter's rule)."""
    assert not granted(voter_of()).may_vote(vote("c", 9), READY)


def test_a_reserve_is_for_its_node_alone_and_ends() -> None:
    """A named successor has the first go, for a moment (Transfer)."""
    voter = voter_of()
    voter.release(release("b", successor="c"), READY)
    assert not voter.may_vote(vote("b", 9, tenure=tenure("b", 2)), READY)
    assert voter.may_vote(vote("c", 9), READY)
    voter.expire(ready(TIMING.reserve_ns / MS))
    assert voter.may_vote(vote("b", 9, tenure=tenure("b", 2)), READY)


# --- refusal_of


def test_a_beacon_of_an_equal_or_higher_term_is_granted() -> None:
    """The other tests of this group change one thing each (The voter's rule)."""
    voter = voter_of()
    assert voter.refusal_of(beacon("b", 7), READY) == ""
    assert voter.refusal_of(beacon("b", 9), READY) == ""


def test_a_beacon_is_granted_during_the_sit_out() -> None:
    """The sit-out bars votes only: a promise given now always binds (The voter's rule)."""
    parts = parts_of()
    parts.guard.welcomed(GuardianReady(0, off_clean=True))
    parts.roster.hello_received("b", hello("b"), after(1))
    assert parts.voter.is_sitting_out(after(2))
    assert parts.voter.refusal_of(beacon("b", 7), after(2)) == ""


def test_a_beacon_of_a_lower_term_is_refused_unless_voted_for_and_promised() -> None:
    """During a re-election in place the old term leads on (The candidate and the leader)."""
    parts = fit_parts()
    assert parts.voter.refusal_of(beacon("b", 6), READY) == "term"
    parts.ledger.vote(9, "b")
    assert parts.voter.refusal_of(beacon("b", 8), READY) == "term"
    parts.voter.give(tenure("b"), 1, READY)
    assert parts.voter.refusal_of(beacon("b", 8), READY) == ""
    parts.ledger.vote(10, "c")
    assert parts.voter.refusal_of(beacon("b", 8), READY) == "term"


def test_a_beacon_under_another_list_is_refused_as_members() -> None:
    """The leader must not read this as a higher term (Messages)."""
    assert voter_of().refusal_of(beacon("b", digest=OTHER_DIGEST), READY) == "members"


def test_a_beacon_of_a_holder_that_outlasts_the_promise_is_refused() -> None:
    """NACK reason `promise` makes the leader hand over (Timers)."""
    assert voter_of().refusal_of(beacon("b", hard_ms=TIMING.hard_ms + 10), READY) == "promise"


def test_a_bad_disk_renews_but_follows_no_new_term() -> None:
    """Renewals need no disk; a term that is not durable may not be named (Persistent state)."""
    parts = fit_parts()
    parts.ledger.failed_at = READY
    assert parts.voter.refusal_of(beacon("b", 7), READY) == ""
    assert parts.voter.refusal_of(beacon("b", 8), READY) == "storage"


def test_a_beacon_against_the_promise_is_refused() -> None:
    """The rule that everything rests on (The voter's rule)."""
    assert granted(voter_of()).refusal_of(beacon("c", 99), READY) == "promised"


# --- copies


def test_only_the_round_granted_last_is_a_copy() -> None:
    """It is answered again and does not move the promise (The voter's rule)."""
    voter = voter_of()
    assert not voter.is_copy(tenure("b"), 1)
    granted(voter, number=2)
    assert voter.is_copy(tenure("b"), 2)
    assert not voter.is_copy(tenure("b"), 1)
    assert not voter.is_copy(tenure("b", 2), 2)
    voter.expire(ready(PROMISE_MS))
    assert not voter.is_copy(tenure("b"), 2)


# --- the sit-out


def test_the_sit_out_ends_by_the_slower_clock() -> None:
    """Neither a slewed nor a suspended clock shortens it (Clocks)."""
    voter = parts_of().voter
    assert voter.is_sitting_out(after(9000, PROMISE_MS - 1))
    assert voter.is_sitting_out(after(PROMISE_MS - 1, 9000))
    assert not voter.is_sitting_out(after(9000, PROMISE_MS))
    assert voter.free_since == after(9000, PROMISE_MS)
    assert voter.sitout_left_ns(after(0)) == 0


def test_the_sit_out_is_as_long_as_the_longest_promise_ever_made() -> None:
    """I4: an earlier process may have promised more than the file says now (Timers)."""
    loaded = record()
    longer = type(loaded)(5, 7, None, 5000, loaded.digest, loaded.members)
    voter = parts_of(loaded=longer).voter
    assert voter.is_sitting_out(after(4999))
    assert not voter.is_sitting_out(after(5000))


def test_a_peer_that_remembers_longer_promises_prolongs_the_sit_out() -> None:
    """A wiped voter may have forgotten a longer promise (Formation and lost state)."""
    voter = parts_of(amnesiac=True).voter
    assert not voter.prolong_sitout(TIMING.promise_ms, after(0))
    assert voter.prolong_sitout(5000, after(PROMISE_MS + 1))
    assert voter.is_sitting_out(after(4999))
    assert not voter.is_sitting_out(after(5000))


def test_a_prolonged_sit_out_that_is_over_already_is_over() -> None:
    """Time that has passed counts (Formation and lost state)."""
    voter = parts_of(amnesiac=True).voter
    assert voter.prolong_sitout(5000, after(6000))
    assert not voter.is_sitting_out(after(6000))


def test_a_suspend_starts_the_sit_out_anew() -> None:
    """Nobody knows how much of it was slept (States and events)."""
    voter = voter_of()
    voter.restart_sitout(READY)
    assert voter.is_sitting_out(ready(PROMISE_MS - 1))
    assert not voter.is_sitting_out(ready(PROMISE_MS))


def test_giving_a_promise_is_noted_for_the_next_process() -> None:
    """max_promise_ms must be durable before the first longer grant (Persistent state)."""
    parts = fit_parts(loaded=record())
    parts.ledger.max_promise_ms = 0
    granted(parts.voter)
    assert parts.ledger.max_promise_ms == TIMING.promise_ms
