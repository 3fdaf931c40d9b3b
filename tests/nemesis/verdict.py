"""What was seen from outside becomes figures: seconds two answered, outage, moves.  Pure.

Definition: a node *answers* for a VIP from the kernel's word that the address came to the word that
it went, less every stretch that is proven silent: between two questions that it answered, if one
between them got no answer (so a gate is believed only where it was seen).  One answer is an instant
of answering, also without the kernel's word (`wordless`): between its question and when it was
heard.  Two holders: two nodes answer for one VIP.  Edges have the kernels' order, in one queue,
beside their time: an overlap is found however short, and the tolerance is 0.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any, Final, NamedTuple

NS: Final = 1_000_000_000
WORD_LATE_NS: Final = 500_000_000
"""An address may answer before the kernel's word of it: that of IPv6 comes from a work queue, and
never comes if the address has gone before.  A frame may be as late."""


class Edge(NamedTuple):
    """An instant: its time, and its place among the kernels' events (0: before all of them)."""

    t: int
    order: int = 0


class Span(NamedTuple):
    """From one instant to another."""

    begin: Edge
    end: Edge


class Change(NamedTuple):
    """A VIP came to a node (`is_up`) or left it."""

    at: Edge
    node: str
    vip: str
    is_up: bool


class Overlap(NamedTuple):
    """Two nodes answered for one VIP; if only the order tells it, `seconds` is one nanosecond."""

    vip: str
    nodes: tuple[str, str]
    begin: Edge
    end: Edge

    @property
    def seconds(self) -> float:
        """How long, by the times at which the events were read."""
        return max(1, self.end.t - self.begin.t) / NS


@dataclass
class Record:
    """Everything that one observing process saw; `add` takes its journal line by line."""

    vips: tuple[str, ...]
    nodes: tuple[str, ...]
    changes: list[Change] = field(default_factory=list)
    questions: list[tuple[int, int]] = field(default_factory=list)
    """(time, number) of each round of questions to all nodes, in order."""
    heard: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    """By (node, VIP): number of the round -> time of its first answer."""
    served: list[tuple[int, str]] = field(default_factory=list)
    """(time, node) of each answer to the client."""
    asked: list[int] = field(default_factory=list)
    """Time of each question of the client."""
    problems: list[str] = field(default_factory=list)
    _held: set[tuple[str, str]] = field(default_factory=set)

    def add(self, one: Mapping[str, Any]) -> None:
        """Take one line."""
        kind = one["kind"]
        if kind == "address":
            self._address(one)
        elif kind == "probes":
            self.questions += [(t, number) for number, t in one["rounds"]]
        elif kind == "heard":
            for number, t, node, vip in one["answers"]:
                rounds = self.heard.setdefault((node, vip), {})
                rounds[number] = min(t, rounds.get(number, t))
        elif kind == "client":
            self.asked += one["asked"]
            self.served += [(t, node) for t, node in one["answers"]]
        elif kind == "lost":
            self.problems.append("the observer lost kernel events: no figure is valid")

    def _address(self, one: Mapping[str, Any]) -> None:
        """Leave out what changed nothing: a kernel repeats what is renewed."""
        key = one["node"], one["address"]
        if one["address"] in self.vips and one["up"] != (key in self._held):
            self._held ^= {key}
            order = len(self.changes) + 1
            self.changes.append(Change(Edge(one["t"], order), *key, one["up"]))

    def forget(self, before: int) -> None:
        """Drop questions and answers from before then; the kernels' events stay."""
        keep = bisect_left(self.questions, (before, 0))
        first = self.questions[keep][1] if keep < len(self.questions) else 0
        self.questions = self.questions[keep:]
        for rounds in self.heard.values():
            for number in [n for n in rounds if n < first]:
                del rounds[number]
        self.served = [one for one in self.served if one[0] >= before]
        self.asked = [t for t in self.asked if t >= before]


def presences(record: Record, window: Span) -> dict[tuple[str, str], list[Span]]:
    """By (node, VIP): when its kernel had the address, within the window."""
    found: dict[tuple[str, str], list[Span]] = {}
    since: dict[tuple[str, str], Edge] = {}
    for change in record.changes:
        key = change.node, change.vip
        if change.is_up:
            since[key] = change.at
        else:
            found.setdefault(key, []).append(Span(since.pop(key), change.at))
    for key, began in since.items():
        found.setdefault(key, []).append(Span(began, window.end))
    return {key: [c for s in spans for c in common(s, window)] for key, spans in found.items()}


def common(one: Span, other: Span) -> Iterator[Span]:
    """Yield the part that both have, if there is one."""
    begin, end = max(one.begin, other.begin), min(one.end, other.end)
    if begin < end:
        yield Span(begin, end)


def silences(record: Record, node: str, vip: str, present: Span) -> Iterator[Span]:
    """Yield each stretch of a presence in which the node is proven to have been silent."""
    rounds = record.heard.get((node, vip), {})
    first = bisect_left(record.questions, (present.begin.t, 0))
    answered, is_silent = present.begin, False
    for asked, number in record.questions[first:]:
        if asked >= present.end.t:
            break
        if number not in rounds:
            is_silent = True
            continue
        if is_silent and answered < Edge(asked):
            yield Span(answered, Edge(asked))
        answered, is_silent = Edge(asked + 1), False
    if is_silent and answered < present.end:
        yield Span(answered, present.end)


def without(span: Span, holes: Iterable[Span]) -> Iterator[Span]:
    """Yield what is left of a span; the holes are in order."""
    begin = span.begin
    for hole in holes:
        if begin < hole.begin:
            yield Span(begin, hole.begin)
        begin = max(begin, hole.end)
    if begin < span.end:
        yield Span(begin, span.end)


def answering(record: Record, window: Span) -> dict[tuple[str, str], list[Span]]:
    """By (node, VIP): when it answered, by the definition above."""
    return {
        (node, vip): [
            part for span in spans for part in without(span, silences(record, node, vip, span))
        ]
        for (node, vip), spans in presences(record, window).items()
    }


def overlaps(record: Record, window: Span, *, gates: bool = True) -> list[Overlap]:
    """Every time at which two nodes answered for a VIP; without `gates`: had it."""
    found = answering(record, window) if gates else presences(record, window)
    unsaid = overlaps_unsaid(record, window, found) if gates else ()
    return [
        Overlap(vip, (one, other), both.begin, both.end)
        for vip in record.vips
        for one, other in combinations(sorted(n for n, v in found if v == vip), 2)
        for span in found[one, vip]
        for against in found[other, vip]
        for both in common(span, against)
    ] + list(unsaid)


def wordless(record: Record, window: Span) -> Iterator[tuple[str, str, int, int]]:
    """Yield (node, VIP, asked, heard) of each answer of a node that had no such address, as told.

    One from whom it went shortly before does not count: a frame of before may be late.
    """
    held = presences(record, Span(Edge(0), window.end))
    for (node, vip), rounds in record.heard.items():
        spans = held.get((node, vip), [])
        for asked, number in record.questions:
            t = rounds.get(number)
            if t is None or not window.begin.t <= asked < window.end.t:
                continue
            if not any(s.begin.t <= t and s.end.t >= asked - WORD_LATE_NS for s in spans):
                yield node, vip, asked, t


def overlaps_unsaid(
    record: Record, window: Span, found: Mapping[tuple[str, str], Sequence[Span]]
) -> Iterator[Overlap]:
    """Yield each wordless answer that had another node beside it for certain.

    It was given at an instant between its question and when it was heard, so the other must have
    answered (`found`) all that time.
    """
    for node, vip, asked, t in wordless(record, window):
        for (other, same), spans in found.items():
            if same == vip and other != node and _has_all_of(spans, asked, t):
                yield Overlap(vip, (min(node, other), max(node, other)), Edge(t), Edge(t))


def _has_all_of(spans: Iterable[Span], begin: int, end: int) -> bool:
    return any(span.begin <= Edge(begin) and Edge(end) <= span.end for span in spans)


def seconds(found: Sequence[Overlap]) -> float:
    """The time that the overlaps cover, each instant once."""
    total, until = 0, 0
    for one in sorted(found, key=lambda o: o.begin):
        begin, end = max(one.begin.t, until), max(one.end.t, one.begin.t + 1)
        total, until = total + max(0, end - begin), max(until, end)
    return total / NS


def strays(record: Record, window: Span) -> list[str]:
    """Answers of nodes whose kernel had none of the VIPs: then something else answered.

    The VIPs of a node come and go together, so the word of one is enough for the others, whose own
    may never come (WORD_LATE_NS).
    """
    held: dict[str, list[Span]] = {}
    for (node, _), spans in presences(record, Span(Edge(0), window.end)).items():
        held.setdefault(node, []).extend(spans)
    found = []
    for node, vip, asked, t in wordless(record, window):
        near = t + WORD_LATE_NS, asked - WORD_LATE_NS
        if not any(s.begin.t <= near[0] and s.end.t >= near[1] for s in held.get(node, [])):
            found.append(f"{node} answered for {vip} without having it")
    return list(dict.fromkeys(found))


def gains(record: Record, window: Span) -> list[str]:
    """Who got hold of VIPs in the window, having had none; in order."""
    held: set[tuple[str, str]] = set()
    found = []
    for change in record.changes:
        if change.at > window.end:
            break
        had = {node for node, _ in held}
        held ^= {(change.node, change.vip)}
        if change.is_up and change.node not in had and change.at > window.begin:
            found.append(change.node)
    return found


def moves(record: Record, window: Span, leader: str) -> int:
    """How often another node than the one before got hold of the VIPs."""
    order = [leader, *gains(record, window)]
    return sum(1 for before, after in pairwise(order) if before != after)


def disturbances(record: Record, window: Span) -> int:
    """How often a VIP came or went in the window."""
    return sum(1 for change in record.changes if window.begin < change.at < window.end)


def holding(record: Record) -> set[str]:
    """The nodes whose kernel has a VIP now."""
    held: set[tuple[str, str]] = set()
    for change in record.changes:
        held ^= {(change.node, change.vip)}
    return {node for node, _ in held}


def outage_s(record: Record, window: Span) -> float | None:
    """The longest time between two answers to the client; None: it did not come back."""
    times = [t for t, _ in record.served]
    first = max(0, bisect_left(times, window.begin.t) - 1)
    inside = [t for t in times[first:] if t <= window.end.t]
    if not inside or inside[-1] < window.end.t - NS:
        return None
    return max((b - a for a, b in pairwise([*inside, window.end.t])), default=0) / NS


def unwatched_s(record: Record, window: Span) -> float:
    """The longest time in which nobody was asked: what happened then was not seen by questions."""
    times = [t for t, _ in record.questions if window.begin.t <= t <= window.end.t]
    return max(b - a for a, b in pairwise([window.begin.t, *times, window.end.t])) / NS
