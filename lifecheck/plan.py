"""The plan as lifecheck needs it: its own part of the document that `quorumdog run` resolved.

Everything was validated by the command line, so this only picks; a missing key is our own fault
and raises KeyError.  Times are milliseconds here, as in the document.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

SCHEMA: Final = 1

When = Literal["always", "escalated"]
Method = Literal["heartbeat", "external", "none"]


@dataclass(frozen=True, slots=True)
class OnFail:
    """What a check that is DOWN asks for; the fields after `kind` belong to one kind each."""

    kind: Literal["release", "veto", "priority", "restart", "report"]
    by: int = 0
    """priority: how much is taken off."""
    restarts: int = 0
    """restart: so many within `within_ms`, then as `release`."""
    within_ms: int = 0
    timeout_ms: int = 0
    """restart: how long the guardian lets one run."""


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """One probe. `options` are the keys of its kind (docs/lifecheck.md), already checked."""

    kind: str
    every_ms: int
    timeout_ms: int
    fails: int
    rises: int
    window_ms: int
    """0: `fails` failures in a row; else so many within this time."""
    start_delay_ms: int
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """One check: DOWN as soon as one of its probes is."""

    name: str
    when: When
    on_fail: OnFail
    probes: tuple[ProbePlan, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another member, and where its heartbeats come from."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class HeartbeatPlan:
    """Who tells whom over UDP that it is alive."""

    address: str
    port: int
    interval_ms: int
    deadtime_ms: int
    peers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the lifecheck process was told to be."""

    node: str
    cluster_id: bytes
    log_json: bool
    socket: str
    """The node's control socket."""
    socket_key_file: str | None
    method: Method
    heartbeat: HeartbeatPlan | None
    accelerators: tuple[str, ...]
    checks: tuple[CheckPlan, ...]


def parse(text: str | bytes) -> Plan:
    """Plan from the whole document."""
    plan = json.loads(text)
    if plan["schema"] != SCHEMA:
        raise ValueError(f"plan schema {plan['schema']!r} is not {SCHEMA}")
    part, ipc = plan["lifecheck"], plan["node_process"]["ipc"]
    return Plan(
        node=plan["node"],
        cluster_id=bytes.fromhex(plan["cluster_id"]),
        log_json=plan["log_json"],
        socket=ipc["path"],
        socket_key_file=ipc["authkey_file"],
        method=part["method"],
        heartbeat=_heartbeat(part["heartbeat"]),
        accelerators=tuple(part["accelerators"]),
        checks=tuple(check_of(row) for row in part["checks"]),
    )


def _heartbeat(row: Mapping[str, Any] | None) -> HeartbeatPlan | None:
    if row is None:
        return None
    peers = tuple(Peer(peer["name"], peer["address"]) for peer in row["peers"])
    return HeartbeatPlan(row["address"], row["port"], row["interval_ms"], row["deadtime_ms"], peers)


def check_of(row: Mapping[str, Any]) -> CheckPlan:
    """One check of the document; `quorumdog check test` uses it too."""
    on_fail = row["on_fail"]
    return CheckPlan(
        name=row["name"],
        when=row["when"],
        on_fail=OnFail(
            kind=on_fail["kind"],
            by=on_fail.get("by", 0),
            restarts=on_fail.get("restarts", 0),
            within_ms=on_fail.get("within_ms", 0),
            timeout_ms=on_fail.get("timeout_ms", 0),
        ),
        probes=tuple(_probe(probe) for probe in row["probes"]),
    )


def _probe(row: Mapping[str, Any]) -> ProbePlan:
    return ProbePlan(
        kind=row["kind"],
        every_ms=row["every_ms"],
        timeout_ms=row["timeout_ms"],
        fails=row["fails"],
        rises=row["rises"],
        window_ms=row["window_ms"],
        start_delay_ms=row["start_delay_ms"],
        options=row["options"],
    )
