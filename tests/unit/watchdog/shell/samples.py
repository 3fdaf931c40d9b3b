"""A plan and a core status of three nodes, for the tests of what is made of them."""

from pathlib import Path
from typing import Any

from tests.support import at
from watchdog.core.settings import Timing
from watchdog.instant import MS
from watchdog.shell.plan import IpcPlan, NodePlan, PlanMember, VipPlan

NOW = at(1000)


def timing() -> Timing:
    """Return the numbers of the default profile."""
    numbers = {
        "beacon": 200, "repeat": 50, "soft": 900, "deesc": 0, "drop": 100, "slack": 100,
        "ticket": 200, "hard": 1200, "promise": 1250, "slot": 100, "jitter": 30, "window": 200,
        "reach": 700, "vote_wait": 400, "retry_min": 50, "retry_max": 150, "min_left": 360,
        "rtt_max": 4, "probe": 30, "standdown": 1000, "reserve": 500, "failback_delay": 60000,
        "escalation_timeout": 10000,
    }  # fmt: skip
    return Timing(**{f"{name}_ns": ms * MS for name, ms in numbers.items()})


def plan(ipc: Path = Path("/run/quorumdog/.s.PGPOOLWD_CMD.9000")) -> NodePlan:
    """Return alpha's plan: alpha, beta, and gamma as witness."""
    members = tuple(
        PlanMember(name, f"10.0.0.1{number + 1}", 9000, 1, 3 - number, name == "gamma")
        for number, name in enumerate(("alpha", "beta", "gamma"))
    )
    return NodePlan(
        node="alpha",
        cluster="pg-prod",
        cluster_id=b"c" * 32,
        data_dir=Path("/var/lib/quorumdog"),
        log_json=False,
        scheduling="rt",
        takeover=False,
        port=9000,
        listen="10.0.0.11",
        address="10.0.0.11",
        failback=False,
        digest=b"d" * 32,
        members=members,
        timing=timing(),
        config_digests=(),
        accept_membership=False,
        ipc=IpcPlan(ipc, None, (), None),
        pki=None,
        vips=(VipPlan("db", "10.0.0.100", 24),),
        record=None,
    )


def core_status() -> dict[str, Any]:
    """Return what Node.status() of the coordinator alpha says."""
    return {
        "state": "COORDINATOR",
        "phase": "escalated",
        "term": 7,
        "epoch": 7,
        "coordinator": "alpha",
        "quorum": {"have": 3, "need": 2, "ok": True},
        "lease_left_ms": 812,
        "last_end": None,
        "nodes": [
            {
                "name": name,
                "state": "STANDBY" if number else "COORDINATOR",
                "role": ("coordinator", "member", "witness")[number],
                "weight": 1,
                "healthy": True,
                "priority": 3 - number,
                "eligible": number < 2,
                "reachable": True,
                "last_heard_ms": 10 * number,
                "term": 7,
                "reason": "",
                "verdicts": [],
                "vetoed": False,
                "alarms": [],
            }
            for number, name in enumerate(("alpha", "beta", "gamma"))
        ],
        "sitout_left_ms": 0,
        "memory": "intact",
        "unfit": "",
        "uplink": "",
        "waiting_for": [],
        "alarms": [],
        "called_dead": {},
        "escalated": True,
        "gate": "nft",
        "watchdog": "off",
        "armed_epoch": 7,
    }
