"""The plan as lifecheck reads it: its own part, and whom to report to."""

import json
from typing import Any

import pytest

from lifecheck.plan import parse


def document(**lifecheck: Any) -> str:
    """A plan with one check."""
    part = {
        "method": "heartbeat",
        "on_loss": "ignore",
        "heartbeat": {
            "address": "10.0.0.1",
            "port": 9694,
            "interval_ms": 1000,
            "deadtime_ms": 10_000,
            "peers": [{"name": "b", "address": "10.0.0.2"}],
        },
        "deadtime_ms": 10_000,
        "accelerators": ["process_connector"],
        "checks": [
            {
                "name": "web",
                "when": "always",
                "on_fail": {
                    "kind": "restart",
                    "argv": ["/bin/true"],
                    "restarts": 3,
                    "within_ms": 600_000,
                    "timeout_ms": 30_000,
                },
                "probes": [
                    {
                        "kind": "tcp",
                        "every_ms": 5000,
                        "timeout_ms": 2000,
                        "fails": 3,
                        "rises": 2,
                        "window_ms": 0,
                        "start_delay_ms": 0,
                        "options": {"host": "127.0.0.1", "port": 80},
                    }
                ],
            }
        ],
    }
    return json.dumps(
        {
            "schema": 1,
            "node": "a",
            "cluster_id": "00" * 32,
            "log_json": False,
            "node_process": {"ipc": {"path": "/run/x/.s.PGPOOLWD_CMD.9000", "authkey_file": None}},
            "lifecheck": part | lifecheck,
        }
    )


def test_a_plan_is_read() -> None:
    """What the command line resolved is what runs."""
    plan = parse(document())
    assert plan.socket == "/run/x/.s.PGPOOLWD_CMD.9000"
    assert plan.checks[0].on_fail.timeout_ms == 30_000
    assert plan.checks[0].probes[0].options["port"] == 80
    assert plan.heartbeat is not None
    assert plan.heartbeat.peers[0].name == "b"


def test_a_plan_without_heartbeats_is_read() -> None:
    """Methods external and none."""
    assert parse(document(method="none", heartbeat=None)).heartbeat is None


def test_another_schema_is_refused() -> None:
    """After half an upgrade the two sides may be of two versions."""
    with pytest.raises(ValueError, match="schema 2"):
        parse(document().replace('"schema": 1', '"schema": 2'))
