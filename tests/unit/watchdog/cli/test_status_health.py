"""What people see of health: every check with its age, every edge between nodes."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.watchdog.cli.test_status import AROUND
from tests.unit.watchdog.shell.samples import core_status, plan
from watchdog.cli.status import WIDTH, exit_code, render
from watchdog.cli.status_health import ago, sentences
from watchdog.shell.health_view import Health
from watchdog.shell.status_view import Surroundings, view

POSTGRES: dict[str, Any] = {
    "name": "postgres",
    "verdict": "up",
    "reason": "pid 4711 (+2)",
    "since_boot_s": 1000.0,
    "last_boot_s": 9999.6,
    "fail_count": 0,
    "on_fail": "release",
    "when": "always",
    "probes": [{"kind": "process", "verdict": "up", "reason": "pid 4711", "last_boot_s": 9999.6}],
}
WEB: dict[str, Any] = {
    "name": "web",
    "verdict": "down",
    "reason": "http: status 500",
    "since_boot_s": 9988.0,
    "last_boot_s": 9998.0,
    "fail_count": 3,
    "on_fail": "priority:-10",
    "when": "always",
    "probes": [
        {"kind": "tcp", "verdict": "up", "reason": "", "last_boot_s": 9999.0, "failures": 0},
        {"kind": "http", "verdict": "down", "reason": "status 500", "failures": 3},
    ],
}
EDGES: list[dict[str, Any]] = [
    {
        "node": "beta",
        "verdict": "alive",
        "heard_s": 0.2,
        "rtt_ms": 0.314,
        "loss_in_percent": 0.0,
        "heard_by_it": False,
    },
    {"node": "gamma", "verdict": "unknown", "heard_by_it": None},
]


def body(core: dict[str, Any] | None = None, **health: Any) -> dict[str, Any]:
    """A status with this health."""
    well = Health({}, is_running=True, is_answering=True, own=("alive", ""))
    around = Surroundings(AROUND.links, {}, "rt", health=replace(well, **health), now_s=10_000.0)
    return view(plan(), core or core_status(), around, None)


def test_every_check_has_its_age_and_every_edge_its_line() -> None:
    """The whole picture: if this test has to change, so has the documentation."""
    details = {
        "checks": [POSTGRES, WEB],
        "heartbeat": EDGES,
        "accelerators": ["process_connector"],
    }
    client = {"name": "mine", "uid": 1000, "pid": 42, "builtin": False, "verdicts": {}}
    lines = render(body(details=details, clients=[client])).splitlines()
    assert lines[5:-2] == [
        "  CHECK     VERDICT  FOR     LOOKED     FAILED  ON FAIL       SAYS",
        "  postgres  up       2 h     0.4 s ago  0       release       pid 4711 (+2)",
        "  web       down     12.0 s  2.0 s ago  3       priority:-10  http: status 500",
        "  - tcp     up               1.0 s ago  0",
        "  - http    down             never      3                     status 500",
        "  HEARTBEAT  VERDICT  HEARD      RTT      LOSS  HEARS US",
        "  beta       alive    0.2 s ago  0.31 ms  0 %   no",
        "  gamma      unknown  -          -        -     not known",
        "lifecheck: says alive; accelerators: process_connector",
        "other lifechecks: mine (pid 42, uid 1000)",
    ]


def test_nothing_is_said_of_what_is_not_configured() -> None:
    """A cluster without checks has a status without them."""
    text = render(body(is_running=False))
    assert "CHECK" not in text
    assert "lifecheck" not in text


def test_who_calls_whom_dead_is_said_with_the_reason_and_its_source() -> None:
    """The first thing to look at when a coordinator gave up."""
    core = core_status() | {"called_dead": {"inform": {"beta": "smoke", "alpha": ""}}}
    core["nodes"][0] |= {"verdicts": ["beta"]}
    core["nodes"][2] |= {"verdicts": ["beta"]}
    text = render(body(core))
    assert "\nbeta: called dead by alpha, gamma\n" in text
    assert "\nalpha calls beta dead: smoke (from inform)\n" in text
    assert "\nalpha calls itself dead: no reason (from inform)\n" in text


def test_what_the_built_in_lifecheck_finds_is_said_once() -> None:
    """The node's own line has the reason already."""
    core = core_status() | {"called_dead": {"lifecheck": {"alpha": "db: no process"}}}
    core["nodes"][0] |= {"reason": "db: no process"}
    text = render(body(core, own=("dead", "db: no process")))
    assert text.count("db: no process") == 1
    assert "\nlifecheck: says dead; accelerators: none\n" in text


def test_old_news_are_marked() -> None:
    """A lifecheck that hangs still has its last answer shown."""
    text = render(body(is_answering=False, own=("dead", "no process")))
    assert "lifecheck: says dead (no process); accelerators: none; it does not answer" in text


def test_long_reasons_are_cut_to_the_screen() -> None:
    """A reason is the last column, so all the others stay."""
    row = POSTGRES | {"reason": "x" * 200}
    lines = render(body(details={"checks": [row]})).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert any(line.startswith("  postgres  up") and line.endswith("...") for line in lines)


@pytest.mark.parametrize(
    ("change", "core", "code"),
    [
        ({}, {}, 0),
        ({"details": {"checks": [POSTGRES]}}, {}, 0),
        ({"details": {"checks": [WEB]}}, {}, 1),
        ({}, {"healthy": False}, 1),
        ({}, {"healthy": None}, 0),
        ({}, {"verdicts": ["alpha"]}, 1),
    ],
)
def test_ill_health_is_degraded(change: dict[str, Any], core: dict[str, Any], code: int) -> None:
    """Of a check here, of another node, or in the eyes of another node."""
    facts = core_status()
    facts["nodes"][1] |= core
    assert exit_code(body(facts, **change)) == code


def test_a_daemon_of_an_earlier_version_is_understood() -> None:
    """During an update the command line is newer than the daemon that runs."""
    old = body()
    for key in ("lifecheck", "called_dead"):
        del old[key]
    for row in old["nodes"]:
        del row["called_dead_by"]
    assert render(old).startswith("pg-prod: coordinator alpha")
    assert exit_code(old) == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (61.0, "61 s"),
        (120.0, "2 min"),
        (7199.0, "119 min"),
        (7200.0, "2 h"),
        (200_000.0, "2 d"),
    ],
)
def test_lengths_of_time_have_one_unit(seconds: float | None, text: str) -> None:
    """An age is read, not computed with."""
    assert ago(seconds) == text


@pytest.mark.parametrize(
    ("verdicts", "reached", "is_said"),
    [
        (("unknown", "dead"), True, True),
        (("unknown", "alive"), True, False),
        (("unknown", "dead"), False, False),
        ((), True, False),
    ],
)
def test_a_node_that_hears_no_heartbeat_of_those_it_reaches_says_so(
    verdicts: tuple[str, ...], reached: bool, is_said: bool
) -> None:
    """The others will call it dead; on the node itself all else looks well."""
    names = ("b", "c")
    edges = [{"node": n, "verdict": v} for n, v in zip(names, verdicts, strict=False)]
    body = {
        "local": "a",
        "nodes": [{"name": n, "reachable": reached, "reason": ""} for n in names],
        "lifecheck": {"checks": [], "heartbeat": edges, "clients": [], "running": False},
    }
    said = [line for line in sentences(body) if "heartbeat_port_unusable" in line]
    assert bool(said) == is_said
