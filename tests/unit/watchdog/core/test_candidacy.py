"""When and how a node stands. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.watchdog.core.standing import (
    JITTER_MS,
    SLOT_MS,
    WINDOW_MS,
    free,
    start_ms,
)
from tests.unit.watchdog.core.support import (
    OTHER_DIGEST,
    PROMISE_MS,
    READY,
    TIMING,
    fit_parts,
    hear_all,
    hello,
    members,
    pre_vote,
    ready,
    release,
    sent,
    settings,
    tenure,
)
from watchdog.core.candidacy import Phase
from watchdog.core.messages import PreVote, PreVoteReply
from watchdog.core.parts import Parts
from watchdog.instant import MS

# --- when


def test_the_best_starts_at_once_and_the_others_by_slots() -> None:
    """t0 + rank * slot + jitter (The candidate and the leader)."""
    ranks = {
        name: start_ms(free(fit_parts(name, given=settings(name)))) // SLOT_MS for name in "abc"
    }
    assert ranks == {"a": 0, "b": 1, "c": 2}


def test_the_jitter_is_drawn_anew_after_each_promise() -> None:
    """Duels end by chance (Liveness)."""
    parts = free(fit_parts())
    drawn = set()
    for _ in range(20):
        parts.candidacy.redraw()
        drawn.add(start_ms(parts))
    assert len(drawn) > 5
    assert all(0 <= ms <= JITTER_MS for ms in drawn)


def test_priority_decides_who_starts_first() -> None:
    """Higher is better, wherever it is in the table (Priority, switchover, failback)."""
    parts = free(fit_parts())
    parts.roster.hello_received("c", hello("c", priority=1), READY)
    assert start_ms(parts) >= SLOT_MS


def test_a_node_that_stands_down_starts_after_the_window() -> None:
    """Behind everybody, and no earlier than t0 + window (Timers, standdown)."""
    parts = free(fit_parts())
    parts.fitness.stand_down(READY)
    assert start_ms(parts) >= 2 * SLOT_MS
    for name in "bc":
        parts.roster.peers[name].is_ranked = False
    assert start_ms(parts) == WINDOW_MS


def test_nobody_starts_under_a_promise() -> None:
    """The own one included (The candidate and the leader)."""
    for node in "ab":
        parts = free(fit_parts())
        assert parts.candidacy.may_start(READY)
        parts.voter.give(tenure(node), 1, READY)
        assert not parts.candidacy.may_start(READY)


def test_nobody_starts_without_a_connected_quorum_or_unfit() -> None:
    """It could not win, and would disturb (The candidate and the leader)."""
    parts = free(fit_parts())
    parts.fitness.is_stopping = True
    assert not parts.candidacy.may_start(READY)
    parts = free(fit_parts())
    parts.roster.forget()
    assert not parts.candidacy.may_start(READY)


def test_a_reserve_for_another_is_waited_for() -> None:
    """A named successor has the first go (The voter's rule)."""
    parts = free(fit_parts())
    assert not parts.candidacy.is_reserved_for_another()
    parts.voter.release(release("b", successor="a"), READY)
    assert not parts.candidacy.is_reserved_for_another()
    parts.voter.release(release("c", successor="b"), READY)
    assert parts.candidacy.is_reserved_for_another()


# --- pre-vote


def test_a_pre_vote_asks_everybody_and_changes_nothing() -> None:
    """No state changes anywhere (Messages)."""
    parts = free(fit_parts())
    assert not parts.candidacy.ask_pre_votes(READY)
    asked = sent(parts.out.drain(), PreVote)
    assert [peer for peer, _ in asked] == ["b", "c"]
    assert {ask.next_term for _, ask in asked} == {8}
    assert parts.ledger.term == 7
    assert parts.voter.promise is None
    assert parts.candidacy.phase is Phase.PRE_VOTE


def test_a_node_that_is_a_quorum_alone_needs_no_pre_vote() -> None:
    """The preferred node of a pair with a tie-breaker (Two nodes, even clusters)."""
    pair = settings(members=members("ab", a={"weight": 3}, b={"weight": 2}))
    parts = free(fit_parts(given=pair))
    assert parts.candidacy.ask_pre_votes(READY)
    assert sent(parts.out.drain(), PreVote) == []


def test_asking_again_waits_for_a_random_retry() -> None:
    """retry (Timers)."""
    parts = free(fit_parts())
    parts.candidacy.ask_pre_votes(ready(40))
    waited = start_ms(parts, 40) - 40
    assert TIMING.retry_min_ns / MS <= waited <= TIMING.retry_max_ns / MS


def reply(parts: Parts, peer: str, *, ok: bool, **changes: Any) -> bool:
    """Count the answer of a peer to the pre-vote under way."""
    assert parts.candidacy.pre is not None
    made = PreVoteReply(parts.candidacy.pre.rid, ok, 7, "" if ok else "better", 0)
    changed = replace(made, **changes)
    return parts.candidacy.count_pre_vote(peer, changed, ready(50))


def test_a_quorum_of_pre_votes_wins() -> None:
    """The own one counts (The candidate and the leader)."""
    parts = free(fit_parts())
    parts.candidacy.ask_pre_votes(READY)
    assert not reply(parts, "b", ok=True, rid=0)
    assert reply(parts, "b", ok=True)


def test_a_pre_vote_that_cannot_be_won_ends() -> None:
    """Both others refused (The candidate and the leader)."""
    parts = free(fit_parts())
    parts.candidacy.ask_pre_votes(READY)
    assert not reply(parts, "b", ok=False)
    assert parts.candidacy.phase is Phase.PRE_VOTE
    assert not reply(parts, "c", ok=False)
    assert parts.candidacy.phase is None


def test_a_refusal_with_a_higher_term_is_a_hint_for_the_next() -> None:
    """next_term = max(term, hint) + 1; the term itself is never adopted (The candidate ...)."""
    parts = free(fit_parts())
    parts.candidacy.ask_pre_votes(READY)
    reply(parts, "b", ok=False, term=40)
    reply(parts, "c", ok=False, term=30)
    assert parts.candidacy.next_term() == 41
    assert parts.ledger.term == 7
    parts.stand(READY)
    assert parts.ledger.term == 41
    assert parts.candidacy.next_term() == 42


def test_a_refusal_under_a_promise_says_when_to_ask_again() -> None:
    """retry_ms: what remains of that promise (Messages)."""
    parts = free(fit_parts())
    parts.candidacy.ask_pre_votes(ready(40))
    parts.candidacy._retry_ns = ready(190).boot_ns
    reply(parts, "b", ok=False, retry_ms=20)
    assert start_ms(parts, 50) == 70.5
    reply(parts, "c", ok=False, retry_ms=900)
    assert start_ms(parts, 50) == 70.5


# --- answering a pre-vote


def refusal(parts: Parts, ms: float = 0, **changes: Any) -> str:
    """Why b would not get the vote of this node."""
    parts.out.drain()
    hear_all(parts, ready(ms))
    parts.candidacy.answer_pre_vote("b", pre_vote("b", **changes), ready(ms))
    ((peer, answer),) = sent(parts.out.drain(), PreVoteReply)
    assert peer == "b"
    assert answer.ok is (not answer.reason)
    assert answer.term == parts.ledger.term
    return answer.reason


def third() -> Parts:
    """Node c, which is worse than a and b, long after the window."""
    return free(fit_parts("c", given=settings("c")), -1000)


def test_a_pre_vote_is_granted_after_the_window() -> None:
    """Priority never decides whether an election may succeed (The voter's rule)."""
    assert refusal(third()) == ""


@pytest.mark.parametrize(("ms", "reason"), [(WINDOW_MS - 1, "better"), (WINDOW_MS, "")])
def test_a_better_candidate_is_insisted_on_within_the_window(ms: float, reason: str) -> None:
    """a is better than b (The voter's rule)."""
    parts = free(third(), 0)
    assert refusal(parts, ms) == reason


def test_a_voter_that_is_better_itself_refuses_within_the_window() -> None:
    """Node a would stand at once (The voter's rule)."""
    parts = free(fit_parts())
    for name in "bc":
        parts.roster.hello_received(name, hello(name), READY)
    assert refusal(parts) == "better"
    parts.fitness.stand_down(READY)
    assert refusal(parts) == ""


def test_a_reserve_wins_over_window_and_rank() -> None:
    """It was named by the last leader (The voter's rule)."""
    parts = free(third(), 0)
    parts.voter.release(release("a", successor="b"), READY)
    assert refusal(parts) == ""


def test_a_standing_promise_refuses_even_its_holders_new_self() -> None:
    """And says what remains of it (The voter's rule)."""
    parts = third()
    parts.voter.give(tenure("b"), 1, READY)
    parts.candidacy.answer_pre_vote("b", pre_vote("b", tenure=tenure("b", 2)), ready(0.5))
    ((_, answer),) = sent(parts.out.drain(), PreVoteReply)
    assert (answer.reason, answer.retry_ms) == ("promised", PROMISE_MS)


@pytest.mark.parametrize(
    "change",
    [
        {"next_term": 6},
        {"digest": OTHER_DIGEST},
        {"hard_ms": TIMING.hard_ms + 10},
        {"tenure": tenure("b", life=1)},
    ],
)
def test_a_pre_vote_needs_everything_that_a_vote_needs(change: dict[str, Any]) -> None:
    """Or it would promise what the vote then refuses (The voter's rule)."""
    assert refusal(third(), **change) == "refused"


def test_a_candidate_refuses_others() -> None:
    """It has promised itself (The voter's rule)."""
    parts = third()
    parts.stand(READY)
    assert refusal(parts) == "candidate"


# --- after a formation


@pytest.mark.parametrize(("better", "slots"), [("", None), ("b", 0), ("bc", 1), ("w", None)])
def test_a_fresh_cluster_lets_its_preferred_nodes_be_first(better: str, slots: int | None) -> None:
    """All are ready at once, so priority needs a moment (Priority, switchover, failback)."""
    changes = {name: {"priority": 5} for name in better}
    changes["w"] = {"priority": 5, "witness": True}
    given = settings(members=members("abcw", **changes))
    parts = free(fit_parts(given=given))
    parts.candidacy.yield_to_preferred(READY)
    waited_ms = (parts.candidacy._retry_ns - READY.boot_ns) / MS
    if slots is None:
        assert parts.candidacy._retry_ns == 0
    else:
        least = TIMING.beacon_ns / MS + WINDOW_MS + slots * SLOT_MS
        assert least <= waited_ms <= least + JITTER_MS
