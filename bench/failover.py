"""`make bench`: what each fault costs a client, what a node costs when nothing happens.

Real daemons in namespaces, a client that asks the VIP every 5 ms; an outage is the longest time
between two of its answers, so 5 ms is the least that can be shown.  Raw figures go to
bench/results/failover.json, with the machine they were measured on.  Needs root.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.system.cluster import SystemCluster, run_cluster
from watchdog.cli.demo.lab import run
from watchdog.config.timing import outage_ms, timing_for

RESULTS: Final = Path(__file__).parent / "results" / "failover.json"
IDLE_S: Final = 60.0
CALM_S: Final = 1.5
"""After each fault; longer than a stand-down, so that the next taker is free."""
NS_PER_MS: Final = 1_000_000
Fault = Callable[[SystemCluster, str], None]


def switchover(cluster: SystemCluster, coordinator: str) -> None:
    """Hand over as an operator does."""
    config = str(cluster.cluster.config(coordinator))
    cluster.mark("switchover")
    run(cluster.cluster.command(coordinator, "switchover", "--config", config))


def graceful_stop(cluster: SystemCluster, coordinator: str) -> None:
    """Stop the daemon as systemd does, and start it again."""
    cluster.mark("graceful stop")
    assert cluster.stop(coordinator) == 0
    cluster.wait_coordinator(other_than=coordinator)
    cluster.start(coordinator)


def kill(cluster: SystemCluster, coordinator: str) -> None:
    """SIGKILL the node process; its guardian is there."""
    pid = cluster.node_pid(coordinator)
    cluster.mark("node process killed")
    os.kill(pid, signal.SIGKILL)


def silent_cut(cluster: SystemCluster, coordinator: str) -> None:
    """Cut the coordinator off; the others learn it from silence alone."""
    cluster.mark("silent cut")
    cluster.lab.cut(coordinator)
    cluster.wait_coordinator(other_than=coordinator)
    cluster.heal(coordinator)


def measure(profile: str, faults: Mapping[str, Fault], rounds: int) -> dict[str, list[float]]:
    """Return the outages in ms of each fault, `rounds` times each, in one cluster."""
    with run_cluster(3, timing=profile) as cluster:
        for number in range(rounds):
            for name, fault in faults.items():
                coordinator = cluster.wait_healthy(60.0)
                cluster.pause(CALM_S)
                fault(cluster, coordinator)
                following = cluster.wait_coordinator(other_than=coordinator)
                print(f"{profile}: {name} {number + 1}/{rounds}: {coordinator} -> {following}")
        cluster.wait_healthy(60.0)
        cluster.journal.write("end")
        assert cluster.holders().most == 1, cluster.holders()
        found: dict[str, list[float]] = {name: [] for name in faults}
        for outage in cluster.outages():
            assert outage.gap_ns is not None, f"the service did not come back: {outage}"
            found[outage.title].append(round(outage.gap_ns / NS_PER_MS, 2))
    return found


def idle(seconds: float) -> dict[str, dict[str, float]]:
    """Return memory and CPU time of a quiet cluster's processes, coordinator and standby."""
    with run_cluster(3) as cluster:
        coordinator = cluster.wait_healthy()
        standby = next(name for name in cluster.names if name != coordinator)
        cluster.pause(5.0)
        pids = {
            f"{what} of the {role}": find(name)
            for role, name in (("coordinator", coordinator), ("standby", standby))
            for what, find in (("guardian", cluster.guardian_pid), ("node", cluster.node_pid))
        }
        before = {what: cpu_s(pid) for what, pid in pids.items()}
        started = time.monotonic()
        cluster.pause(seconds)
        minutes = (time.monotonic() - started) / 60
        return {
            what: {
                "uss_mib": round(uss_kib(pid) / 1024, 2),
                "cpu_s_per_minute": round((cpu_s(pid) - before[what]) / minutes, 3),
            }
            for what, pid in pids.items()
        }


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, from the scheduler (nanoseconds, not ticks)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def uss_kib(pid: int) -> int:
    """Memory that only this process has."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    private = [line.split()[1] for line in lines if line.startswith("Private_")]
    return sum(map(int, private))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "scheduling": "rt",
    }


def goals() -> dict[str, float]:
    """Return the worst case in ms of a silent death that the timing promises, by profile."""
    return {p: outage_ms(timing_for(p, hook=False))[2] for p in ("default", "fast")}


def report(results: Mapping[str, Any]) -> None:
    """Print medians, worst cases and costs."""
    print(f"\n{'':32}{'median':>10}{'worst':>10}   n")
    for name, gaps in results["outage_ms"].items():
        middle = statistics.median(gaps)
        print(f"{name:32}{middle:>7.1f} ms{max(gaps):>7.1f} ms   {len(gaps)}")
    for profile, worst in results["promised_worst_ms"].items():
        print(f"promised worst case of a silent death, {profile}: {worst} ms")
    for what, cost in results["idle"].items():
        print(f"{what:28}{cost['uss_mib']:>8.2f} MiB{cost['cpu_s_per_minute']:>8.3f} CPU s/min")


def main() -> int:
    """Entry: measure, write, print."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--idle", type=float, default=IDLE_S, help="seconds")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("make bench needs root: it makes network namespaces", file=sys.stderr)
        return 2
    known: dict[str, Fault] = {
        "switchover": switchover,
        "graceful stop": graceful_stop,
        "node process killed": kill,
        "silent cut": silent_cut,
    }
    outages = measure("default", known, options.rounds)
    fast = measure("fast", {"silent cut": silent_cut}, options.rounds)
    outages["silent cut, fast"] = fast["silent cut"]
    results = {
        "machine": machine(),
        "outage_ms": outages,
        "promised_worst_ms": goals(),
        "idle": idle(options.idle),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
