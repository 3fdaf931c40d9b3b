"""What a quiet node costs: memory and CPU time of its processes, and an operator's `status`.

Memory is USS (pages that nobody else maps: what ending the process would give back) and PSS.
CPU time is that of the scheduler in nanoseconds, of all threads; wake-ups are what causes it.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.lab import running
from tests.system.cluster import SystemCluster

ASK_EVERY_MS: Final = 10_000
"""Nobody uses the service: this measures the daemon, not its clients."""
SETTLE_S: Final = 5.0
STATUS_TIMES: Final = 20
NS_PER_S: Final = 1_000_000_000
MEMORY: Final = {"uss_mib": ("Private_",), "pss_mib": ("Pss:",)}
Costs = dict[str, dict[str, float]]
"""Figure by its name, by process."""


class Spent(NamedTuple):
    """What a process has used until now."""

    cpu_s: float
    wake_ups: int


def measure(seconds: float) -> dict[str, Any]:
    """Watch a quiet cluster for so long (not at all when 0), then ask it for its status."""
    with running("default", ASK_EVERY_MS) as cluster:
        coordinator = cluster.wait_healthy()
        cluster.pause(SETTLE_S)
        idle = _watch(cluster, coordinator, seconds) if seconds else {}
        return {
            "profile": "default",
            "seconds": seconds,
            "scheduling": cluster.status(coordinator)["scheduling"],
            "idle": idle,
            **_status(cluster, coordinator),
        }


def _watch(cluster: SystemCluster, coordinator: str, seconds: float) -> Costs:
    standby = next(name for name in cluster.names if name != coordinator)
    processes = {
        "guardian": cluster.guardian_pid,
        "sentinel": cluster.sentinel_pid,
        "node": cluster.node_pid,
        "lifecheck": cluster.lifecheck_pid,
    }
    pids = {
        f"{role} {process}": find(name)
        for role, name in (("coordinator", coordinator), ("standby", standby))
        for process, find in processes.items()
    }
    before = {what: spent(pid) for what, pid in pids.items()}
    started = time.monotonic()
    cluster.pause(seconds)
    minutes = (time.monotonic() - started) / 60
    after = {what: spent(pid) for what, pid in pids.items()}
    return {
        what: {
            **memory(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")),
            "cpu_s_per_minute": round((after[what].cpu_s - before[what].cpu_s) / minutes, 3),
            "wake_ups_per_s": round(
                (after[what].wake_ups - before[what].wake_ups) / minutes / 60, 1
            ),
        }
        for what, pid in pids.items()
    }


def spent(pid: int) -> Spent:
    """CPU time and voluntary waits of all threads of a process."""
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    cpu_ns = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    waits = sum(field((task / "status").read_text(), "voluntary_ctxt_switches") for task in tasks)
    return Spent(cpu_ns / NS_PER_S, waits)


def field(status: str, name: str) -> int:
    """One number of /proc/PID/status."""
    lines = status.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def memory(rollup: str) -> dict[str, float]:
    """USS and PSS in MiB from the text of /proc/PID/smaps_rollup."""
    lines = [line.split() for line in rollup.splitlines() if line.endswith(" kB")]
    return {
        name: round(sum(int(ln[1]) for ln in lines if ln[0].startswith(prefix)) / 1024, 2)
        for name, prefix in MEMORY.items()
    }


def _status(cluster: SystemCluster, name: str) -> dict[str, list[float]]:
    """Wall time and CPU time in ms of `quorumdog status`, from its start to its end."""
    config = str(cluster.cluster.config(name))
    command = [sys.executable, "-I", "-m", "watchdog", "status", "--config", config]
    wall_ms, cpu_ms = [], []
    for _ in range(STATUS_TIMES):
        started, spent_s = time.monotonic(), _children_s()
        # Its end is the end of its output: without a pipe, a wait with a bound looks every 50 ms.
        subprocess.run(command, capture_output=True, check=True, timeout=20)
        wall_ms.append(round((time.monotonic() - started) * 1000, 1))
        cpu_ms.append(round((_children_s() - spent_s) * 1000, 1))
    return {"status_ms": wall_ms, "status_cpu_ms": cpu_ms}


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def per_node(
    idle: Mapping[str, Mapping[str, float]], role: str, figure: str = "cpu_s_per_minute"
) -> float:
    """One figure of all processes of a node together."""
    spending = (cost[figure] for what, cost in idle.items() if what.startswith(role))
    return round(sum(spending), 3)
