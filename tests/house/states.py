"""docs/states.md, printed from the table: `make fix` writes it, a house test compares it.

Run as `python -m tests.house.states`.
"""

import sys

from watchdog.core.states import TABLE, State, Trigger

MEANS = {
    State.LOADING: "reads its state, sits out what it may have promised, waits for its guardian",
    State.WAITING_FOR_QUORUM: "ready, but hears no quorum and follows no coordinator",
    State.STANDBY: "may vote, may stand for election",
    State.COORDINATOR: "holds a tenure; escalated when the guardian says so",
    State.IN_NW_TROUBLE: "its own interface or address is gone",
}
BECAUSE = {
    Trigger.LOADING_FINISHED: "the state is intact, the sit-out is over, the guardian is there",
    Trigger.QUORUM_FOUND: "hears a quorum, or follows a live coordinator",
    Trigger.QUORUM_LOST: "hears no quorum any more, and no tenure of its own is left",
    Trigger.ELECTION_WON: "a quorum voted for it",
    Trigger.STEPPED_DOWN: "its tenure ended (lease lost, resigned) and the guardian is off",
    Trigger.STATE_FORGOTTEN: "the clock jumped or the guardian was lost: sit out again",
    Trigger.NETWORK_LOST: "carrier or address of the uplink is gone",
    Trigger.NETWORK_RESTORED: "carrier and address are back",
}


def render() -> str:
    """Return the whole document."""
    arrows = [f"    {r.source.value} --> {r.target.value}: {r.trigger.value}" for r in TABLE]
    states = [f"| {state.value} | {MEANS[state]} |" for state in State]
    triggers = [f"| {trigger.value} | {BECAUSE[trigger]} |" for trigger in Trigger]
    lines = [
        "# States",
        "",
        "Generated from `TABLE` in `watchdog/core/states.py` by `make fix`; do not edit.",
        "A state says what a node may do to the world. Candidacy is not a state: it is what a",
        "STANDBY is negotiating.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> LOADING",
        *arrows,
        "```",
        "",
        "| State | Means |",
        "|---|---|",
        *states,
        "",
        "| Trigger | Became true |",
        "|---|---|",
        *triggers,
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
