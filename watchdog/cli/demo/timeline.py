"""From raw observations to what is printed: who held the service when, and how long nobody did.

Pure, and the only source of figures.  A holder is a node whose kernel has a VIP (kind `address`),
or, where nobody may touch addresses, a node whose hooks stamped an escalation and no end of it
(kind `stamp`).  An outage is the longest time between two answers to the client, or without any
holder where there is no client: it is what happened, not what we say about ourselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

Observation = Mapping[str, Any]
NS: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
GAP_SHOWN_NS: Final = 50 * NS_PER_MS
"""An interruption that the timeline mentions even when the same node answers again."""


@dataclass(frozen=True, slots=True)
class Change:
    """A node began (`is_up`) or ceased to hold the service, by one of its addresses."""

    t: int
    node: str
    is_up: bool
    what: str


@dataclass(frozen=True, slots=True)
class Holders:
    """The largest number of nodes that held the service at once: who, and when that began."""

    most: int
    nodes: tuple[str, ...]
    t: int


@dataclass(frozen=True, slots=True)
class Outage:
    """What one fault cost. `gap_ns` is None when the service did not come back."""

    title: str
    t: int
    gap_ns: int | None
    before: str
    after: str


def changes(observations: Sequence[Observation]) -> Iterator[Change]:
    """Yield every beginning and end of holding, in order."""
    vips = {vip for one in observations if one["kind"] == "start" for vip in one["vips"]}
    for one in observations:
        if one["kind"] == "address" and one["address"] in vips:
            yield Change(one["t"], one["node"], one["up"], one["address"])
        elif one["kind"] == "stamp" and one["event"] in {"escalation", "de_escalation"}:
            yield Change(one["t"], one["node"], one["event"] == "escalation", "the service")


def holders(observations: Sequence[Observation]) -> Holders:
    """Count the nodes that held at once; a node with one of several VIPs is a holder too."""
    held: set[tuple[str, str]] = set()
    worst = Holders(0, (), 0)
    for change in changes(observations):
        if change.is_up:
            held.add((change.node, change.what))
        else:
            held.discard((change.node, change.what))
        nodes = tuple(sorted({node for node, _ in held}))
        if len(nodes) > worst.most:
            worst = Holders(len(nodes), nodes, change.t)
    return worst


def outages(observations: Sequence[Observation]) -> list[Outage]:
    """One entry for each fault; its window ends where the next one begins."""
    faults = [one for one in observations if one["kind"] == "fault"]
    ends = [*(one["t"] for one in faults), _end(observations)][1:]
    service = list(_service(observations))
    return [_outage(fault, end, service) for fault, end in zip(faults, ends, strict=False)]


def _end(observations: Sequence[Observation]) -> int:
    ended = [int(one["t"]) for one in observations if one["kind"] in {"end", "stop"}]
    return min(ended, default=int(observations[-1]["t"]) if observations else 0)


def _service(observations: Sequence[Observation]) -> Iterator[tuple[int, int, str]]:
    """Yield (from, to, node) of each time in which the service was there.

    An answer is an instant of it; without a client it is the time from stamp to stamp.
    """
    if any(one["kind"] == "asked" for one in observations):
        for one in observations:
            if one["kind"] == "answer":
                yield one["t"], one["t"], one["node"]
        return
    since: dict[str, int] = {}
    for change in changes(observations):
        if change.is_up:
            since[change.node] = change.t
        elif change.node in since:
            yield since.pop(change.node), change.t, change.node
    for node, began in since.items():
        yield began, max(began, _end(observations)), node


def _outage(fault: Observation, end: int, service: Sequence[tuple[int, int, str]]) -> Outage:
    t = int(fault["t"])
    title = str(fault["title"])
    last = max((one for one in service if one[0] <= t), default=None)
    later = sorted(one for one in service if t < one[0] <= end)
    if last is None or not later:
        survived = last is not None and last[1] >= end
        name = "" if last is None else last[2]
        return Outage(title, t, 0 if survived else None, name, name)
    gap, covered = 0, min(last[1], end)
    for began, ended, _ in later:
        gap = max(gap, began - covered)
        covered = max(covered, ended)
    return Outage(title, t, gap, last[2], later[-1][2])


def unanswered(observations: Sequence[Observation]) -> int:
    """How many of the client's questions got no answer, from the first answer to the end."""
    answers = {one["seq"] for one in observations if one["kind"] == "answer"}
    first, end = min(answers, default=0), _end(observations)
    asked = [one["seq"] for one in observations if one["kind"] == "asked" and one["t"] <= end]
    return sum(1 for seq in asked[:-1] if seq > first and seq not in answers)


def problems(observations: Sequence[Observation]) -> list[str]:
    """Everything that must not have been seen, as sentences; nothing when all went well."""
    found = [str(one["text"]) for one in observations if one["kind"] == "problem"]
    worst = holders(observations)
    if worst.most > 1:
        names = " and ".join(worst.nodes)
        found.append(f"{worst.most} HOLDERS AT ONCE: {names}, {_clock(observations, worst.t)}")
    if worst.most == 0:
        found.append("nobody ever held the service")
    if any(one["kind"] == "lost" for one in observations):
        found.append("the observer lost messages of the kernel: the figures are void")
    stayed_away = [one.title for one in outages(observations) if one.gap_ns is None]
    return found + [f"the service did not come back after: {title}" for title in stayed_away]


def render(observations: Sequence[Observation]) -> str:
    """The timeline and the figures as they are printed."""
    lines = ["", "What was seen from outside (seconds since the start):", ""]
    lines += [f"{_clock(observations, t):>10}  {text}" for t, text in _story(observations)]
    lines += ["", *_table(observations), ""]
    worst = holders(observations)
    source = "hook stamps" if _is_stamped(observations) else "the kernels' netlink events"
    lines.append(f"largest number of holders at any instant: {worst.most}   (from {source})")
    if any(one["kind"] == "asked" for one in observations):
        asked = sum(1 for one in observations if one["kind"] == "asked")
        lines.append(f"the client asked {asked} times; {unanswered(observations)} unanswered")
    lines += [str(one["text"]) for one in observations if one["kind"] == "left_out"]
    return "\n".join(lines)


def _is_stamped(observations: Sequence[Observation]) -> bool:
    return any(one["kind"] == "stamp" for one in observations)


def _clock(observations: Sequence[Observation], t: int) -> str:
    start = next((one["t"] for one in observations if one["kind"] == "start"), t)
    return f"{(t - start) / NS:.3f} s"


def _story(observations: Sequence[Observation]) -> list[tuple[int, str]]:
    told = [
        (c.t, f"{c.node} {'has' if c.is_up else 'gave up'} {c.what}") for c in _first(observations)
    ]
    marks = {"fault": "--- {title}", "note": "    {text}"}
    told += [
        (one["t"], marks[one["kind"]].format_map(one))
        for one in observations
        if one["kind"] in marks
    ]
    return sorted([*told, *_client(observations)], key=lambda line: line[0])


def _first(observations: Sequence[Observation]) -> Iterator[Change]:
    """Yield the changes that changed something: a kernel repeats what is renewed."""
    held: set[tuple[str, str]] = set()
    for change in changes(observations):
        key = change.node, change.what
        if change.is_up != (key in held):
            held ^= {key}
            yield change


def _client(observations: Sequence[Observation]) -> Iterator[tuple[int, str]]:
    answers = [one for one in observations if one["kind"] == "answer"]
    if answers:
        yield answers[0]["t"], f"client: answered by {answers[0]['node']}"
    for before, one in pairwise(answers):
        gap = one["t"] - before["t"]
        after = f"after {gap / NS_PER_MS:.1f} ms without"
        if one["node"] != before["node"]:
            yield one["t"], f"client: answered by {one['node']}, {after}"
        elif gap > GAP_SHOWN_NS:
            yield one["t"], f"client: answered again by {one['node']}, {after}"


def _table(observations: Sequence[Observation]) -> Iterator[str]:
    found = outages(observations)
    width = max((len(outage.title) for outage in found), default=0)
    for outage in found:
        gap = "did not end" if outage.gap_ns is None else f"{outage.gap_ns / NS_PER_MS:.1f} ms"
        moved = f"{outage.before} -> {outage.after}"
        yield f"{outage.title:<{width}}  outage {gap:>11}   {moved}"
