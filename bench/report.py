"""The figures as text: each beside its goal and beside what theory expects. Pure."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bench.idle import per_node

GOALS_MS: Final = {"service killed": 50, "switchover": 50, "graceful stop": 50, "node killed": 80}
"""Of the median; a silent cut has to stay within the worst case that its timing promises."""
GUARDIAN_USS_MIB: Final = 12
CPU_S_PER_MINUTE: Final = 0.3
STATUS_MS: Final = 100
DETECTION_MS: Final = 1.0
"""Of the median."""
SECONDS_PER_MINUTE: Final = 60


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
        spent = f"{cpu_s:.3f} CPU s/min (goal {CPU_S_PER_MINUTE}: {goal})"
        yield f"{role}: {spent}, {per_node(idle, role, 'pss_mib'):.1f} MiB PSS for all processes"
        lifecheck_cpu = idle[f"{role} lifecheck"]["cpu_s_per_minute"] / SECONDS_PER_MINUTE * 100
        yield f"{role} lifecheck: {lifecheck_cpu:.3f} % CPU (goal about 0)"
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


def postgres(run: Mapping[str, Any]) -> str:
    """SIGKILL of PostgreSQL, to the next one's first answer."""
    rows = run["kills"]
    answered = [row["answered_ms"] for row in rows]
    moved = [row["moved_ms"] for row in rows if row["moved_ms"] is not None]
    size = f"postmaster {run['postmaster_rss_mib']} MiB RSS, all {run['all_pss_mib']} MiB PSS"
    return "\n".join(
        [
            "",
            f"PostgreSQL killed ({size}, shared_buffers {run['shared_buffers_mib']} MiB)",
            f"{'':28}{'n':>4}{'median ms':>11}{'worst ms':>10}",
            _line("VIP on the next node", moved),
            _line("first query answered there", answered),
            f"largest number of holders at any instant: {run['holders_most']}",
        ]
    )


def _line(title: str, values: Sequence[float]) -> str:
    if not values:
        return f"{title:28}   0"
    return f"{title:28}{len(values):>4}{statistics.median(values):>11.1f}{max(values):>10.1f}"


def ipc(run: Mapping[str, Any]) -> str:
    """Questions on the control socket."""
    lines = [
        f"{'control socket':16}{'requests/s':>12}{'median ms':>11}{'p99 ms':>9}{'worst ms':>10}"
    ]
    for who, figures in run["rates"].items():
        latency = (
            f"{figures['median_ms']:>11.2f}{figures['p99_ms']:>9.2f}{figures['worst_ms']:>10.2f}"
        )
        lines.append(f"{who:16}{figures['requests_per_s']:>12}{latency}")
    kept = "the same" if run["coordinator_kept"] else "ANOTHER ONE"
    return "\n".join(["", *lines, f"coordinator afterwards: {kept}"])


def detection(run: Mapping[str, Any]) -> str:
    """Kill to verdict inside lifecheck, beside its goal."""
    head = (
        f"{'detection':12}{'watched':>9}{'kills':>7}{'median ms':>11}{'p99 ms':>9}{'worst ms':>10}"
    )
    lines = [f"{head}{'goal':>9}{'idle CPU % (goal ~0)':>23}"]
    for row in run["death"]:
        times = f"{row['median_ms']:>11.3f}{row['p99_ms']:>9.3f}{row['worst_ms']:>10.3f}"
        goal = f"{DETECTION_MS:>6.0f} {verdict(row['median_ms'], DETECTION_MS)}"
        idle = f"{row['idle_cpu_percent']:>23.3f}"
        lines.append(f"{row['variant']:12}{row['watched']:>9}{row['kills']:>7}{times}{goal}{idle}")
    return "\n".join(["", *lines, *_scan(run["scan"]), *_big(run["big"])])


def _scan(scan: Mapping[str, Any]) -> Iterator[str]:
    one = f"one look at the new ones {scan['look_cpu_ms']} ms"
    yield f"scan of {scan['watched']} processes: {scan['scan_cpu_ms']} ms of CPU; {one}"


def _big(big: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for variant, row in big.items():
        times = f"foreseen after {row['early_ms']} ms, ended after {row['ended_ms']} ms"
        yield f"{row['mib']} MiB killed, {variant}: {times}"


def procd(run: Mapping[str, Any]) -> str:
    """The three ways of noticing, beside the figures of 2008."""
    title = "PostgreSQL on shared data, started by the escalation hook; SIGKILL to the first answer"
    head = f"{'':16}{'n':>4}{'median s':>10}{'mean s':>9}{'worst s':>9}{'VIP moved':>11}{'2008':>7}"
    lines = [_way(name, rows, run["then_s"].get(name)) for name, rows in run["kills"].items()]
    busy = statistics.median(row["busy_percent"] for rows in run["kills"].values() for row in rows)
    load = f"load: {run['load_queries_per_s']} queries/s, processors {busy:.0f} % busy"
    most = f"largest number of holders at any instant: {run['holders_most']}"
    return "\n".join(["", title, head, *lines, load, most])


def _way(name: str, rows: Sequence[Mapping[str, Any]], then_s: float | None) -> str:
    seconds = [row["answered_ms"] / 1000 for row in rows]
    moved = [row["moved_ms"] / 1000 for row in rows if row["moved_ms"] is not None]
    numbers = (
        f"{len(seconds):>4}{statistics.median(seconds):>10.2f}{statistics.mean(seconds):>9.2f}"
    )
    vip = f"{statistics.median(moved):>11.2f}" if moved else f"{'-':>11}"
    then = f"{then_s:>7.1f}" if then_s is not None else f"{'-':>7}"
    return f"{name:16}{numbers}{max(seconds):>9.2f}{vip}{then}"


def conditions(facts: Mapping[str, object]) -> str:
    """The machine, in one line."""
    return "measured on " + ", ".join(f"{name} {value}" for name, value in facts.items())
