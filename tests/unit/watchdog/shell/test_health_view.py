"""Checks and heartbeats as `status` shows them, whatever the helper process answered."""

from typing import Any

import pytest

from watchdog.shell.health_view import NOTHING, Health, checks, lifecheck, rows
from watchdog.shell.plan import NO_LIFECHECK

ROW: dict[str, Any] = {
    "name": "postgres",
    "verdict": "up",
    "reason": "pid 4711",
    "since_boot_s": 40.0,
    "last_boot_s": 99.5,
    "fail_count": 2,
    "on_fail": "release",
    "when": "always",
    "probes": [
        {"kind": "tcp", "verdict": "up", "reason": "", "last_boot_s": 99.5, "runs": 9},
        {"kind": "process", "verdict": "up", "reason": "", "last_boot_s": None, "runs": 0},
    ],
}
BEAT = {"node": "beta", "verdict": "alive", "heard_s": 0.2}


def test_stamps_become_ages() -> None:
    """For how long it has been so, and how long ago somebody looked."""
    found: Any = checks(Health({"checks": [ROW]}), 100.0)["postgres"]
    assert (found["age_s"], found["last_s"], found["fail_count"]) == (60.0, 0.5, 2)
    assert [probe["last_s"] for probe in found["probes"]] == [0.5, None]
    assert "since_boot_s" not in found


def test_lifecheck_is_told_with_everything_that_is_known() -> None:
    """The same rows as a list, for programs."""
    body = lifecheck(
        NO_LIFECHECK,
        Health(
            {"checks": [ROW], "heartbeat": [BEAT], "accelerators": ["process_connector"]},
            is_running=True,
            is_answering=True,
            own=("alive", ""),
            clients=[{"name": "lifecheck"}],
        ),
        100.0,
    )
    assert (body["method"], body["expected"], body["running"]) == ("none", False, True)
    assert (body["answering"], body["verdict"], body["reason"]) == (True, "alive", "")
    assert body["heartbeat"] == [BEAT]
    assert body["accelerators"] == ["process_connector"]
    assert body["clients"] == [{"name": "lifecheck"}]
    checks_found: Any = body["checks"]
    assert [row["name"] for row in checks_found] == ["postgres"]


def test_without_a_lifecheck_everything_is_there_and_empty() -> None:
    """No key of a status comes and goes."""
    assert lifecheck(NO_LIFECHECK, NOTHING, 1.0) == {
        "method": "none",
        "expected": False,
        "running": False,
        "answering": False,
        "verdict": None,
        "reason": "",
        "checks": [],
        "heartbeat": [],
        "accelerators": [],
        "clients": [],
    }


@pytest.mark.parametrize(
    "details",
    [
        {"checks": 5, "heartbeat": "beta", "accelerators": {"a": 1}},
        {"checks": [None, 5, "x", [], {}, {"name": 7}], "accelerators": [5, None]},
        {"checks": None},
        {"heartbeat": None, "accelerators": None},
    ],
)
def test_odd_answers_of_the_helper_end_nothing(details: dict[str, object]) -> None:
    """A bug of the lifecheck must not become one of the node."""
    body = lifecheck(NO_LIFECHECK, Health(details), 1.0)
    assert (body["checks"], body["heartbeat"], body["accelerators"]) == ([], [], [])


@pytest.mark.parametrize(
    "stamp", [None, "soon", True, float("nan"), float("inf"), [1], 10**400, -(10**400), 1e300]
)
def test_odd_stamps_have_no_age(stamp: object) -> None:
    """JSON of Python knows NaN."""
    row = {"name": "x", "since_boot_s": stamp, "last_boot_s": stamp, "probes": 5}
    found = checks(Health({"checks": [row]}), 100.0)["x"]
    assert (found["age_s"], found["last_s"], found["probes"]) == (None, None, [])


def test_what_is_no_text_fact_or_number_is_left_out() -> None:
    """Whoever prints or counts it would stumble: a number of 400 digits is no float."""
    odd = {"rtt_ms": 10**400, "heard_s": [[]], "verdict": {"a": 1}}
    body: Any = lifecheck(
        NO_LIFECHECK,
        Health({"checks": [{**ROW, **odd, "fail_count": -(10**400)}], "heartbeat": [BEAT | odd]}),
        100.0,
    )
    assert body["heartbeat"] == [{"node": "beta"}]
    assert not {"rtt_ms", "heard_s", "verdict", "fail_count"} & body["checks"][0].keys()


def test_rows_are_bounded() -> None:
    """However many a helper sends."""
    assert len(rows({"checks": [{}] * 1000}, "checks")) == 256
