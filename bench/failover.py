"""What each fault costs a client: the longest time in which the VIP did not answer it.

Faults are done in turn to whoever leads, in one cluster for each timing, so that each meets a
cluster that has a history.  The figures come from the observing process outside; what the nodes
say of themselves only tells when to go on.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bench.lab import running
from bench.outage import Outage, outages
from tests.system.cluster import SystemCluster
from watchdog.cli.demo.lab import run
from watchdog.config.timing import outage_ms, timing_for

ASK_EVERY_MS: Final = 1
CALM_S: Final = 1.1
"""Before each fault; longer than a stand-down, so that the next taker is free."""
WAIT_S: Final = 60.0
NS_PER_MS: Final = 1_000_000
SIMULATED_MS: Final = {
    "service killed": 23,
    "switchover": 17,
    "graceful stop": 17,
    "node killed": 38,
}
"""Median of the protocol alone, in the simulator, on a network of 1 ms; none of our processes."""
Fault = Callable[[SystemCluster, str], None]


def switchover(cluster: SystemCluster, coordinator: str) -> None:
    """Hand over as an operator does."""
    config = str(cluster.cluster.config(coordinator))
    cluster.mark("switchover")
    run(cluster.cluster.command(coordinator, "switchover", "--config", config))


def graceful_stop(cluster: SystemCluster, coordinator: str) -> None:
    """Stop the daemon as systemd does, and start it again."""
    cluster.mark("graceful stop")
    code = cluster.stop(coordinator)
    if code != 0:
        raise RuntimeError(f"{coordinator} stopped with {code}: {cluster.log(coordinator)[-2000:]}")
    cluster.wait_coordinator(other_than=coordinator)
    cluster.start(coordinator)


def kill(cluster: SystemCluster, coordinator: str) -> None:
    """SIGKILL the node process; its guardian is there."""
    pid = cluster.node_pid(coordinator)
    cluster.mark("node killed")
    os.kill(pid, signal.SIGKILL)


def kill_service(cluster: SystemCluster, coordinator: str) -> None:
    """SIGKILL the watched service; the node is well, and hands over."""
    cluster.mark("service killed")
    cluster.services.kill(coordinator)
    cluster.wait_coordinator(other_than=coordinator)
    cluster.services.start(coordinator)


def silent_cut(cluster: SystemCluster, coordinator: str) -> None:
    """Drop all frames from and to the coordinator; the others learn it from silence alone."""
    cluster.mark("silent cut")
    cluster.lab.cut(coordinator)
    cluster.wait_coordinator(other_than=coordinator)
    cluster.heal(coordinator)


FAULTS: Final[dict[str, Fault]] = {
    "service killed": kill_service,
    "switchover": switchover,
    "graceful stop": graceful_stop,
    "node killed": kill,
    "silent cut": silent_cut,
}


def measure(profile: str, reps: Mapping[str, int]) -> dict[str, Any]:
    """Do each fault so many times; the outages in ms by fault, and what was to be expected."""
    rounds = max(reps.values())
    with running(profile, ASK_EVERY_MS) as cluster:
        for number in range(rounds):
            _say(f"{profile}: round {number + 1} of {rounds}")
            for name in (name for name, times in reps.items() if number < times):
                coordinator = cluster.wait_healthy(WAIT_S)
                cluster.pause(CALM_S)
                FAULTS[name](cluster, coordinator)
                cluster.wait_coordinator(other_than=coordinator)
        coordinator = cluster.wait_healthy(WAIT_S)
        scheduling = str(cluster.status(coordinator)["scheduling"])
        cluster.journal.write("end")
        return {
            "profile": profile,
            "scheduling": scheduling,
            "client_asks_every_ms": ASK_EVERY_MS,
            "holders_most": cluster.holders().most,
            "holders_source": "address events of all kernels, in one queue",
            "outage_ms": by_fault(outages(cluster.observations())),
            "expected_ms": expected(profile, scheduling),
        }


def by_fault(found: Sequence[Outage]) -> dict[str, list[float]]:
    """Outages in ms by the name of the fault; RuntimeError when the service stayed away."""
    gaps: dict[str, list[float]] = {}
    for outage in found:
        if outage.gap_ns is None:
            raise RuntimeError(f"the service did not come back: {outage}")
        gaps.setdefault(outage.title, []).append(round(outage.gap_ns / NS_PER_MS, 2))
    return gaps


def expected(profile: str, scheduling: str) -> dict[str, dict[str, float]]:
    """Median and worst outage in ms by fault: simulated, or computed from the timing."""
    _, median, worst = outage_ms(timing_for(profile, hook=False, scheduling=scheduling, gate=True))
    simulated = {name: {"median": float(ms)} for name, ms in SIMULATED_MS.items()}
    return {**simulated, "silent cut": {"median": float(median), "worst": float(worst)}}


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text} ", end="", file=sys.stderr, flush=True)
