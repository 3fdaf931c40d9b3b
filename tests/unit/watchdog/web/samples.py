"""A status body as the coordinator alpha of three nodes sends it, with a lifecheck."""

import copy
from collections.abc import Mapping
from typing import Any, Final

from watchdog.web.status import Status, parse

BODY: Final[dict[str, Any]] = {
    "schema": 1,
    "cluster": "pg-prod",
    "local": "alpha",
    "state": "COORDINATOR",
    "phase": "escalated",
    "quorum": {"have": 3, "need": 2, "ok": True},
    "coordinator": "alpha",
    "term": 9,
    "epoch": 7,
    "lease_left_ms": 812,
    "escalated": True,
    "memory": "intact",
    "sitout_left_ms": 0,
    "unfit": "",
    "uplink": "",
    "waiting_for": [],
    "nodes": [
        {
            "name": name,
            "id": number,
            "address": f"10.0.0.1{number + 1}",
            "port": 9000,
            "state": "STANDBY" if number else "COORDINATOR",
            "role": ("coordinator", "member", "witness")[number],
            "priority": 3 - number,
            "eligible": number < 2,
            "reachable": number < 2,
            "healthy": True,
            "last_heard_s": 0.1 * number if number else None,
            "rtt_ms": 0.5 * number if number else None,
            "checks": {},
            "reason": "",
            "alarms": ["VIP_CONFLICT"] if number == 1 else [],
        }
        for number, name in enumerate(("alpha", "beta", "gamma"))
    ],
    "vips": [{"name": "db", "address": "10.0.0.100/24", "held": True}],
    "last_move": {
        "from": "beta",
        "to": "alpha",
        "at": "2026-11-21T14:00:00.250Z",
        "reason": "switchover",
    },
    "gate": "none",
    "scheduling": "rt",
    "stalls": {"count": 3, "worst_ms": 578, "stolen_ms": 420},
    "refusals": {
        "wrong_key": {"count": 4, "last_address": "x", "last_ago_s": 1.0, "detail": ""},
    },
    "alarms": [{"name": "WALL_CLOCKS_DIFFER", "text": "of beta"}],
    "warnings": ["WALL_CLOCKS_DIFFER: of beta", "beta has alarms: VIP_CONFLICT"],
    "lifecheck": {
        "method": "heartbeat",
        "expected": True,
        "running": True,
        "answering": True,
        "verdict": "alive",
        "reason": "",
        "checks": [
            {
                "name": "pg",
                "verdict": "up",
                "reason": "pid 17",
                "age_s": 12.5,
                "last_s": 0.4,
                "fail_count": 1,
                "on_fail": "release",
                "when": "always",
                "probes": [
                    {"kind": "process", "verdict": "up", "last_s": 0.4, "runs": 9, "failures": 1},
                    {"kind": "tcp", "verdict": "up", "last_s": 0.5, "runs": 8, "failures": 0},
                ],
            },
            {"name": "gw", "verdict": "unknown", "fail_count": 0, "probes": []},
        ],
        "heartbeat": [
            {
                "node": "beta",
                "verdict": "alive",
                "heard_s": 0.7,
                "rtt_ms": 0.25,
                "loss_in_percent": 12.5,
                "heard_by_it": True,
            },
            {
                "node": "gamma",
                "verdict": "unknown",
                "heard_s": None,
                "rtt_ms": None,
                "loss_in_percent": None,
                "heard_by_it": None,
            },
        ],
        "accelerators": ["process_connector"],
        "clients": [],
    },
}


def body(**changes: Any) -> dict[str, Any]:
    """A fresh copy of the body with some keys replaced."""
    return copy.deepcopy(BODY) | changes


def status(own: Mapping[str, Any] | None = None, **changes: Any) -> Status:
    """The same, parsed; `own` changes alpha's own row."""
    made = body(**changes)
    made["nodes"][0] |= own or {}
    return parse(made)
