"""The printed table is computed from the raw figures alone."""

from typing import Any

from bench.report import conditions, costs, outages, verdict

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
    roles = ("coordinator guardian", "coordinator node", "standby guardian", "standby node")
    status = {"status_ms": [80.0, 90.0, 300.0], "status_cpu_ms": [70.0]}
    text = costs({"idle": dict.fromkeys(roles, COST), **status})
    assert _line(text, "coordinator: 0.400").endswith("NO)")
    assert _line(text, "guardian:").endswith("NO)")
    assert "median 90 ms, worst 300 ms of 3, CPU 70 ms (goal 100: ok)" in text


def test_a_goal_that_is_met_exactly_is_met() -> None:
    """Goals are written as at most."""
    assert (verdict(50.0, 50.0), verdict(50.1, 50.0)) == ("ok", "NO")


def test_the_machine_is_named() -> None:
    """A figure without its machine says nothing."""
    assert conditions({"cpus": 2, "load_1m": 0.5}) == "measured on cpus 2, load_1m 0.5"
