"""What more nodes cost: the outage when the coordinator vanishes, and a quiet node's share.

Real daemons, each in a namespace of its own, all on one machine: what 31 of them want at the same
instant, one machine has to do, so that these are upper bounds.  The election itself at 101 nodes is
simulated (tests.simulation.scale), which no machine of ours could run for real.
"""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.idle import Spent, spent
from tests.system.cluster import SystemCluster, run_cluster
from watchdog.cli.demo.lab import INTERFACE, run

COUNTS: Final = (3, 5, 9, 31)
CUTS: Final = 3
START_S: Final = 180.0
SETTLE_S: Final = 5.0
QUIET_S: Final = 20.0
GOAL_MS: Final = 2000
"""Of 31 nodes, from the cut to the next answer."""


def measure(counts: Sequence[int] = COUNTS) -> dict[str, Any]:
    """One row for each number of nodes."""
    rows = [_row(count) for count in counts]
    return {"profile": "default", "rows": rows, "holders_most": max(r["holders"] for r in rows)}


def _row(count: int) -> dict[str, Any]:
    began = time.monotonic()
    with run_cluster(count) as cluster:
        coordinator = cluster.wait_healthy(START_S)
        started_s = time.monotonic() - began
        cluster.pause(SETTLE_S)
        quiet = _quiet(cluster, coordinator)
        for _ in range(CUTS):
            coordinator = cluster.wait_healthy(START_S)
            cluster.pause(SETTLE_S)
            cluster.cut(coordinator)
            cluster.wait_coordinator(other_than=coordinator, seconds=60)
            cluster.pause(1.0)
            cluster.heal(coordinator)
        cluster.wait_healthy(START_S)
        cluster.journal.write("end")
        gaps = [outage.gap_ns for outage in cluster.outages()]
        return {
            "nodes": count,
            "started_s": round(started_s, 1),
            "outage_ms": [None if gap is None else round(gap / 1e6, 1) for gap in gaps],
            "holders": cluster.holders().most,
            **quiet,
        }


def _quiet(cluster: SystemCluster, coordinator: str) -> dict[str, float]:
    """CPU seconds a minute and packets a second of the coordinator, and of a standby on average."""
    pids = {name: cluster.cluster.running[name].own_pids() for name in cluster.names}
    before = {name: _now(cluster, name, pids[name]) for name in cluster.names}
    started = time.monotonic()
    cluster.pause(QUIET_S)
    seconds = time.monotonic() - started
    cpu: dict[str, float] = {}
    packets: dict[str, float] = {}
    for name in cluster.names:
        (cpu_before, sent_before), (cpu_after, sent_after) = (
            before[name],
            _now(cluster, name, pids[name]),
        )
        cpu[name] = (cpu_after - cpu_before) / seconds * 60
        packets[name] = (sent_after - sent_before) / seconds
    others = [name for name in cluster.names if name != coordinator]
    return {
        "coordinator_cpu_s_per_minute": round(cpu[coordinator], 2),
        "standby_cpu_s_per_minute": round(statistics.mean(cpu[name] for name in others), 2),
        "coordinator_packets_sent_per_s": round(packets[coordinator], 1),
        "standby_packets_sent_per_s": round(statistics.mean(packets[n] for n in others), 1),
    }


def _now(cluster: SystemCluster, name: str, pids: set[int]) -> tuple[float, int]:
    used: list[Spent] = [spent(pid) for pid in pids]
    namespace = cluster.lab.places[name].namespace
    (link,) = json.loads(run(["ip", "-n", namespace, "-s", "-j", "link", "show", INTERFACE]))
    return sum(one.cpu_s for one in used), int(link["stats64"]["tx"]["packets"])


def table(result: Mapping[str, Any]) -> str:
    """The rows as text."""
    head = f"{'nodes':>6}{'median ms':>11}{'worst ms':>10}{'CPU s/min':>20}{'packets/s':>20}"
    lines = ["", "scale: the coordinator vanishes; coordinator and standby when all is quiet", head]
    for row in result["rows"]:
        gaps = [gap for gap in row["outage_ms"] if gap is not None]
        times = f"{statistics.median(gaps):>11.0f}{max(gaps):>10.0f}" if gaps else f"{'-':>21}"
        cpu = f"{row['coordinator_cpu_s_per_minute']} / {row['standby_cpu_s_per_minute']}"
        sent = f"{row['coordinator_packets_sent_per_s']} / {row['standby_packets_sent_per_s']}"
        lines.append(f"{row['nodes']:>6}{times}{cpu:>20}{sent:>20}")
    lines.append(f"largest number of holders at any instant: {result['holders_most']}")
    return "\n".join(lines)
