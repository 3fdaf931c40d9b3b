"""The five states, written once: a table, and one pure rule that picks the next trigger.

`transitions` is used as table and referee only: an illegal row raises and stops the node, and
nothing is ever called back.  What a state *means* is read off four `Facts`; after every step the
node fires triggers until `next_trigger` has no more to say.  docs/states.md is printed from TABLE.
Candidacy is not a state: it is `candidacy.Ballot`, legal only in STANDBY.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, cast

from transitions import Machine


class State(Enum):
    """What this node may do to the world."""

    LOADING = "LOADING"
    STANDBY = "STANDBY"
    COORDINATOR = "COORDINATOR"
    WAITING_FOR_QUORUM = "WAITING_FOR_QUORUM"
    IN_NW_TROUBLE = "IN_NW_TROUBLE"


class Trigger(Enum):
    """Why a node changes its state: a fact that became true."""

    LOADING_FINISHED = "loading_finished"
    QUORUM_FOUND = "quorum_found"
    QUORUM_LOST = "quorum_lost"
    ELECTION_WON = "election_won"
    STEPPED_DOWN = "stepped_down"
    STATE_FORGOTTEN = "state_forgotten"
    NETWORK_LOST = "network_lost"
    NETWORK_RESTORED = "network_restored"


@dataclass(frozen=True, slots=True)
class Row:
    """One legal change of state."""

    trigger: Trigger
    source: State
    target: State


TABLE: Final = (
    Row(Trigger.LOADING_FINISHED, State.LOADING, State.WAITING_FOR_QUORUM),
    Row(Trigger.QUORUM_FOUND, State.WAITING_FOR_QUORUM, State.STANDBY),
    Row(Trigger.ELECTION_WON, State.STANDBY, State.COORDINATOR),
    Row(Trigger.STEPPED_DOWN, State.COORDINATOR, State.STANDBY),
    Row(Trigger.QUORUM_LOST, State.STANDBY, State.WAITING_FOR_QUORUM),
    Row(Trigger.QUORUM_LOST, State.COORDINATOR, State.WAITING_FOR_QUORUM),
    Row(Trigger.STATE_FORGOTTEN, State.STANDBY, State.LOADING),
    Row(Trigger.STATE_FORGOTTEN, State.COORDINATOR, State.LOADING),
    Row(Trigger.STATE_FORGOTTEN, State.WAITING_FOR_QUORUM, State.LOADING),
    Row(Trigger.NETWORK_LOST, State.LOADING, State.IN_NW_TROUBLE),
    Row(Trigger.NETWORK_LOST, State.STANDBY, State.IN_NW_TROUBLE),
    Row(Trigger.NETWORK_LOST, State.COORDINATOR, State.IN_NW_TROUBLE),
    Row(Trigger.NETWORK_LOST, State.WAITING_FOR_QUORUM, State.IN_NW_TROUBLE),
    Row(Trigger.NETWORK_RESTORED, State.IN_NW_TROUBLE, State.LOADING),
)

HOPS_MAX: Final = 5
"""Every pair of state and facts settles within so many triggers (a unit test tries all)."""


class Facts(NamedTuple):
    """All that the state depends on."""

    uplink_up: bool
    loaded: bool
    """State intact, sit-out over, guardian there, and OFF-clean or on for a tenure of mine."""
    quorum: bool
    """Hears voters of quorum weight, or follows a live coordinator."""
    leading: bool
    """A tenure of mine has won and is not ended (while the guardian goes off it is not)."""


def next_trigger(state: State, facts: Facts) -> Trigger | None:
    """The one trigger that `facts` demand of `state` next; None when they agree."""
    if state is State.IN_NW_TROUBLE:
        return Trigger.NETWORK_RESTORED if facts.uplink_up else None
    if not facts.uplink_up:
        return Trigger.NETWORK_LOST
    if state is State.LOADING:
        return Trigger.LOADING_FINISHED if facts.loaded else None
    if not facts.loaded:
        return Trigger.STATE_FORGOTTEN
    if state is State.WAITING_FOR_QUORUM:
        return Trigger.QUORUM_FOUND if facts.quorum or facts.leading else None
    if state is State.STANDBY:
        if facts.leading:
            return Trigger.ELECTION_WON
        return None if facts.quorum else Trigger.QUORUM_LOST
    if facts.leading:
        return None
    return Trigger.STEPPED_DOWN if facts.quorum else Trigger.QUORUM_LOST


class NodeState:
    """The state of one node; `fire` is the only door."""

    def __init__(self, initial: State = State.LOADING) -> None:
        self.now = initial
        """The current state; only `fire` changes it."""
        self.word = initial.value
        """Its name, for HELLO: the attribute `value` of an Enum costs a call, in every step."""

    def fire(self, trigger: Trigger) -> tuple[State, State]:
        """Change the state; (old, new). An illegal row raises MachineError: our bug."""
        old, self.now = self.now, _referee.target(self.now, trigger)
        self.word = self.now.value
        return old, self.now


class _Model:
    """What `transitions` decorates; kept private because mypy cannot see what it adds."""

    state: object = None


class _Referee:
    """One machine of `transitions` for all nodes of a process: it is asked, and keeps nothing."""

    def __init__(self) -> None:
        self._machine = Machine(
            model=None,
            states=State,
            initial=State.LOADING,
            auto_transitions=False,
            send_event=False,
        )
        self._model = _Model()
        self._machine.add_model(self._model, initial=State.LOADING)
        for row in TABLE:
            self._machine.add_transition(row.trigger.value, row.source, row.target)

    def target(self, state: State, trigger: Trigger) -> State:
        """Where `trigger` leads from `state`; MachineError when no row says so."""
        self._model.state = state
        cast("Callable[[], bool]", getattr(self._model, trigger.value))()
        return self._model.state


_referee: Final = _Referee()
