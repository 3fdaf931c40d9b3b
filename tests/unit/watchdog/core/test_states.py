"""The five states. Sections in parentheses are those of docs/election.md."""

from itertools import product

import pytest
from transitions import MachineError

from watchdog.core.states import (
    HOPS_MAX,
    TABLE,
    Facts,
    NodeState,
    State,
    Trigger,
    next_trigger,
)

PAIRS = [(state, Facts(*bits)) for state, bits in product(State, product((False, True), repeat=4))]


def settle(state: State, facts: Facts) -> tuple[State, int]:
    """Fire until the facts have no more to say; (state, hops)."""
    node = NodeState(state)
    for hops in range(HOPS_MAX + 1):
        trigger = next_trigger(node.now, facts)
        if trigger is None:
            return node.now, hops
        node.fire(trigger)
    raise AssertionError(f"{state} {facts} does not settle")


def test_every_pair_of_state_and_facts_settles_within_five_hops() -> None:
    """A step that never settles would hang the node (States and events)."""
    assert len(PAIRS) == 80
    assert max(settle(*pair)[1] for pair in PAIRS) <= HOPS_MAX


def test_no_pair_ends_as_coordinator_without_network_or_tenure() -> None:
    """A coordinator holds a tenure and has a network (States and events)."""
    ends = [(facts, settle(state, facts)[0]) for state, facts in PAIRS]
    leading = [facts for facts, end in ends if end is State.COORDINATOR]
    assert leading
    assert all(facts.uplink_up and facts.leading and facts.loaded for facts in leading)


@pytest.mark.parametrize(
    ("facts", "end"),
    [
        (Facts(uplink_up=False, loaded=True, quorum=True, leading=True), State.IN_NW_TROUBLE),
        (Facts(uplink_up=True, loaded=False, quorum=True, leading=True), State.LOADING),
        (Facts(True, True, quorum=False, leading=False), State.WAITING_FOR_QUORUM),
        (Facts(True, True, quorum=True, leading=False), State.STANDBY),
        (Facts(True, True, quorum=True, leading=True), State.COORDINATOR),
        (Facts(True, True, quorum=False, leading=True), State.COORDINATOR),
    ],
)
def test_the_end_depends_on_the_facts_alone(facts: Facts, end: State) -> None:
    """Whatever the state was, the same facts lead to the same state (States and events)."""
    assert {settle(state, facts)[0] for state in State} == {end}


def test_an_illegal_row_stops_the_node() -> None:
    """A trigger that no row has for this state is our bug (States and events)."""
    with pytest.raises(MachineError):
        NodeState(State.LOADING).fire(Trigger.ELECTION_WON)


def test_fire_knows_exactly_the_rows_of_the_table() -> None:
    """The table is the referee: what is not in it cannot happen (States and events)."""
    rows = {(row.trigger, row.source): row.target for row in TABLE}
    for trigger, state in product(Trigger, State):
        node = NodeState(state)
        if (trigger, state) in rows:
            assert node.fire(trigger) == (state, rows[trigger, state])
        else:
            with pytest.raises(MachineError):
                node.fire(trigger)
