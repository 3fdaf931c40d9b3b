"""The plan: what `quorumdog run` resolved, as the guardian reads it."""

import json
from typing import Any

import pytest

from watchdog.guardian.plan import Vip, parse
from watchdog.instant import MS, SECOND

PLAN: dict[str, Any] = {
    "schema": 1,
    "node": "alpha",
    "cluster": "pg-prod",
    "cluster_id": "0f" * 32,
    "data_dir": "/var/lib/quorumdog",
    "run_dir": "/run/quorumdog",
    "scheduling": "rt",
    "user": "quorumdog",
    "authkey_file": "/etc/quorumdog/authkey",
    "log_json": True,
    "vips": [
        {"name": "db", "address": "10.0.0.100", "prefix": 24, "family": 4, "interface": "eth0"}
    ],
    "hooks": {
        "escalation": ["/etc/hook", "a b"],
        "de_escalation": None,
        "state_change": ["/etc/notify"],
        "order": "hook-first",
        "user": None,
    },
    "timing_ms": {"deesc": 500, "drop": 100, "slack": 90, "escalation_timeout": 10000},
}


def test_the_plan_becomes_policy_vips_and_hooks() -> None:
    """Durations are nanoseconds from here on."""
    plan = parse(json.dumps(PLAN).encode())
    assert plan.vips == (Vip("db", "10.0.0.100", 24, 4, "eth0"),)
    assert plan.hooks.escalation == ("/etc/hook", "a b")
    assert plan.hooks.de_escalation == ()
    assert plan.cluster_id == bytes([15] * 32)
    policy = plan.policy
    assert (policy.deesc_ns, policy.drop_ns, policy.slack_ns) == (500 * MS, 100 * MS, 90 * MS)
    assert policy.escalation_timeout_ns == 10 * SECOND
    assert (policy.has_vips, policy.has_escalation, policy.has_de_escalation) == (True, True, False)
    assert policy.is_hook_first
    assert plan.log_json


def test_a_witness_has_neither_vips_nor_hooks() -> None:
    """Its guardian needs no privileges."""
    plan = parse(json.dumps(PLAN | {"vips": [], "hooks": None}).encode())
    assert not plan.policy.has_vips
    assert not plan.policy.has_hooks


def test_a_plan_of_another_schema_is_our_own_fault() -> None:
    """`run` and guardian are of one version; anything else must not start."""
    with pytest.raises(AssertionError, match="schema 2"):
        parse(json.dumps(PLAN | {"schema": 2}).encode())
