"""Weighted majorities. Sections in parentheses are those of docs/election.md."""

from itertools import combinations

import pytest

from watchdog.core.quorum import VoteResult, Weights

CLUSTERS = {
    "one": {"a": 1},
    "three": {"a": 1, "b": 1, "c": 1},
    "four": {"a": 1, "b": 1, "c": 1, "d": 1},
    "five": {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1},
    "pair with a tie-breaker": {"a": 3, "b": 2},
    "two and a witness": {"a": 1, "b": 1, "w": 1},
    "heavy": {"a": 5, "b": 1, "c": 1, "d": 1},
}


@pytest.mark.parametrize(
    ("cluster", "names", "enough"),
    [
        ("one", "a", True),
        ("three", "a", False),
        ("three", "ab", True),
        ("four", "ab", False),
        ("four", "abc", True),
        ("five", "ab", False),
        ("five", "abc", True),
        ("pair with a tie-breaker", "a", True),
        ("pair with a tie-breaker", "b", False),
        ("two and a witness", "aw", True),
        ("two and a witness", "w", False),
        ("heavy", "a", True),
        ("heavy", "bcd", False),
        ("three", "", False),
    ],
)
def test_a_quorum_is_more_than_half_of_all_weight(cluster: str, names: str, enough: bool) -> None:
    """Exactly half is no quorum: both halves would be one (Two nodes, even clusters)."""
    weights = Weights(CLUSTERS[cluster])
    assert weights.is_quorum(weights.sum(names)) is enough
    assert (weights.sum(names) >= weights.need) is enough


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_two_quorums_always_share_a_voter(cluster: str) -> None:
    """The whole proof rests on it (Why two nodes are never on together)."""
    weights = Weights(CLUSTERS[cluster])
    names = list(CLUSTERS[cluster])
    sets = [set(s) for n in range(1, len(names) + 1) for s in combinations(names, n)]
    quorums = [s for s in sets if weights.is_quorum(weights.sum(s))]
    assert quorums
    assert all(one & two for one in quorums for two in quorums)


@pytest.mark.parametrize(
    ("granted", "refused", "result"),
    [
        ("", "", VoteResult.PENDING),
        ("a", "", VoteResult.PENDING),
        ("a", "b", VoteResult.PENDING),
        ("ab", "", VoteResult.WON),
        ("ab", "c", VoteResult.WON),
        ("a", "bc", VoteResult.LOST),
        ("", "bc", VoteResult.LOST),
    ],
)
def test_a_count_is_lost_once_the_rest_cannot_be_a_quorum(
    granted: str, refused: str, result: VoteResult
) -> None:
    """A pre-vote that cannot be won any more ends at once (The candidate and the leader)."""
    assert Weights(CLUSTERS["three"]).tally(granted, refused) is result


def test_a_stranger_has_no_weight() -> None:
    """Only configured voters count (Terms)."""
    weights = Weights(CLUSTERS["three"])
    assert weights.of("x") == weights.sum({"x"}) == 0
    assert "x" not in weights
    assert "a" in weights
