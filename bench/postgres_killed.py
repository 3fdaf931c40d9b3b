"""SIGKILL of the coordinator's PostgreSQL: when is a query answered by the next node.

Each node has a PostgreSQL of its own that runs all the time (as with replication), and a process
check of it.  The time is from the kill to the first answer over the VIP, on a fresh connection.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench import postgres
from bench.asking import Asker, Found, Wanted
from bench.lab import NODES, QUIET_MS, Plan, running
from tests.system.cluster import SystemCluster
from watchdog.cli.demo.lab import VIP
from watchdog.cli.demo.timeline import Change

ASK_EVERY_MS: Final = 2.0
WITHIN_S: Final = 30.0
WAIT_S: Final = 60.0
CALM_S: Final = 1.1
"""Before each kill; longer than a stand-down."""
TRIES: Final = 5
DATA: Final = "pgdata"
NS_PER_MS: Final = 1_000_000


def measure(reps: int) -> dict[str, Any]:
    """Kill it so often."""
    check = f'[check.postgres]\nprocess = "{postgres.binary("postgres")} -D {{home}}/{DATA}"\n'
    plan = Plan(tables=check, has_service=False, prepare=_prepare)
    with running("default", QUIET_MS, plan) as cluster:
        folder = cluster.cluster.folder
        commands = {
            name: cluster.lab.command(name, postgres.command(folder / name / DATA, name))
            for name in cluster.names
        }
        servers = postgres.Postmasters(commands, folder)
        asker = Asker(cluster.lab.network)
        try:
            for name in cluster.names:
                servers.start(name)
            return _kills(cluster, servers, asker, reps)
        finally:
            asker.close()
            servers.end()


def _prepare(folder: Path) -> None:
    first, *others = NODES
    postgres.create(folder / first / DATA)
    for name in others:
        postgres.copy(folder / first / DATA, folder / name / DATA)


def _kills(
    cluster: SystemCluster, servers: postgres.Postmasters, asker: Asker, reps: int
) -> dict[str, Any]:
    found: list[tuple[str, Found]] = []
    for name in cluster.names:
        asker.wait(cluster.lab.places[name].address)
    coordinator = cluster.wait_healthy(WAIT_S)
    sizes = postgres.sizes(servers.pid(coordinator))
    for _ in range(reps):
        coordinator = _calm(cluster)
        cluster.mark("postgres killed")
        wanted = Wanted(VIP, servers.pid(coordinator), coordinator, ASK_EVERY_MS, WITHIN_S)
        found.append((coordinator, asker.ask(wanted)))
        cluster.wait_coordinator(other_than=coordinator)
        _revive(cluster, servers, asker, coordinator)
    cluster.journal.write("end")
    return {
        "profile": "default",
        "client_asks_every_ms": ASK_EVERY_MS,
        **sizes,
        "holders_most": cluster.holders().most,
        "kills": [kill(old, one, cluster.changes()) for old, one in found],
    }


def _calm(cluster: SystemCluster) -> str:
    for _ in range(TRIES):
        coordinator = cluster.wait_healthy(WAIT_S)
        cluster.pause(CALM_S)
        if cluster.cluster.coordinator() == coordinator:
            return coordinator
    raise RuntimeError("the VIP does not stay: this machine is too busy")


def _revive(cluster: SystemCluster, servers: postgres.Postmasters, asker: Asker, name: str) -> None:
    data = cluster.cluster.folder / name / DATA

    def is_over() -> bool:
        return servers.has_ended(name) and not postgres.is_left(data)

    cluster.cluster.interrupt.wait(f"the end of the PostgreSQL of {name}", is_over, WITHIN_S)
    servers.start(name)
    asker.wait(cluster.lab.places[name].address)


def kill(old: str, found: Found, changes: Sequence[Change]) -> dict[str, Any]:
    """One kill: when the VIP had come to the next node, and when its first answer came."""
    up_ns = (
        change.t
        for change in changes
        if change.is_up and change.t >= found.killed_ns and change.node != old
    )
    moved_ns = next(up_ns, None)
    return {
        "from": old,
        "to": found.by,
        "moved_ms": None if moved_ns is None else _ms(moved_ns - found.killed_ns),
        "answered_ms": _ms(found.answered_ns - found.killed_ns),
        "asked": found.asked,
    }


def _ms(ns: int) -> float:
    return round(ns / NS_PER_MS, 2)
