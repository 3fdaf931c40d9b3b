"""From what was observed to figures: how long nobody answered, how long two nodes held. Pure.

A node holds at an instant when its kernel has the VIP and it is not silent on its own wire: ARP
questions, put to it alone, go unanswered.  So an overlap is counted to the microsecond by the
kernels' events, and an address that a closed gate keeps from everybody is no holder.  When a
silence began is known from the questions around it only: at most with the first one without an
answer, at least with the last one that had one.  The same rule judges every peer, and us.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

Observation = Mapping[str, Any]
NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
AWAY_NS: Final = NS_PER_S
"""Without an answer for so long at the end of a window, and the service is away."""


class Span(NamedTuple):
    """A time in which the set of holders was the same."""

    begin: int
    end: int
    addresses: frozenset[str]
    holders: frozenset[str]


class Verdict(NamedTuple):
    """What one fault did; `outage_ms` is None when the service stayed away."""

    outage_ms: float | None
    two_holders_s: float
    """At least."""
    two_holders_most_s: float
    two_addresses_s: float
    last_overlap_s: float
    """When, after the fault, two held for the last time; 0 when they never did."""
    took: tuple[str, ...]
    """Who began to hold, in order."""


@dataclass
class State:
    """Who has the address, and who is silent."""

    vip: str
    addresses: set[str]
    silent: set[str]

    @property
    def holders(self) -> frozenset[str]:
        """Those whose address reaches somebody."""
        return frozenset(self.addresses - self.silent)

    def take(self, one: Observation) -> None:
        """Follow one observation."""
        if one["kind"] == "address" and one["address"] == self.vip:
            (self.addresses.add if one["up"] else self.addresses.discard)(one["node"])
            self.silent.discard(one["node"])  # it was silent without the address
        elif one["kind"] == "wire":
            (self.silent.discard if one["answers"] else self.silent.add)(one["node"])


def spans(observations: Sequence[Observation], vip: str, begin: int, end: int) -> Iterator[Span]:
    """Yield the window in pieces of equal holders; an overlap of no length is a piece too."""
    state, since = State(vip, set(), set()), begin
    for one in sorted(observations, key=lambda one: int(one["t"])):
        at = int(one["t"])
        if at >= end:
            break
        if one["kind"] in {"address", "wire"}:
            if at >= begin:
                yield Span(since, at, frozenset(state.addresses), state.holders)
                since = at
            state.take(one)
    yield Span(since, end, frozenset(state.addresses), state.holders)


def earlier(observations: Sequence[Observation], vip: str) -> list[Observation]:
    """Let each silence begin with the last answer before it, or with the change of the address."""
    changed: dict[str, int] = {}
    moved: list[Observation] = []
    for one in sorted(observations, key=lambda one: int(one["t"])):
        if one["kind"] == "address" and one["address"] == vip:
            changed[one["node"]] = one["t"] + 1
        if one["kind"] == "wire" and not one["answers"]:
            moved.append({**one, "t": one["last"] or changed.get(one["node"], one["t"])})
        else:
            moved.append(one)
    return moved


def judge(observations: Sequence[Observation], vip: str, begin: int, end: int) -> Verdict:
    """Judge one fault by what was seen from `begin` to `end`; ValueError when something was not."""
    if any(one["kind"] == "lost" for one in observations):
        raise ValueError("the observing process lost events of the kernels: no verdict")
    pieces = list(spans(observations, vip, begin, end))
    most = [piece for piece in pieces if len(piece.holders) > 1]
    least = spans(earlier(observations, vip), vip, begin, end)
    two = [piece for piece in least if len(piece.holders) > 1]
    two_addresses = [piece for piece in pieces if len(piece.addresses) > 1]
    last = max((piece.end for piece in two), default=begin)
    return Verdict(
        outage_ms(observations, begin, end),
        _seconds(two),
        _seconds(most),
        _seconds(two_addresses),
        round((last - begin) / NS_PER_S, 3),
        tuple(_took(pieces)),
    )


def _seconds(pieces: Sequence[Span]) -> float:
    return round(sum(piece.end - piece.begin for piece in pieces) / NS_PER_S, 6)


def _took(pieces: Sequence[Span]) -> Iterator[str]:
    before = pieces[0].addresses
    for piece in pieces[1:]:
        yield from sorted(piece.addresses - before)
        before = piece.addresses


def outage_ms(observations: Sequence[Observation], begin: int, end: int) -> float | None:
    """Longest time without an answer that touches the window; None when it had not ended."""
    alive = [one for one in observations if one["kind"] == "alive" and begin <= one["t"] <= end]
    if not alive or alive[-1]["t"] - alive[-1]["last"] > AWAY_NS:
        return None
    gaps = (
        one["until"] - one["t"]
        for one in observations
        if one["kind"] == "gap" and one["until"] > begin and one["t"] < end
    )
    return round(max(gaps, default=0) / NS_PER_MS, 2)
