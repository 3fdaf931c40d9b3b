"""How long the service of a fault was away: the longest time between two answers to the client.

Pure.  A question that was queued and answered when the service came back shortens nothing, since
answers count when they come.  But only a time in which the client asked again and again is an
outage: on a busy machine the observer itself may have to wait, and then nobody asked.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

Observation = Mapping[str, Any]
MARKS: Final = ("fault", "end")
ASKED_MIN: Final = 2
"""Questions between two answers that make the time an outage; in a pause there is one at most."""

UNANSWERED_MAX: Final = 20
"""Questions that may still be open where the next fault comes; more, and the service is away."""


class Outage(NamedTuple):
    """The longest one between this fault and the next; None when the service stayed away."""

    title: str
    gap_ns: int | None


def outages(observations: Sequence[Observation]) -> list[Outage]:
    """One entry for each fault; its window ends where the next one begins."""
    marks = [n for n, one in enumerate(observations) if one["kind"] in MARKS]
    return [
        Outage(observations[start]["title"], _gap_ns(observations, start, end))
        for start, end in pairwise(marks)
        if observations[start]["kind"] == "fault"
    ]


def _gap_ns(observations: Sequence[Observation], start: int, end: int) -> int | None:
    first = start
    while first and observations[first]["kind"] != "answer":
        first -= 1  # the answer before the fault, from which its outage counts
    window = observations[first:end]
    last = max((n for n, one in enumerate(window) if one["kind"] == "answer"), default=0)
    if sum(one["kind"] == "asked" for one in window[last:]) > UNANSWERED_MAX:
        return None
    return longest(window)


def longest(observations: Sequence[Observation]) -> int:
    """Longest time between two answers in which the client asked; 0 when there is none."""
    worst, asked, last_ns = 0, 0, None
    for one in observations:
        if one["kind"] == "asked":
            asked += 1
        elif one["kind"] == "answer":
            if last_ns is not None and asked >= ASKED_MIN:
                worst = max(worst, one["t"] - last_ns)
            last_ns, asked = one["t"], 0
    return worst
