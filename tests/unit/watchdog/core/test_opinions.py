"""What sources say of health. Sections in parentheses are those of docs/election.md."""

import pytest

from watchdog.core.events import INFORM, LifecheckReported, StandingReported, Verdict
from watchdog.core.opinions import SOURCES_MAX, Opinions


def said(
    subject: str, verdict: Verdict = Verdict.DEAD, source: str = "lifecheck", epoch: int = 0
) -> LifecheckReported:
    """A verdict with a reason."""
    return LifecheckReported(subject, verdict, f"{source}: {subject}", source, epoch)


@pytest.mark.parametrize("verdict", [Verdict.ALIVE, Verdict.UNKNOWN])
def test_a_source_takes_back_its_own_words(verdict: Verdict) -> None:
    """UNKNOWN is no reason for anything either (Verdicts)."""
    opinions = Opinions("a")
    assert opinions.reported(said("b"))
    assert not opinions.reported(said("b"))
    assert opinions.dead_peers() == {"b"}
    assert opinions.reported(said("b", verdict))
    assert not opinions.reported(said("b", verdict))
    assert opinions.dead_peers() == set()


def test_no_source_takes_back_the_words_of_another() -> None:
    """An operator's "alive" does not overrule the lifecheck (Verdicts)."""
    opinions = Opinions("a")
    opinions.reported(said("b"))
    opinions.reported(said("b", source=INFORM))
    opinions.reported(said("b", Verdict.ALIVE, INFORM))
    assert opinions.dead_peers() == {"b"}


def test_the_words_of_a_source_end_with_it() -> None:
    """Then nothing is known, which moves nothing (Verdicts)."""
    opinions = Opinions("a")
    opinions.reported(said("a"))
    opinions.reported(said("b"))
    assert opinions.words() == {"lifecheck": {"a": "lifecheck: a", "b": "lifecheck: b"}}
    opinions.standing_reported(StandingReported("lifecheck", 5, "no gateway"))
    opinions.forget("lifecheck")
    opinions.forget("never heard of")
    assert (opinions.own_fault(), opinions.dead_peers()) == ("", set())
    assert (opinions.handicap, opinions.veto, opinions.words()) == (0, "", {})


def test_what_an_operator_said_was_about_the_process_of_then() -> None:
    """The restart of its subject ends it; what is watched goes on being watched (Verdicts)."""
    opinions = Opinions("a")
    opinions.restarted("b")
    opinions.reported(said("b", source=INFORM))
    opinions.reported(said("c", source=INFORM))
    opinions.reported(said("b"))
    opinions.restarted("b")
    assert opinions.dead_peers() == {"b", "c"}
    opinions.forget("lifecheck")
    assert opinions.dead_peers() == {"c"}


def test_a_fault_of_this_node_has_its_reason() -> None:
    """The answer to "why did it move?" begins here (Verdicts)."""
    opinions = Opinions("a")
    assert opinions.own_fault() == ""
    opinions.reported(said("a"))
    assert opinions.own_fault() == "lifecheck: a"
    opinions.reported(LifecheckReported("a", Verdict.DEAD, ""))
    assert opinions.own_fault() == "called dead"


def test_what_runs_only_where_the_vip_is_counts_under_its_epoch_alone() -> None:
    """Never a reason against a standby, nor in a later tenure (Verdicts)."""
    opinions = Opinions("a")
    opinions.reported(said("a", epoch=7))
    assert opinions.own_fault() == ""
    assert opinions.own_fault(6) == ""
    assert opinions.own_fault(7) == "lifecheck: a"


def test_the_greatest_handicap_and_any_veto_count() -> None:
    """Several sources may lower the priority; they do not add up (Verdicts)."""
    opinions = Opinions("a")
    assert (opinions.handicap, opinions.veto) == (0, "")
    opinions.standing_reported(StandingReported("one", 5, ""))
    opinions.standing_reported(StandingReported("two", 3, "no gateway"))
    opinions.standing_reported(StandingReported("three", -3, ""))
    assert (opinions.handicap, opinions.veto) == (5, "no gateway")


def test_there_is_a_bound_on_sources() -> None:
    """The control socket has fewer places than that (Verdicts)."""
    opinions = Opinions("a")
    for number in range(SOURCES_MAX):
        assert opinions.reported(said("b", source=f"client {number}"))
    assert not opinions.reported(said("c", source="one more"))
    opinions.standing_reported(StandingReported("one more", 1, "x"))
    assert (opinions.dead_peers(), opinions.handicap) == ({"b"}, 0)
