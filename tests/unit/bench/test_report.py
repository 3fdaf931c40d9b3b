"""The printed table is computed from the raw figures alone."""

from typing import Any

from bench.report import conditions, costs, detection, ipc, outages, postgres, procd, verdict

RUN: dict[str, Any] = {
    "profile": "default",
    "scheduling": "rt",
    "holders_most": 1,
    "holders_source": "the kernels",
    "outage_ms": {"switchover": [10.0, 12.0, 90.0], "silent cut": [1100.0, 1200.0, 1400.0]},
    "expected_ms": {
        "switchover": {"median": 20.0},
        "silent cut": {"median": 1181.0, "worst": 1350.0},
    },
}
COST = {"uss_mib": 13.0, "pss_mib": 9.0, "cpu_s_per_minute": 0.2, "wake_ups_per_s": 10.0}


def _line(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))


def test_a_planned_move_is_judged_by_its_median() -> None:
    """Its goal is a typical figure; the worst is shown beside it."""
    line = _line(outages(RUN), "switchover")
    assert line.split() == ["switchover", "3", "12.0", "90.0", "50", "ok", "20", "0.60"]


def test_a_silent_cut_is_judged_by_its_worst_case() -> None:
    """The timing promises a bound, and one figure beyond it breaks the promise."""
    line = _line(outages(RUN), "silent cut")
    assert line.split()[2:] == ["3", "1200.0", "1400.0", "1350", "NO", "1181/1350", "1.02"]


def test_the_number_of_holders_is_always_shown() -> None:
    """No outage is good when two nodes held the VIP."""
    assert _line(outages(RUN), "largest number of holders").split()[7] == "1"


def test_a_node_is_judged_as_a_whole_and_its_guardian_alone() -> None:
    """Two goals of the product: CPU time of a node, memory of the process that must survive."""
    parts = ("guardian", "node", "lifecheck")
    roles = tuple(f"{role} {part}" for role in ("coordinator", "standby") for part in parts)
    status = {"status_ms": [80.0, 90.0, 300.0], "status_cpu_ms": [70.0]}
    text = costs({"idle": dict.fromkeys(roles, COST), **status})
    line = _line(text, "coordinator: 0.600")
    assert line.endswith("(goal 0.3: NO), 27.0 MiB PSS for all processes")
    assert "coordinator lifecheck: 0.333 % CPU (goal about 0)" in text
    assert _line(text, "guardian:").endswith("NO)")
    assert "median 90 ms, worst 300 ms of 3, CPU 70 ms (goal 100: ok)" in text


def test_a_goal_that_is_met_exactly_is_met() -> None:
    """Goals are written as at most."""
    assert (verdict(50.0, 50.0), verdict(50.1, 50.0)) == ("ok", "NO")


def test_the_machine_is_named() -> None:
    """A figure without its machine says nothing."""
    assert conditions({"cpus": 2, "load_1m": 0.5}) == "measured on cpus 2, load_1m 0.5"


KILLS: list[dict[str, Any]] = [
    {"moved_ms": 15.0, "answered_ms": 400.0, "busy_percent": 69.0},
    {"moved_ms": 20.0, "answered_ms": 500.0, "busy_percent": 71.0},
    {"moved_ms": None, "answered_ms": 900.0, "busy_percent": 72.0},
]


def test_postgresql_is_shown_with_what_had_to_be_torn_down() -> None:
    """80 ms for each GiB: a figure without the size says nothing."""
    sizes = {"postmaster_rss_mib": 35.4, "all_pss_mib": 25.4, "shared_buffers_mib": 128}
    text = postgres({"kills": KILLS, "holders_most": 1, **sizes})
    assert "postmaster 35.4 MiB RSS" in text
    assert "shared_buffers 128 MiB" in text
    assert _line(text, "VIP on the next").split()[-3:] == ["2", "17.5", "20.0"]
    assert _line(text, "first query").split()[-3:] == ["3", "500.0", "900.0"]


def test_no_move_seen_is_shown_as_none() -> None:
    """A median of nothing is an error, not a zero."""
    sizes = {"postmaster_rss_mib": 35.4, "all_pss_mib": 25.4, "shared_buffers_mib": 128}
    text = postgres({"kills": KILLS[2:], "holders_most": 1, **sizes})
    assert _line(text, "VIP on the next").split()[-1] == "0"


def test_the_experiment_stands_beside_the_figures_of_then() -> None:
    """That is what it is repeated for; ours has none."""
    kills = {"30 s monitor": KILLS, "process check": KILLS[:1]}
    then = {"30 s monitor": 26.0}
    run = {"kills": kills, "then_s": then, "load_queries_per_s": 9000, "holders_most": 1}
    text = procd(run)
    seen = _line(text, "30 s monitor").split()[3:]
    assert seen == ["3", "0.50", "0.60", "0.90", "0.02", "26.0"]
    assert _line(text, "process check").split()[-1] == "-"
    assert "load: 9000 queries/s, processors 70 % busy" in text


def test_detection_is_judged_by_its_median() -> None:
    """The worst case of a busy machine is the scheduler's."""
    row = {
        "variant": "plain",
        "watched": 1000,
        "kills": 200,
        "median_ms": 0.4,
        "p99_ms": 3.0,
        "worst_ms": 9.0,
        "idle_cpu_percent": 0.01,
    }
    scan = {"watched": 1000, "scan_cpu_ms": 9.5, "look_cpu_ms": 0.1}
    big = {"plain": {"mib": 1024, "early_ms": 80.0, "ended_ms": 80.0}}
    text = detection({"death": [row, {**row, "median_ms": 1.4}], "scan": scan, "big": big})
    verdicts = [line.split()[7] for line in text.splitlines() if line.startswith("plain")]
    assert verdicts == ["ok", "NO"]
    assert "1024 MiB killed, plain: foreseen after 80.0 ms, ended after 80.0 ms" in text


def test_the_control_socket_is_shown_by_its_clients() -> None:
    """And whether the cluster noticed."""
    figures = {"requests_per_s": 1500, "median_ms": 0.5, "p99_ms": 5.0, "worst_ms": 9.0}
    text = ipc({"rates": {"1 client": figures}, "coordinator_kept": False})
    assert _line(text, "1 client").split()[2:] == ["1500", "0.50", "5.00", "9.00"]
    assert "ANOTHER ONE" in text
