"""Plans as `quorumdog run` makes them, for tests of the node process."""

import json
from collections.abc import Sequence
from typing import Any

from watchdog.shell.plan import NodePlan, parse

CLUSTER_ID = "7f9c1f3f5f0b1b51d9d0e1f1d31b8f52a9cf0dd4a4b2ec6ac2e7d14f4be1a3c5"


def member_rows(names: Sequence[str], port: int) -> list[dict[str, Any]]:
    """The members' table: addresses 127.0.0.1, 127.0.0.2, ... and falling priorities."""
    return [
        {
            "name": name,
            "address": f"127.0.0.{number}",
            "port": port,
            "weight": 1,
            "priority": len(names) - number + 1,
            "witness": False,
            "pgpool_port": 9999,
        }
        for number, name in enumerate(names, start=1)
    ]


def node_part(node: str, names: Sequence[str], port: int) -> dict[str, Any]:
    """The part of the PLAN for the node process; a stranger to the table gets 127.0.0.9."""
    members = member_rows(names, port)
    address = next((str(row["address"]) for row in members if row["name"] == node), "127.0.0.9")
    return {
        "listen": address,
        "address": address,
        "tie_breaker": None,
        "failback": False,
        "digest": "ab" * 32,
        "members": members,
        "config_digests": {"timing": "00" * 8, "cluster": "11" * 8},
        "accept_membership": False,
        "ipc": {
            "path": f"/run/quorumdog/.s.PGPOOLWD_CMD.{port}",
            "group": None,
            "admin_uids": [],
            "report_uids": [1000],
            "authkey_file": None,
        },
        "record": None,
        "lifecheck": {
            "expected": False,
            "method": "heartbeat",
            "on_loss": "ignore",
            "deadtime_ms": 10000,
        },
    }


def plan_json(node: str, names: Sequence[str], port: int) -> dict[str, Any]:
    """The PLAN of `node` among `names`."""
    vip = {"name": "db", "address": "10.0.0.100", "prefix": 24, "family": 4, "interface": "eth0"}
    return {
        "schema": 1,
        "node": node,
        "cluster": "pg-prod",
        "cluster_id": CLUSTER_ID,
        "data_dir": "/var/lib/quorumdog",
        "run_dir": "/run/quorumdog",
        "config_file": "/etc/quorumdog/quorumdog.conf",
        "log_json": False,
        "scheduling": "normal",
        "user": "quorumdog",
        "witness": False,
        "on_conflict": "wait",
        "port": port,
        "authkey_file": "/etc/quorumdog/authkey",
        "pki": None,
        "vips": [vip],
        "hooks": {"escalation": None, "de_escalation": None, "state_change": None},
        "timing_ms": TIMING_MS,
        "node_process": node_part(node, names, port),
    }


TIMING_MS = {
    "beacon": 200,
    "repeat": 50,
    "soft": 900,
    "deesc": 0,
    "drop": 100,
    "slack": 100,
    "ticket": 200,
    "hard": 1200,
    "promise": 1250,
    "slot": 100,
    "jitter": 30,
    "window": 200,
    "reach": 700,
    "vote_wait": 400,
    "retry": [50, 150],
    "min_left": 360,
    "rtt_max": 4,
    "probe": 30,
    "standdown": 1000,
    "reserve": 500,
    "failback_delay": 60000,
    "escalation_timeout": 10000,
}


def plan_for(node: str, names: Sequence[str], port: int) -> NodePlan:
    """The same, parsed."""
    return parse(json.dumps(plan_json(node, names, port)))
