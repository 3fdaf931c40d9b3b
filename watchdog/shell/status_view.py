"""What `quorumdog status` is told: the core's view, the peers' connections, and shell facts. Pure.

The core knows who leads and why; the shell adds addresses, round trips, refusals and the wall
clock.  Fields are only ever added (`schema` says which meaning they have).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from watchdog.shell import health_view
from watchdog.shell.health_view import NOTHING, Health
from watchdog.shell.moves import Move
from watchdog.shell.plan import NodePlan

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the shell knows at the moment of the question."""

    links: Mapping[str, Mapping[str, Any]]
    """`Peers.stats()`: peer name -> connected, rtt_ms, error, ..."""
    refusals: Mapping[str, Mapping[str, Any]]
    scheduling: str
    """The class that the process really has."""
    warnings: Sequence[str] = ()
    health: Health = NOTHING
    now_s: float = 0.0
    """CLOCK_BOOTTIME, for ages."""
    paths: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`Paths.stats()`: peer name -> udp, last_round, ..."""
    datagrams: Mapping[str, int] = field(default_factory=dict)
    """`Datagrams.stats()`"""
    stalls: Mapping[str, int] = field(default_factory=dict)
    """`Punctuality.stats()`"""


def view(
    plan: NodePlan,
    core: Mapping[str, Any],
    around: Surroundings,
    move: Move | None,
) -> dict[str, object]:
    """The body of a `status` reply (docs/ipc.md); `core` is Node.status()."""
    rows = {row["name"]: row for row in core["nodes"]}
    is_on = bool(core["escalated"])
    return {
        "schema": SCHEMA,
        "cluster": plan.cluster,
        "local": plan.node,
        "state": core["state"],
        "phase": core["phase"],
        "quorum": core["quorum"],
        "coordinator": core["coordinator"],
        "term": core["term"],
        "epoch": core["epoch"],
        "lease_left_ms": core["lease_left_ms"],
        "escalated": is_on,
        "memory": core["memory"],
        "sitout_left_ms": core["sitout_left_ms"],
        "unfit": core["unfit"],
        "uplink": core["uplink"],
        "waiting_for": core["waiting_for"],
        "lifecheck": health_view.lifecheck(plan.lifecheck, around.health, around.now_s),
        "called_dead": core["called_dead"],
        "nodes": [_node(plan, number, rows, around) for number, member in enumerate(plan.members)],
        "vips": [
            {"name": vip.name, "address": f"{vip.address}/{vip.prefix}", "held": is_on}
            for vip in plan.vips
        ],
        "last_move": None if move is None else _move(move),
        "gate": core["gate"],
        "watchdog": core["watchdog"],
        "scheduling": around.scheduling,
        "stalls": dict(around.stalls),
        "datagrams": _datagrams(around),
        "refusals": {kind: dict(count) for kind, count in around.refusals.items()},
        "alarms": [{"name": name, "text": text} for name, text in core["alarms"]],
        "warnings": warnings(plan, core, around),
    }


def warnings(plan: NodePlan, core: Mapping[str, Any], around: Surroundings) -> list[str]:
    """Everything that somebody should look at, as sentences."""
    found = [f"{name}: {text}" for name, text in core["alarms"]]
    for row in core["nodes"]:
        if row["name"] != plan.node and row["alarms"]:
            found.append(f"{row['name']} has alarms: {', '.join(row['alarms'])}")
        if row.get("config_differs"):
            groups = ", ".join(row["config_differs"])
            found.append(f"{row['name']} has another configuration in: {groups}")
    if around.scheduling != plan.scheduling:
        found.append(
            f"scheduling class is {around.scheduling}, the configuration says {plan.scheduling}"
        )
    found += _blocked(plan, core, around)
    return [*found, *around.warnings]


def _blocked(plan: NodePlan, core: Mapping[str, Any], around: Surroundings) -> list[str]:
    """Peers that are heard, and answer no datagram."""
    reachable = {row["name"] for row in core["nodes"] if row["reachable"]}
    return [
        f"UDP to {peer.name} ({peer.address} port {peer.port}) does not get through: is there a "
        f"firewall? TCP alone carries the rounds, and packet loss may move the VIP"
        for peer in plan.peers
        if peer.name in reachable and around.paths.get(peer.name, {}).get("is_blocked")
    ]


def _datagrams(around: Surroundings) -> dict[str, int]:
    """All peers together."""
    paths = around.paths.values()
    sums = {key: sum(path[key] for path in paths) for key in ("received", "sent", "copies")}
    return {**sums, **around.datagrams}


def _move(move: Move) -> dict[str, str | None]:
    return {"from": move.giver, "to": move.taker, "at": move.at, "reason": move.reason}


def _node(
    plan: NodePlan, number: int, rows: Mapping[str, Mapping[str, Any]], around: Surroundings
) -> dict[str, object]:
    member = plan.members[number]
    row = rows[member.name]
    link = around.links.get(member.name, {})
    path = around.paths.get(member.name, {})
    reachable = bool(row["reachable"])
    heard_ms = row["last_heard_ms"]
    is_local = member.name == plan.node
    # The core says why a member does not count; without a link that is why there is none.
    error = "" if link.get("connected", True) else link["error"]
    return {
        "name": member.name,
        "id": number,
        "address": member.address,
        "port": member.port,
        "state": row["state"],
        "role": row["role"],
        "priority": row["priority"],
        "eligible": row["eligible"],
        "reachable": reachable,
        "healthy": row["healthy"],
        "last_heard_s": None if is_local or heard_ms is None else round(heard_ms / 1000, 1),
        "rtt_ms": link.get("rtt_ms"),
        "udp": path.get("udp"),
        "last_round": path.get("last_round"),
        "checks": health_view.checks(around.health, around.now_s) if is_local else {},
        "called_dead_by": [m.name for m in plan.members if member.name in rows[m.name]["verdicts"]],
        "vetoed": row["vetoed"],
        "reason": error or row["reason"],
        "alarms": row["alarms"],
    }
