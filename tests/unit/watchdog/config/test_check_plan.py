"""Lifecheck's part of the plan, as lifecheck itself reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from lifecheck.plan import Plan, parse
from tests.unit.watchdog.config.samples import GOOD, loaded
from watchdog.config.plan import group_digests, resolve

PROBES = [
    (
        'process = ["/usr/bin/postgres -D", "/usr/bin/etcd"]\nabsent_for = "2s"\nmin_count = 2',
        {
            "prefixes": ["/usr/bin/postgres -D", "/usr/bin/etcd"],
            "pidfile": None,
            "exe": None,
            "unit": None,
            "absent_for_ms": 2000,
            "min_count": 2,
        },
    ),
    (
        'pidfile = "/run/x.pid"',
        {
            "prefixes": [],
            "pidfile": "/run/x.pid",
            "exe": None,
            "unit": None,
            "absent_for_ms": 0,
            "min_count": 1,
        },
    ),
    (
        'tcp = "[::1]:6379"\nsend = "PING\\r\\n"\nexpect = "^.PONG"',
        {"host": "::1", "port": 6379, "send": "PING\r\n", "expect": "^.PONG"},
    ),
    (
        'http = "http://127.0.0.1:8008/health"\nstatus = [200, 204]',
        {"url": "http://127.0.0.1:8008/health", "status": [200, 204], "body": None},
    ),
    (
        'command = ["/usr/lib/check", "-x"]\nstyle = "nagios"',
        {"argv": ["/usr/lib/check", "-x"], "style": "nagios", "output": None},
    ),
    ('log_growth = "/var/log/x"', {"path": "/var/log/x", "within_ms": 60_000}),
    (
        'log_match = "/var/log/x"\npattern = "PANIC"\nhold = "5m"',
        {"path": "/var/log/x", "pattern": "PANIC", "hold_ms": 300_000},
    ),
    ('file = "/run/x"\nage_max = "1m"', {"path": "/run/x", "age_max_ms": 60_000}),
    ('file = "/run/x"', {"path": "/run/x", "age_max_ms": None}),
    ('ping = "10.0.0.1"', {"addresses": ["10.0.0.1"]}),
    ("load = 8", {"max": 8.0, "clear": 7.2}),
    ('memory = "90%"\nclear = "80%"', {"max_percent": 90.0, "clear_percent": 80.0}),
    ('disk = "/var"', {"path": "/var", "max_percent": 95.0, "clear_percent": 85.5}),
]


def plan_of(folder: Path, text: str, node: str = "alpha") -> tuple[dict[str, Any], Plan]:
    """The document and what lifecheck makes of it."""
    document = resolve(loaded(folder, GOOD + text), node)
    return document, parse(json.dumps(document))


@pytest.mark.parametrize(("text", "options"), PROBES, ids=lambda value: str(value)[:20])
def test_options_of_each_kind_are_spelt_out(
    text: str, options: dict[str, object], tmp_path: Path
) -> None:
    """Lifecheck guesses no default."""
    _, plan = plan_of(tmp_path, f"[check.c]\n{text}\n")
    assert plan.checks[0].probes[0].options == options


PACES = [
    ('process = "/x"', (2000, 2000, 1, 1)),
    ('tcp = "127.0.0.1:1"', (5000, 2000, 3, 2)),
    ('tcp = "127.0.0.1:1"\nevery = "1s"', (1000, 1000, 3, 2)),
    ('log_match = "/l"\npattern = "x"', (5000, 2000, 1, 1)),
    ('ping = "10.0.0.1"', (1000, 1000, 2, 2)),
    ('disk = "/"', (10_000, 2000, 3, 2)),
    ('disk = "/"\nevery = "1m"\ntimeout = "3s"\nfails = 9\nrises = 8', (60_000, 3000, 9, 8)),
]


@pytest.mark.parametrize(("text", "pace"), PACES, ids=str)
def test_pace_follows_the_kind_unless_it_is_given(
    text: str, pace: tuple[int, ...], tmp_path: Path
) -> None:
    """A time-out that is not given is never longer than the period."""
    probe = plan_of(tmp_path, f"[check.c]\n{text}\n")[1].checks[0].probes[0]
    assert (probe.every_ms, probe.timeout_ms, probe.fails, probe.rises) == pace
    assert (probe.window_ms, probe.start_delay_ms) == (0, 0)


REACTIONS = [
    ('tcp = "127.0.0.1:1"', {"kind": "release"}),
    ('ping = "10.0.0.1"', {"kind": "veto"}),
    ('ping = "10.0.0.1"\non_fail = "report"', {"kind": "report"}),
    ('tcp = "127.0.0.1:1"\non_fail = "priority:-3"', {"kind": "priority", "by": 3}),
    (
        'tcp = "127.0.0.1:1"\non_fail = "restart"\nrestart = ["/bin/systemctl", "restart", "x"]',
        {
            "kind": "restart",
            "argv": ["/bin/systemctl", "restart", "x"],
            "restarts": 3,
            "within_ms": 600_000,
            "timeout_ms": 30_000,
        },
    ),
]


@pytest.mark.parametrize(("text", "on_fail"), REACTIONS, ids=lambda value: str(value)[:20])
def test_reaction_is_a_row_of_its_own_kind(
    text: str, on_fail: dict[str, object], tmp_path: Path
) -> None:
    """Without `on_fail` a check of pings alone is a veto, any other one releases."""
    document, _ = plan_of(tmp_path, f"[check.c]\n{text}\n")
    assert document["lifecheck"]["checks"][0]["on_fail"] == on_fail


def test_heartbeat_goes_between_the_nodes_own_addresses(tmp_path: Path) -> None:
    """Witnesses too: they hear and are heard."""
    document, plan = plan_of(tmp_path, '[lifecheck]\ninterval = "500ms"\ndeadtime = "3s"\n')
    assert document["lifecheck"]["heartbeat"] == {
        "address": "10.0.0.11",
        "port": 9694,
        "interval_ms": 500,
        "deadtime_ms": 3000,
        "peers": [
            {"name": "beta", "address": "10.0.0.12"},
            {"name": "gamma", "address": "10.0.0.13"},
        ],
    }
    assert document["lifecheck"]["deadtime_ms"] == 3000
    assert plan.accelerators == ("process_connector", "exit_tracepoint", "exiting_poll")


CHECK = '[check.c]\ntcp = "127.0.0.1:1"\n'


@pytest.mark.parametrize(
    ("method", "check", "node", "runs"),
    [
        ("heartbeat", "", "alpha", True),
        ("heartbeat", CHECK, "gamma", True),
        ("external", "", "alpha", False),
        ("none", "", "alpha", False),
        ("none", CHECK, "alpha", True),
        ("external", CHECK, "alpha", True),
        ("none", CHECK, "gamma", False),
    ],
)
def test_lifecheck_runs_only_where_it_has_something_to_do(
    method: str, check: str, node: str, runs: bool, tmp_path: Path
) -> None:
    """A witness never leads, so it has no checks."""
    text = f'[lifecheck]\nmethod = "{method}"\non_loss = "release"\n{check}'
    document = resolve(loaded(tmp_path, GOOD + text), node)
    assert (document["lifecheck"] is not None) == runs
    assert document["node_process"]["lifecheck"] == {
        "expected": runs,
        "method": method,
        "on_loss": "release",
        "deadtime_ms": 10_000,
    }
    if runs:
        assert len(document["lifecheck"]["checks"]) == (bool(check) and node != "gamma")
        assert (document["lifecheck"]["heartbeat"] is None) == (method != "heartbeat")


def test_health_port_is_there_when_its_table_is(tmp_path: Path) -> None:
    """The presence of [http] starts the web process."""
    assert resolve(loaded(tmp_path, GOOD), "alpha")["http"] is None
    default = resolve(loaded(tmp_path, f"{GOOD}[http]\n"), "alpha")["http"]
    assert default == {"address": "127.0.0.1", "port": 8780}
    six = resolve(loaded(tmp_path, f'{GOOD}[http]\nlisten = "[::]:80"\n'), "alpha")["http"]
    assert six == {"address": "::", "port": 80}


def test_difference_of_a_check_is_named(tmp_path: Path) -> None:
    """`status` says that the nodes' files differ, and where."""
    before = group_digests(loaded(tmp_path, GOOD + CHECK).config)
    for text, group in [
        (CHECK + "fails = 2\n", "check"),
        (CHECK.replace(":1", ":2"), "check"),
        ("", "check"),
        (CHECK + '[lifecheck]\non_loss = "release"\n', "lifecheck"),
    ]:
        after = group_digests(loaded(tmp_path, GOOD + text).config)
        assert {name for name in before if before[name] != after[name]} == {group}
    spelt_out = group_digests(loaded(tmp_path, GOOD + CHECK + "fails = 3\n[http]\n").config)
    assert spelt_out == before, "a default that is written down is no difference"


def test_pidfile_is_each_machines_own(tmp_path: Path) -> None:
    """As `data_dir` is; that there is one, and all the rest, is shared."""
    one, other, none = (
        group_digests(loaded(tmp_path, f"{GOOD}[check.c]\n{line}\n").config)["check"]
        for line in ('pidfile = "/a"', 'pidfile = "/b"', 'exe = "/a"')
    )
    assert one == other
    assert one != none
