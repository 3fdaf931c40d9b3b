"""Standing for election: votes. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace

from tests.unit.watchdog.core.standing import (
    free,
    standing,
    start_ms,
)
from tests.unit.watchdog.core.support import (
    PROMISE_MS,
    READY,
    TIMING,
    fit_parts,
    grant_to,
    members,
    ready,
    release,
    save_all,
    sent,
    settings,
    tenure,
)
from watchdog.core.candidacy import Phase
from watchdog.core.effects import OpenRound
from watchdog.core.messages import Release, Vote
from watchdog.instant import MS

# --- vote


def test_a_candidate_promises_itself_and_spends_its_vote_first() -> None:
    """Invariant: ballot => promise.holder == me (The candidate and the leader)."""
    parts = fit_parts()
    parts.stand(READY)
    ballot = parts.candidacy.ballot
    assert ballot is not None
    assert parts.voter.is_promised_to(ballot.tenure)
    assert (parts.ledger.term, parts.ledger.voted_for) == (8, "a")
    assert parts.candidacy.phase is Phase.VOTE


def test_no_vote_is_asked_for_before_the_own_one_is_durable() -> None:
    """VOTE: term, voted_for = self (Persistent state)."""
    parts = fit_parts()
    parts.stand(READY)
    parts.out.drain()
    parts.candidacy.vote_is_durable(READY)
    assert parts.out.drain() == ()
    save_all(parts, READY)
    parts.candidacy.vote_is_durable(READY)
    assert parts.out.drain() == (OpenRound(1, 1),)
    parts.candidacy.vote_is_durable(READY)
    assert parts.out.drain() == ()


def test_votes_leave_when_the_guardian_has_opened_the_round() -> None:
    """`sent` is read after that (Timers, I6)."""
    parts = standing(fit_parts())
    votes = sent(parts.out.drain(), Vote)
    assert [peer for peer, _ in votes] == ["b", "c"]
    assert all((v.term, v.round, v.sent) == (8, 1, READY) for _, v in votes)
    assert not parts.candidacy.round_opened(1, 1, ready(9))
    assert parts.out.drain() == ()


def test_a_quorum_of_votes_wins() -> None:
    """The own weight counts under the own promise (The candidate and the leader)."""
    parts = standing(fit_parts())
    ((_, ask), _) = sent(parts.out.drain(), Vote)
    assert parts.candidacy.count_vote("b", grant_to(ask, "b"), ready(2))


def test_a_grant_of_a_beacon_or_another_term_is_no_vote() -> None:
    """quorum of VOTE grants in this term (The candidate and the leader)."""
    parts = standing(fit_parts())
    ((_, ask), _) = sent(parts.out.drain(), Vote)
    good = grant_to(ask, "b")
    assert not parts.candidacy.count_vote("b", replace(good, is_vote=False), ready(2))
    assert not parts.candidacy.count_vote("b", replace(good, term=7), ready(2))
    assert not parts.candidacy.count_vote("b", replace(good, tenure=tenure("a", 9)), ready(2))
    assert parts.candidacy.count_vote("b", good, ready(2))


def test_votes_without_the_own_promise_do_not_win() -> None:
    """Own weight counts only while the own promise is to the own tenure."""
    parts = standing(fit_parts())
    ((_, ask), _) = sent(parts.out.drain(), Vote)
    parts.voter.promise = None
    assert not parts.candidacy.count_vote("b", grant_to(ask, "b"), ready(2))


def test_the_silent_are_asked_again_each_interval_in_a_new_round() -> None:
    """Those who voted are left alone (Messages, VOTE)."""
    given = settings(names="abcde", members=members("abcde"))
    parts = standing(fit_parts(given=given))
    votes = dict(sent(parts.out.drain(), Vote))
    parts.candidacy.count_vote("b", grant_to(votes["b"], "b"), ready(2))
    beacon_ms = TIMING.beacon_ns / MS
    parts.candidacy.tick(ready(beacon_ms - 1))
    assert parts.out.drain() == ()
    parts.candidacy.tick(ready(beacon_ms))
    assert parts.out.drain() == (OpenRound(1, 2),)
    parts.candidacy.tick(ready(beacon_ms + 1))
    assert parts.out.drain() == ()
    parts.candidacy.round_opened(1, 2, ready(beacon_ms + 1))
    again = sent(parts.out.drain(), Vote)
    assert [(peer, v.round) for peer, v in again] == [("c", 2), ("d", 2), ("e", 2)]


# --- the end of a candidacy


def test_a_candidacy_without_a_quorum_is_released_after_vote_wait() -> None:
    """So that it does not bind voters for a whole promise (Timers, vote_wait)."""
    parts = standing(fit_parts())
    parts.out.drain()
    vote_wait_ms = TIMING.vote_wait_ns / MS
    parts.candidacy.tick(ready(vote_wait_ms - 1))
    assert parts.candidacy.ballot is not None
    parts.candidacy.tick(ready(vote_wait_ms))
    assert parts.candidacy.ballot is None
    released = sent(parts.out.drain(), Release)
    assert [peer for peer, _ in released] == ["b", "c"]
    assert all(not r.was_on and not r.gone and r.tenure.no == 1 for _, r in released)
    assert parts.voter.promise is None
    assert parts.voter.is_released(tenure("a"))


def test_an_abandoned_candidacy_waits_before_the_next() -> None:
    """retry, random (Timers)."""
    parts = standing(fit_parts())
    parts.candidacy.abandon(ready(300))
    assert start_ms(parts, 300) >= 300 + TIMING.retry_min_ns / MS


def test_a_candidacy_whose_disk_hangs_ends_with_its_promise() -> None:
    """Nothing was ever asked (Persistent state)."""
    parts = fit_parts()
    parts.stand(READY)
    parts.candidacy.tick(ready(PROMISE_MS - 1))
    assert parts.candidacy.ballot is not None
    parts.candidacy.tick(ready(PROMISE_MS))
    assert parts.candidacy.ballot is None


def test_a_candidate_that_lost_its_own_promise_gives_up() -> None:
    """Invariant: ballot => promise.holder == me (The candidate and the leader)."""
    parts = standing(fit_parts())
    parts.voter.expire(ready(PROMISE_MS))
    parts.candidacy.tick(ready(PROMISE_MS))
    assert parts.candidacy.ballot is None


def test_abandoning_nothing_says_nothing() -> None:
    """Many reasons may come at once."""
    parts = free(fit_parts())
    parts.candidacy.ask_pre_votes(READY)
    parts.out.drain()
    parts.candidacy.abandon(READY)
    parts.candidacy.abandon(READY)
    assert parts.out.drain() == ()
    assert parts.candidacy.phase is None


def test_every_candidacy_has_a_tenure_of_its_own() -> None:
    """`no` increments at every candidacy (Terms)."""
    parts = standing(fit_parts())
    parts.candidacy.abandon(READY)
    parts.stand(ready(100))
    assert parts.candidacy.ballot is not None
    assert parts.candidacy.ballot.tenure.no == 2


# --- time


def test_the_next_look_is_at_the_start_the_round_or_the_end() -> None:
    """Whatever comes first (house: next_deadline)."""
    parts = free(fit_parts())
    assert parts.candidacy.next_ns(READY) == parts.candidacy.start_ns(READY)
    parts.voter.release(release("b", successor="c"), READY)
    assert parts.candidacy.next_ns(READY) is None
    parts.voter.reserve = None
    parts.stand(READY)
    assert parts.candidacy.next_ns(READY) == ready(PROMISE_MS).boot_ns
    save_all(parts, READY)
    parts.candidacy.vote_is_durable(READY)
    assert parts.candidacy.next_ns(READY) == ready(TIMING.beacon_ns / MS).boot_ns
    parts.candidacy.round_opened(1, 1, READY)
    parts.candidacy.tick(ready(TIMING.beacon_ns / MS))
    parts.candidacy.round_opened(1, 2, ready(TIMING.beacon_ns / MS))
    assert parts.candidacy.next_ns(ready(210)) == ready(TIMING.vote_wait_ns / MS).boot_ns
