"""Outages are counted from answer to answer, while somebody asked."""

from typing import Any

from bench.outage import Outage, outages

MS = 1_000_000
NOTHING = range(0)


def _seen(
    *marks: tuple[int, str], lost: range = NOTHING, paused: range = NOTHING, late: range = NOTHING
) -> list[dict[str, Any]]:
    """Observations of a client that asks each ms for 100 ms; `late` is answered at its end."""
    seen: list[dict[str, Any]] = [
        {"t": at * MS + 1, "kind": "fault", "title": title} for at, title in marks
    ]
    for ms in set(range(100)) - set(paused):
        seen.append({"t": ms * MS, "kind": "asked", "seq": ms})
        if ms not in lost:
            answered = late.stop if ms in late else ms
            seen.append({"t": answered * MS + 2, "kind": "answer", "seq": ms})
    seen.append({"t": 100 * MS, "kind": "end"})
    return sorted(seen, key=lambda one: int(one["t"]))


def test_an_outage_reaches_from_answer_to_answer() -> None:
    """30 to 41 had no answer: the service was away for at most 29 to 42."""
    assert outages(_seen((28, "cut"), lost=range(30, 42))) == [Outage("cut", 13 * MS)]


def test_a_pause_of_the_client_is_no_outage() -> None:
    """On a busy machine the observer itself is late; that says nothing of the service."""
    assert outages(_seen((28, "cut"), paused=range(30, 42))) == [Outage("cut", 0)]


def test_a_question_that_waited_for_the_service_shortens_no_outage() -> None:
    """A kernel that looks for the address keeps the last questions and sends them late."""
    seen = _seen((28, "cut"), lost=range(30, 36), late=range(36, 42))
    assert outages(seen) == [Outage("cut", 13 * MS)]


def test_the_answer_before_the_fault_is_where_the_outage_begins() -> None:
    """The very first question after the fault may be lost already."""
    assert outages(_seen((28, "cut"), lost=range(29, 35))) == [Outage("cut", 7 * MS)]


def test_each_fault_is_charged_with_its_own_outage() -> None:
    """A window ends where the next fault begins."""
    seen = _seen((10, "kill"), (50, "cut"), lost=range(60, 70))
    assert outages(seen) == [Outage("kill", 0), Outage("cut", 11 * MS)]


def test_a_service_that_never_answered_again_has_no_figure() -> None:
    """No figure is not a good figure, even if an answer was on its way when the fault came."""
    assert outages(_seen((28, "cut"), lost=range(29, 100))) == [Outage("cut", None)]


def test_a_question_lost_to_the_next_fault_is_charged_to_that() -> None:
    """It was asked a moment before, and its answer would have come a moment later."""
    seen = _seen((10, "kill"), (50, "cut"), lost=range(50, 60))
    assert outages(seen) == [Outage("kill", 0), Outage("cut", 11 * MS)]
