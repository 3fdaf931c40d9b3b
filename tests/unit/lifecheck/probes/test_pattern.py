"""Patterns are searched in bounded time."""

import signal
import threading

import pytest

from lifecheck.probes.pattern import Pattern, TooSlowError

EVIL = "(a+)+$"


def test_a_pattern_is_searched_line_by_line() -> None:
    """^ and $ mean lines, as with grep."""
    assert Pattern("^ok$").search("first\nok\nlast") is not None
    assert Pattern("^ok$").search("not ok") is None


def test_the_first_text_that_matches_is_returned() -> None:
    """A log shows the line, not the pattern."""
    assert Pattern("b").first_of(["a", "ab", "b"]) == "ab"
    assert Pattern("b").first_of([]) is None


def test_a_pattern_that_backtracks_for_ever_is_given_up() -> None:
    """Otherwise one expression and one long line would stop every check of the node."""
    with pytest.raises(TooSlowError):
        Pattern(EVIL).search("a" * 40 + "b")


def test_a_search_leaves_the_signal_as_it_was() -> None:
    """A forgotten alarm would end the process much later, for no visible reason."""
    before = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(TooSlowError):
        Pattern(EVIL).search("a" * 40 + "b")
    assert Pattern("a").search("a") is not None
    assert signal.getsignal(signal.SIGVTALRM) is before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_another_thread_may_search_too_without_the_bound() -> None:
    """Only the main thread has signals; `check test` may run elsewhere."""
    found = []
    thread = threading.Thread(target=lambda: found.append(Pattern("b").search("abc")))
    thread.start()
    thread.join()
    assert found == ["abc"]


@pytest.mark.parametrize("text", ["(", "[", "a{2,1}", "(?P<x"])
def test_a_bad_pattern_says_which_it_is(text: str) -> None:
    """The reader has many."""
    with pytest.raises(ValueError, match="pattern"):
        Pattern(text)
