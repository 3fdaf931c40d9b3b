"""Outages are counted from questions without an answer, and from nothing else."""

from typing import Any

from bench.outage import Outage, Question, longest, outages

MS = 1_000_000


def _seen(*marks: tuple[int, str], lost: range = range(0), paused: range = range(0)) -> Any:
    """Observations of a client that asks each ms for 100 ms."""
    seen: list[dict[str, Any]] = [
        {"t": at * MS + 1, "kind": "fault", "title": title} for at, title in marks
    ]
    for ms in range(100):
        if ms in paused:
            continue
        seen.append({"t": ms * MS, "kind": "asked", "seq": ms})
        if ms not in lost:
            seen.append({"t": ms * MS + 2, "kind": "answer", "seq": ms, "node": "alpha"})
    seen.append({"t": 100 * MS, "kind": "end"})
    return sorted(seen, key=lambda one: one["t"])


def test_an_outage_reaches_from_answered_question_to_answered_question() -> None:
    """30 to 41 had no answer: the service was away for at most 29 to 42."""
    assert outages(_seen((28, "cut"), lost=range(30, 42))) == [Outage("cut", 13 * MS)]


def test_a_pause_of_the_client_is_no_outage() -> None:
    """On a busy machine the observer itself is late; that says nothing of the service."""
    assert outages(_seen((28, "cut"), paused=range(30, 42))) == [Outage("cut", 0)]


def test_the_question_before_the_fault_counts_as_the_last_answered() -> None:
    """The very first question after the fault may be lost already."""
    assert outages(_seen((28, "cut"), lost=range(29, 35))) == [Outage("cut", 7 * MS)]


def test_each_fault_is_charged_with_its_own_outage() -> None:
    """A window ends where the next fault begins."""
    seen = _seen((10, "kill"), (50, "cut"), lost=range(60, 70))
    assert outages(seen) == [Outage("kill", 0), Outage("cut", 11 * MS)]


def test_the_longest_of_several_is_the_outage() -> None:
    """A service that comes back and goes again is charged with the worse of both."""
    lost = [Question(ms * MS, ms not in {3, 4, 5, 8}) for ms in range(12)]
    assert longest(lost) == 4 * MS


def test_a_service_that_never_answered_again_has_no_figure() -> None:
    """No figure is not a good figure."""
    assert outages(_seen((28, "cut"), lost=range(29, 100))) == [Outage("cut", None)]


def test_a_question_lost_to_the_next_fault_is_charged_to_that() -> None:
    """It was asked a moment before, and its answer would have come a moment later."""
    seen = _seen((10, "kill"), (50, "cut"), lost=range(50, 60))
    assert outages(seen) == [Outage("kill", 0), Outage("cut", 11 * MS)]
