"""The plan: what `quorumdog run` resolved, as the guardian reads it."""

import json
from typing import Any

import pytest

from watchdog.guardian.plan import RestartPlan, Vip, parse
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


def test_the_group_of_the_socket_is_found_in_the_nodes_part() -> None:
    """It is the guardian that makes the directory around it."""
    shared = PLAN | {"node_process": {"ipc": {"group": "ops"}}}
    groups = [parse(json.dumps(plan).encode()).socket_group for plan in (PLAN, shared)]
    assert groups == ["", "ops"]


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


CHECKS: list[dict[str, Any]] = [
    {
        "name": name,
        "when": when,
        "on_fail": {
            "kind": kind,
            "argv": ["/etc/restart", name],
            "restarts": 3,
            "within_ms": 600_000,
            "timeout_ms": 30_000,
        },
        "probes": [],
    }
    for name, when, kind in (("a", "always", "restart"), ("b", "escalated", "release"))
]


def test_restart_actions_and_helpers_are_picked_out_of_the_checks() -> None:
    """The guardian runs what stands here, never what a packet says."""
    plan = parse(json.dumps(PLAN | {"lifecheck": {"checks": CHECKS}, "http": None}).encode())
    assert plan.helpers == ("lifecheck",)
    assert plan.restarts == (
        RestartPlan("a", ("/etc/restart", "a"), 3, 600 * SECOND, 30 * SECOND, False),
    )
    assert not plan.policy.has_escalated_restarts
    both = parse(json.dumps(PLAN | {"lifecheck": None, "http": {"port": 1}}).encode())
    assert both.helpers == ("web",)
    assert parse(json.dumps(PLAN).encode()).helpers == ()


def test_an_escalated_restart_makes_a_group_that_must_be_empty() -> None:
    """Also when no hook is configured: what it starts must end with the tenure."""
    check = CHECKS[0] | {"when": "escalated"}
    raw = json.dumps(PLAN | {"hooks": None, "lifecheck": {"checks": [check]}}).encode()
    plan = parse(raw)
    assert plan.restarts[0].is_escalated
    assert plan.policy.has_hooks


def test_a_plan_of_another_schema_is_our_own_fault() -> None:
    """`run` and guardian are of one version; anything else must not start."""
    with pytest.raises(AssertionError, match="schema 2"):
        parse(json.dumps(PLAN | {"schema": 2}).encode())
