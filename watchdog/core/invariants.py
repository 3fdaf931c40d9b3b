"""What must hold after every step, in the simulator and in production: else stop.

A node that breaks one of these has a bug that nobody has thought of; crashing de-escalates, and
that is the safe side.  What holds across nodes (never two on, one winner per term) is checked by
the simulator, which sees them all.
"""

from watchdog.core.leading import Phase
from watchdog.core.parts import Parts
from watchdog.core.states import State


class Invariants:
    """The checks, and the little that they remember between steps."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._term = parts.ledger.term

    def check(self) -> None:
        """Raise AssertionError if this node has done what it must never do."""
        parts = self._parts
        office, ballot, pre = parts.office, parts.candidacy.ballot, parts.candidacy.pre
        state, term = parts.state.now, parts.ledger.term
        assert term >= self._term, "the term fell"
        self._term = term
        assert office is None or ballot is None, "a leader stands for election"
        if ballot is not None or pre is not None:
            assert state is State.STANDBY, f"a ballot in {state.value}"
        if ballot is not None:
            assert parts.voter.is_promised_to(ballot.tenure), "a candidate without its own promise"
        if office is None:
            assert not parts.guard.is_on, "on without a tenure"
            return
        if office.phase is Phase.RESIGNING:
            assert not parts.guard.is_on, "resigning without having told the guardian"
            return
        assert state is State.COORDINATOR, f"a live tenure in {state.value}"
        assert parts.voter.is_promised_to(office.tenure), "a leader without its own promise"
