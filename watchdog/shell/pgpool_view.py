"""What pgpool's clients are shown: the node list and the three variables of its watchdog. Pure.

Our states are told by the numbers and names that `wd_cli` knows (docs/ipc.md has the table).
The node that answers stands first, as pgpool's does; `ID` is the place in the file.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ipc.words import BOOL_VALUE, INT_VALUE
from watchdog.core.membership import LostReason
from watchdog.shell.plan import NodePlan, PlanMember

CANDIDATE: Final = "candidate"
"""The phase of a node that stands for election: a state of its own to pgpool."""
NUMBERS: Final = {
    "LOADING": 1,
    "WAITING_FOR_QUORUM": 3,
    "COORDINATOR": 4,
    "STANDBY": 7,
    "IN_NW_TROUBLE": 9,
}
NEVER_SEEN: Final = 0
STANDING: Final = 6
STANDBY: Final = 7
NOT_REACHABLE: Final = 8
STOPPED: Final = 10
LOST_NUMBERS: Final = {LostReason.NEVER_SEEN.value: NEVER_SEEN, LostReason.GONE.value: STOPPED}
"""The number of a member that does not count, by its reason; NOT_REACHABLE for all others."""
STATE_NAMES: Final = {
    0: "DEAD",
    1: "LOADING",
    3: "INITIALIZING",
    4: "LEADER",
    6: "STANDING FOR LEADER",
    7: "STANDBY",
    8: "LOST",
    9: "IN NETWORK TROUBLE",
    10: "SHUTDOWN",
}
"""pgpool's names; its clients abort on one of more than 127 bytes."""
NO_COORDINATOR: Final = "Not Set"
NOT_SET: Final = "Not_Set"
UNKNOWN_ID: Final = -1
MEMBER: Final = 0

Body = dict[str, object]


class Variable(NamedTuple):
    """The value of a runtime variable and pgpool's number of its type."""

    kind: int
    value: int


def node_list(
    plan: NodePlan, core: Mapping[str, Any], *, is_checked: bool, node_id: int = UNKNOWN_ID
) -> Body:
    """All nodes, or the one of `node_id`; `core` is Node.status().

    `is_checked`: whether a lifecheck has reported to this node.
    """
    rows = {row["name"]: row for row in core["nodes"]}
    nodes = [
        _node(plan, member, number, rows[member.name], core, is_checked=is_checked)
        for number, member in enumerate(plan.members)
    ]
    alive = sum(node["State"] == STANDBY for node in nodes) if core["coordinator"] else 0
    leader = next((m for m in plan.members if m.name == core["coordinator"]), None)
    if node_id < 0:
        nodes.sort(key=lambda node: node["NodeName"] != plan.node)
    else:
        nodes = nodes[node_id : node_id + 1] or [_nobody()]
    return {
        "RemoteNodeCount": len(plan.members) - 1,
        "MemberRemoteNodeCount": len(plan.members) - 1,
        "NodesRequireForQuorum": core["quorum"]["need"],
        "QuorumStatus": quorum_status(core),
        "AliveNodeCount": alive,
        "Escalated": int(core["escalated"]),
        "LeaderNodeName": leader.name if leader else NO_COORDINATOR,
        "LeaderHostName": leader.address if leader else NO_COORDINATOR,
        "NodeCount": len(nodes),
        "WatchdogNodes": nodes,
    }


def variable(plan: NodePlan, core: Mapping[str, Any], name: str) -> Variable | None:
    """The variable `name` in any case; None when there is none of that name."""
    match name.lower():
        case "wdstate":
            own = next(row for row in core["nodes"] if row["name"] == plan.node)
            return Variable(INT_VALUE, state_number(own, core["phase"]))
        case "quorumstate":
            return Variable(INT_VALUE, quorum_status(core))
        case "escalated":
            return Variable(BOOL_VALUE, int(core["escalated"]))
        case _:
            return None


def quorum_status(core: Mapping[str, Any]) -> int:
    """1 there is a quorum and a coordinator; -1 no quorum; -2 a quorum, but nobody leads yet.

    pgpool's 0 (exactly half) cannot be: half of the weight is no quorum here.
    """
    if not core["quorum"]["ok"]:
        return -1
    return 1 if core["coordinator"] else -2


def state_number(row: Mapping[str, Any], phase: str) -> int:
    """pgpool's number for one row of Node.status(); `phase` is of that node, "" if not known."""
    if not row["reachable"]:
        return LOST_NUMBERS.get(row["reason"], NOT_REACHABLE)
    if phase == CANDIDATE and row["state"] == "STANDBY":
        return STANDING
    return NUMBERS.get(row["state"], NOT_REACHABLE)


def _node(
    plan: NodePlan,
    member: PlanMember,
    number: int,
    row: Mapping[str, Any],
    core: Mapping[str, Any],
    *,
    is_checked: bool,
) -> dict[str, Any]:
    is_local = member.name == plan.node
    state = state_number(row, core["phase"] if is_local else "")
    return {
        "ID": number,
        "State": state,
        "Membership": MEMBER,
        "MembershipString": "MEMBER",
        "NodeName": member.name,
        "HostName": member.address,
        "StateName": STATE_NAMES[state],
        "DelegateIP": plan.vips[0].address if plan.vips else NOT_SET,
        "WdPort": member.port,
        "PgpoolPort": member.pgpool_port,
        "Priority": row["priority"],
        "LifecheckStarted": int(is_local and is_checked),
    }


def _nobody() -> dict[str, Any]:
    """What pgpool answers for an id that does not exist."""
    texts = ("MembershipString", "NodeName", "HostName", "StateName", "DelegateIP")
    numbers = {"ID": -1, "State": -1, "Membership": -1, "WdPort": 0, "PgpoolPort": 0}
    return {**numbers, "Priority": 0, "LifecheckStarted": 0, **dict.fromkeys(texts, NOT_SET)}
