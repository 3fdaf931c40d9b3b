"""The figures as text: each beside its goal and beside what theory expects. Pure."""

import statistics
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench.idle import per_node

GOALS_MS: Final = {"service killed": 50, "switchover": 50, "graceful stop": 50, "node killed": 80}
"""Of the median; a silent cut has to stay within the worst case that its timing promises."""
GUARDIAN_USS_MIB: Final = 12
CPU_S_PER_MINUTE: Final = 0.3
STATUS_MS: Final = 100


def outages(run: Mapping[str, Any]) -> str:
    """The table of one timing."""
    title = f"outage as a client sees it; timing {run['profile']}, scheduling {run['scheduling']}"
    head = f"{'':16}{'n':>4}{'median':>9}{'worst':>9}{'goal':>10}{'expected':>14}{'ratio':>7}"
    lines = [_outage(name, gaps, run) for name, gaps in run["outage_ms"].items()]
    most = f"largest number of holders at any instant: {run['holders_most']}"
    return "\n".join(["", title, head, *lines, f"{most}   (from {run['holders_source']})"])


def _outage(name: str, gaps: list[float], run: Mapping[str, Any]) -> str:
    median, worst = statistics.median(gaps), max(gaps)
    theory = run["expected_ms"][name]
    goal, seen = (theory["worst"], worst) if "worst" in theory else (GOALS_MS[name], median)
    numbers = f"{len(gaps):>4}{median:>9.1f}{worst:>9.1f}"
    beside = "/".join(f"{ms:.0f}" for ms in theory.values())
    ratio = median / theory["median"]
    return f"{name:16}{numbers}{goal:>7.0f} {verdict(seen, goal)}{beside:>14}{ratio:>7.2f}"


def verdict(seen: float, goal: float) -> str:
    """Whether a goal was reached, in a word."""
    return "ok" if seen <= goal else "NO"


def costs(quiet: Mapping[str, Any]) -> str:
    """What a quiet node costs, and how long `status` takes."""
    return "\n".join(["", *_processes(quiet["idle"]), *_status(quiet)])


def _processes(idle: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    if not idle:
        return
    yield f"{'idle':22}{'USS MiB':>9}{'PSS MiB':>9}{'CPU s/min':>11}{'wake-ups/s':>12}"
    for what, cost in idle.items():
        memory = f"{cost['uss_mib']:>9.2f}{cost['pss_mib']:>9.2f}"
        yield f"{what:22}{memory}{cost['cpu_s_per_minute']:>11.3f}{cost['wake_ups_per_s']:>12.1f}"
    for role in ("coordinator", "standby"):
        cpu_s = per_node(idle, role)
        goal = verdict(cpu_s, CPU_S_PER_MINUTE)
        yield f"{role}: {cpu_s:.3f} CPU s/min for all processes (goal {CPU_S_PER_MINUTE}: {goal})"
    uss_mib = idle["coordinator guardian"]["uss_mib"]
    yield f"guardian: {uss_mib} MiB (goal {GUARDIAN_USS_MIB}: {verdict(uss_mib, GUARDIAN_USS_MIB)})"


def _status(quiet: Mapping[str, Any]) -> Iterator[str]:
    times_ms, cpu_ms = quiet["status_ms"], statistics.median(quiet["status_cpu_ms"])
    median = statistics.median(times_ms)
    spread = f"median {median:.0f} ms, worst {max(times_ms):.0f} ms of {len(times_ms)}"
    yield (
        f"quorumdog status: {spread}, CPU {cpu_ms:.0f} ms"
        f" (goal {STATUS_MS}: {verdict(median, STATUS_MS)})"
    )


def conditions(facts: Mapping[str, object]) -> str:
    """The machine, in one line."""
    return "measured on " + ", ".join(f"{name} {value}" for name, value in facts.items())
