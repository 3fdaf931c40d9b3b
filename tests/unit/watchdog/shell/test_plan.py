"""From the PLAN JSON to what the node and its core need."""

import json
from pathlib import Path

import pytest

from tests.shell.plans import TIMING_MS, plan_for, plan_json
from watchdog.instant import MS
from watchdog.shell.plan import Pki, parse

NAMES = ("alpha", "beta", "gamma")


def test_settings_name_every_member_in_the_order_of_the_file() -> None:
    """The order breaks ties of priority."""
    settings = plan_for("beta", NAMES, 9000).settings()
    assert settings.name == "beta"
    assert [(m.name, m.order, m.priority) for m in settings.members] == [
        ("alpha", 0, 3),
        ("beta", 1, 2),
        ("gamma", 2, 1),
    ]
    assert settings.has_vip
    assert settings.old_members is None


def test_timing_is_taken_number_by_number() -> None:
    """A number that lands in another field would be a lease of another length."""
    timing = plan_for("alpha", NAMES, 9000).timing
    retry = TIMING_MS["retry"]
    assert isinstance(retry, list)
    assert [timing.retry_min_ns, timing.retry_max_ns] == [ms * MS for ms in retry]
    for name, ms in TIMING_MS.items():
        if isinstance(ms, int):
            assert getattr(timing, f"{name}_ns") == ms * MS


def test_peers_are_the_members_without_this_node() -> None:
    """A node does not dial itself."""
    plan = plan_for("beta", NAMES, 9000)
    assert [peer.name for peer in plan.peers] == ["alpha", "gamma"]
    assert (plan.listen, plan.port, plan.soft_ms) == ("127.0.0.2", 9000, 900)


def test_the_replaced_membership_comes_from_the_caller() -> None:
    """It is in the stored record, which the plan does not know."""
    old = (("alpha", 1), ("beta", 1))
    assert plan_for("alpha", NAMES, 9000).settings(old).old_members == old


def test_optional_parts_are_read_when_they_are_there() -> None:
    """PKI files, a recording, and takeover."""
    table = plan_json("alpha", NAMES, 9000)
    table["pki"] = {"ca": "/etc/pki/ca.pem", "cert": "/etc/pki/a.pem", "key": "/etc/pki/a.key"}
    table["on_conflict"] = "takeover"
    table["node_process"]["record"] = "/tmp/alpha.rec"
    plan = parse(json.dumps(table))
    assert plan.pki == Pki(Path("/etc/pki/ca.pem"), Path("/etc/pki/a.pem"), Path("/etc/pki/a.key"))
    assert plan.settings().takeover
    assert plan.record == Path("/tmp/alpha.rec")


def test_a_plan_of_another_schema_is_refused() -> None:
    """Guardian and node of different versions must not guess at each other's meaning."""
    table = plan_json("alpha", NAMES, 9000)
    table["schema"] = 2
    with pytest.raises(ValueError, match="schema 2 is not 1"):
        parse(json.dumps(table))


def test_a_plan_without_a_key_is_our_own_bug() -> None:
    """Nothing is filled in."""
    table = plan_json("alpha", NAMES, 9000)
    del table["node_process"]["digest"]
    with pytest.raises(KeyError, match="digest"):
        parse(json.dumps(table))


def test_the_core_hears_of_a_loss_only_where_a_lifecheck_is_expected() -> None:
    """Without checks there is no lifecheck process that could be lost."""
    table = plan_json("alpha", NAMES, 9000)
    part = table["node_process"]["lifecheck"]
    part |= {"expected": True, "on_loss": "release", "deadtime_ms": 4000}
    settings = parse(json.dumps(table)).settings()
    assert settings.on_loss_release
    assert settings.lifecheck_deadtime_ns == 4000 * MS
    part["expected"] = False
    assert not parse(json.dumps(table)).settings().on_loss_release


def test_who_may_report_and_where_the_others_pgpool_is_are_read() -> None:
    """The control socket answers with both."""
    plan = plan_for("alpha", NAMES, 9000)
    assert plan.ipc.report_uids == (1000,)
    assert [member.pgpool_port for member in plan.members] == [9999, 9999, 9999]
