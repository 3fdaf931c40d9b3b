"""How long the service of a fault was away: the time from question to question without an answer.

Pure.  An outage reaches from the last answered question before the first that got no answer to
the first answered question after it.  A pause of the observer itself is none, because nobody
asked meanwhile; that is why the time between two answers (as in the demo) is not used here.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

Observation = Mapping[str, Any]
MARKS: Final = ("fault", "end")


class Outage(NamedTuple):
    """The longest one between this fault and the next; None when the service stayed away."""

    title: str
    gap_ns: int | None


class Question(NamedTuple):
    """One question of the client."""

    asked_ns: int
    is_answered: bool


def outages(observations: Sequence[Observation]) -> list[Outage]:
    """One entry for each fault; its window ends where the next one begins."""
    answers = {one["seq"] for one in observations if one["kind"] == "answer"}
    questions = [
        Question(one["t"], one["seq"] in answers) for one in observations if one["kind"] == "asked"
    ]
    marks = [one for one in observations if one["kind"] in MARKS]
    return [
        Outage(mark["title"], _longest_between(questions, mark["t"], end["t"]))
        for mark, end in pairwise(marks)
        if mark["kind"] == "fault"
    ]


def _longest_between(questions: Sequence[Question], start: int, end: int) -> int | None:
    earlier = [one for one in questions if one.asked_ns < start and one.is_answered]
    window = [one for one in questions if start <= one.asked_ns < end]
    if not any(one.is_answered for one in window):
        return None
    return longest([*earlier[-1:], *window])


def longest(questions: Sequence[Question]) -> int:
    """Longest time without an answer in ns, of those that ended; 0 when there is none."""
    worst, last_ns, is_out = 0, None, False
    for question in questions:
        if not question.is_answered:
            is_out = True
            continue
        if is_out and last_ns is not None:
            worst = max(worst, question.asked_ns - last_ns)
        last_ns, is_out = question.asked_ns, False
    return worst
