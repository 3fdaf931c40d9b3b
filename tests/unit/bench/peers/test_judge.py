"""The same rule for every peer: an address that answers, and answers that fail to come."""

from typing import Any

import pytest

from bench.peers.judge import NS_PER_MS, NS_PER_S, judge, outage_ms, spans

VIP = "10.77.0.100"
Seen = dict[str, Any]


def _address(t_s: float, node: str, *, up: bool) -> Seen:
    return {"t": int(t_s * NS_PER_S), "kind": "address", "node": node, "address": VIP, "up": up}


def _wire(t_s: float, node: str, *, answers: bool, last_s: float = 0) -> Seen:
    seen = {"t": int(t_s * NS_PER_S), "kind": "wire", "node": node, "answers": answers}
    return seen if answers else {**seen, "last": int(last_s * NS_PER_S)}


def _gap(from_s: float, until_s: float) -> Seen:
    return {"t": int(from_s * NS_PER_S), "until": int(until_s * NS_PER_S), "kind": "gap"}


def _alive(t_s: float, ago_s: float = 0) -> Seen:
    return {"t": int(t_s * NS_PER_S), "kind": "alive", "last": int((t_s - ago_s) * NS_PER_S)}


HANDED = [_address(1, "a", up=True), _address(5, "a", up=False), _address(5, "b", up=True)]
BOTH = [_address(1, "a", up=True), _address(5, "b", up=True), _address(7.5, "a", up=False)]


def _judge(seen: list[Seen], begin_s: float = 4, end_s: float = 10) -> Any:
    seen = [*seen, _alive(end_s)]
    return judge(seen, VIP, int(begin_s * NS_PER_S), int(end_s * NS_PER_S))


def test_a_hand_over_has_one_holder() -> None:
    """However quick it is: the order is the kernels'."""
    verdict = _judge(HANDED)
    assert (verdict.two_holders_s, verdict.took) == (0, ("b",))


def test_an_overlap_is_counted_to_its_end() -> None:
    """From the second address to the first that goes."""
    verdict = _judge(BOTH)
    assert (verdict.two_holders_s, verdict.last_overlap_s) == (2.5, 3.5)


def test_an_address_that_answers_nobody_is_no_holder() -> None:
    """A closed gate; the address is counted beside it."""
    verdict = _judge([*BOTH, _wire(4.5, "a", answers=False)])
    assert (verdict.two_holders_s, verdict.two_addresses_s) == (0, 2.5)


def test_an_address_that_answers_again_is_a_holder_again() -> None:
    """A thawed node that does not look at the clock."""
    wires = [_wire(4.5, "a", answers=False), _wire(7, "a", answers=True)]
    assert _judge([*BOTH, *wires]).two_holders_s == 0.5


def test_who_was_silent_without_the_address_is_not_with_it() -> None:
    """Until it was asked again: what is not known counts as held."""
    assert _judge([*BOTH, _wire(2, "b", answers=False)]).two_holders_s == 2.5


def test_a_silence_that_began_between_two_questions_is_counted_both_ways() -> None:
    """The gate closed after the last answer and before the first question without one."""
    verdict = _judge([*BOTH, _wire(5.01, "a", answers=False, last_s=4.99)])
    assert (verdict.two_holders_s, verdict.two_holders_most_s) == (0, 0.01)


def test_who_falls_silent_without_the_address_held_it_before() -> None:
    """The silence is that of a node that has given the address up."""
    verdict = _judge([*BOTH, _wire(7.51, "a", answers=False)])
    assert verdict.two_holders_s == 2.5


def test_a_gate_that_never_opened_held_at_no_time() -> None:
    """At most until the first question that it did not answer."""
    verdict = _judge([*BOTH, _wire(5.01, "b", answers=False)])
    assert (verdict.two_holders_s, verdict.two_holders_most_s) == (0, 0.01)


def test_an_overlap_before_the_fault_is_not_charged_to_it() -> None:
    """Nor one after its end."""
    assert _judge(BOTH, 6, 7).two_holders_s == 1
    assert _judge(BOTH, 8, 9).two_holders_s == 0


def test_the_window_is_covered_without_a_hole() -> None:
    """Or an overlap could hide in it."""
    pieces = list(spans(BOTH, VIP, 4 * NS_PER_S, 10 * NS_PER_S))
    assert [piece.begin for piece in pieces[1:]] == [piece.end for piece in pieces[:-1]]
    assert (pieces[0].begin, pieces[-1].end) == (4 * NS_PER_S, 10 * NS_PER_S)


def test_lost_events_make_a_verdict_impossible() -> None:
    """A zero that was not seen is no zero."""
    with pytest.raises(ValueError, match="lost events"):
        _judge([*HANDED, {"t": 5, "kind": "lost"}])


def test_the_outage_is_the_longest_time_without_an_answer() -> None:
    """It counts from the last answer before the fault."""
    seen = [_gap(3.99, 4.25), _gap(6, 6.5), _alive(9)]
    assert outage_ms(seen, 4 * NS_PER_S, 10 * NS_PER_S) == 500


def test_an_outage_of_another_fault_does_not_count() -> None:
    """The window begins with the fault."""
    seen = [_gap(1, 3), _alive(9)]
    assert outage_ms(seen, 4 * NS_PER_S, 10 * NS_PER_S) == 0


def test_a_service_that_is_still_away_at_the_end_has_no_outage() -> None:
    """Nobody knows how long it would have been."""
    seen = [_gap(4, 5), _alive(9, ago_s=2)]
    assert outage_ms(seen, 4 * NS_PER_S, 10 * NS_PER_S) is None
    assert outage_ms([], 0, NS_PER_MS) is None
