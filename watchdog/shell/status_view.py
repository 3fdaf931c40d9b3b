"""What `quorumdog status` is told: the core's view, the peers' connections, and shell facts. Pure.

The core knows who leads and why; the shell adds addresses, round trips, refusals and the wall
clock.  Fields are only ever added (`schema` says which meaning they have).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from watchdog.shell.plan import NodePlan

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the shell knows at the moment of the question."""

    links: Mapping[str, Mapping[str, Any]]
    """`Peers.stats()`: peer name -> address, rtt_ms, why it is not reachable."""
    refusals: Mapping[str, Mapping[str, Any]]
    scheduling: str
    """The class that the process really has."""
    warnings: Sequence[str] = ()


@dataclass(slots=True)
class LastMove:
    """Remembers when the core's last move was first seen, as people read time."""

    _move: Mapping[str, Any] | None = None
    _at: str = field(default="")

    def seen(self, move: Mapping[str, Any] | None, at: str) -> dict[str, Any] | None:
        """`move` with the `at` of its first sight; `at` is the present moment."""
        if move is None:
            return None
        if move != self._move:
            self._move, self._at = dict(move), at
        return {**move, "at": self._at}


def view(
    plan: NodePlan,
    core: Mapping[str, Any],
    around: Surroundings,
    last_move: Mapping[str, Any] | None,
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
        "amnesiac": core["amnesiac"],
        "waiting_for": core["waiting_for"],
        "nodes": [
            _node(plan, number, rows[member.name], around)
            for number, member in enumerate(plan.members)
        ],
        "vips": [
            {"name": vip.name, "address": f"{vip.address}/{vip.prefix}", "held": is_on}
            for vip in plan.vips
        ],
        "last_move": last_move,
        "gate": "none",
        "scheduling": around.scheduling,
        "refusals": {kind: dict(count) for kind, count in around.refusals.items()},
        "alarms": [{"name": name, "text": text} for name, text in core["alarms"]],
        "warnings": warnings(plan, core, around),
    }


def warnings(plan: NodePlan, core: Mapping[str, Any], around: Surroundings) -> list[str]:
    """Everything that somebody should look at, as sentences."""
    found = [f"{name}: {text}" for name, text in core["alarms"]]
    if around.scheduling != plan.scheduling:
        found.append(
            f"scheduling class is {around.scheduling}, the configuration says {plan.scheduling}"
        )
    return [*found, *around.warnings]


def _node(
    plan: NodePlan, number: int, row: Mapping[str, Any], around: Surroundings
) -> dict[str, object]:
    member = plan.members[number]
    link = around.links.get(member.name, {})
    reachable = bool(row["reachable"])
    heard_ms = row["last_heard_ms"]
    # The core says why a member does not count; the connection knows better why it is silent.
    reason = row["reason"] if reachable else link.get("why") or row["reason"]
    return {
        "name": member.name,
        "id": number,
        "address": member.address,
        "port": member.port,
        "state": row["state"],
        "role": "witness" if member.witness else "member",
        "priority": row["priority"],
        "eligible": row["eligible"],
        "reachable": reachable,
        "last_heard_s": None if heard_ms is None else round(heard_ms / 1000, 1),
        "rtt_ms": link.get("rtt_ms"),
        "checks": {},
        "reason": reason,
    }
