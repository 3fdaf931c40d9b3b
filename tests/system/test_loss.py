"""Loss between all nodes, a TCP that stalls, a firewall that drops UDP: no move of the VIP.

A cluster of each profile, all at the same time.  What is lost is lost on the bridge, at random and
for every frame alike, ARP too; what is claimed of the VIP is the kernels' own word.
A machine that stands still for longer than a profile allows for (`slack`) moves the VIP of that
profile whatever the network does: watchmen tell, one on each processor.
"""

import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, Self

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.prober import MS, PORT, story, timing
from watchdog.cli.demo.lab import Lab, run
from watchdog.cli.privileges import best_scheduling

pytestmark = pytest.mark.root

PROFILES: Final = ("default", "fast", "extreme")
LOSS_PERCENT: Final = 20
LOSS_S: Final = 45.0
STALL_S: Final = 15.0
LEAST_LOST: Final = (LOSS_S + STALL_S) * 10 * LOSS_PERCENT / 100
"""A leader of the slowest profile alone says ten datagrams a second."""
FIREWALL_S: Final = 12.5
WARNING: Final = "does not get through: is there a firewall?"
LOST: Final = f"numgen random mod 100 < {LOSS_PERCENT} counter drop"
TCP: Final = " ".join(
    f"ip protocol tcp tcp {end} {PORT} counter drop;" for end in ("dport", "sport")
)
UDP: Final = f"ip protocol udp udp dport {PORT} counter drop"
WATCHMAN_S: Final = 10.0
_WATCHMAN: Final = """
import os, select, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
try:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(9))
except PermissionError:
    pass
worst = 0.0
while True:
    begin = time.monotonic()
    if select.select([0], [], [], 0.002)[0]:
        break
    worst = max(worst, time.monotonic() - begin - 0.002)
print(worst * 1000)
"""
_COUNTER: Final = re.compile(r'"packets": (\d+)')


@pytest.fixture(scope="module")
def clusters() -> Iterator[dict[str, SystemCluster]]:
    """Three nodes of each profile, all well."""
    scheduling = best_scheduling()
    profiles = PROFILES if scheduling == "rt" else PROFILES[:1]  # the others need it or more room
    with ExitStack() as stack:
        made = {p: stack.enter_context(run_cluster(3, timing=p)) for p in profiles}
        for cluster in made.values():
            cluster.wait_healthy()
        yield made


def nft(lab: Lab, *words: str) -> str:
    """Change or ask the rules of the network between the nodes."""
    return run(["ip", "netns", "exec", lab.network, "nft", *words])


@contextmanager
def weather(clusters: dict[str, SystemCluster], name: str, rule: str) -> Iterator[dict[str, int]]:
    """Apply a rule to every frame from node to node; afterwards how many it dropped, by profile."""
    dropped: dict[str, int] = {}
    chain = "{ type filter hook forward priority 0; policy accept; }"
    for cluster in clusters.values():
        nft(cluster.lab, "add", "table", "bridge", name)
        nft(cluster.lab, f"add chain bridge {name} forward {chain}")
        for line in filter(None, rule.split(";")):
            nft(cluster.lab, f"add rule bridge {name} forward {line}")
    try:
        yield dropped
    finally:
        for profile, cluster in clusters.items():
            listed = json.dumps(json.loads(nft(cluster.lab, "-j", "list", "table", "bridge", name)))
            dropped[profile] = sum(map(int, _COUNTER.findall(listed)))
            nft(cluster.lab, "delete", "table", "bridge", name)


class Watchmen:
    """A process on each processor, of the node process's class, that only sleeps and looks."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-c", _WATCHMAN]
        self._all = [
            subprocess.Popen([*command, str(cpu)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for cpu in os.sched_getaffinity(0)
        ]
        self.worst_ms = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        told = [one.communicate(timeout=WATCHMAN_S)[0] for one in self._all]
        self.worst_ms = max(map(float, told))


@contextmanager
def unmoved(clusters: dict[str, SystemCluster]) -> Iterator[None]:
    """Whatever happens, no VIP comes or goes anywhere."""
    with ExitStack() as stack:
        told = {p: stack.enter_context(story(cluster)) for p, cluster in clusters.items()}
        with Watchmen() as watchmen:
            yield
        for profile, one in told.items():
            stood_still = watchmen.worst_ms * MS > timing(clusters[profile]).slack_ns
            if profile != PROFILES[0] and stood_still and one.changes():
                print(f"{profile} is not judged: the machine stood still, {watchmen.worst_ms} ms")
                continue
            assert one.changes() == [], (profile, watchmen.worst_ms)
            assert one.holding() == {one.leader}, profile
            assert one.states(one.leader) == [], profile


def test_a_fifth_of_all_frames_lost_for_a_minute_moves_nothing_also_while_tcp_stalls(
    clusters: dict[str, SystemCluster],
) -> None:
    """Three quarters of the minute at 20 % loss; the last one at 20 % loss and without any TCP."""
    with unmoved(clusters):
        pause = next(iter(clusters.values())).pause
        with weather(clusters, "loss", LOST) as lost:
            pause(LOSS_S)
            with weather(clusters, "stall", TCP) as stalled:
                pause(STALL_S)
                for profile, cluster in clusters.items():
                    leader = cluster.wait_coordinator()
                    rows = cluster.status(leader)["nodes"]
                    others = [row for row in rows if row["name"] != leader]
                    assert {row["last_round"] for row in others} == {"udp"}, profile
        assert min(lost.values()) > LEAST_LOST, lost
        assert all(stalled.values()), stalled
    for cluster in clusters.values():
        cluster.wait_healthy()


def all_warned(cluster: SystemCluster) -> bool:
    """Whether everybody who says rounds tells of the firewall, once for each peer."""
    leader = cluster.wait_coordinator()
    told = {
        name: sum(WARNING in text for text in cluster.status(name)["warnings"])
        for name in cluster.names
    }
    return told == {name: 2 if name == leader else 1 for name in cluster.names}


def test_a_firewall_that_drops_udp_moves_nothing_and_is_told(
    clusters: dict[str, SystemCluster],
) -> None:
    """TCP carries the rounds; everybody who says rounds warns, until they get through again."""
    with unmoved(clusters):
        with weather(clusters, "firewall", UDP) as dropped:
            first = next(iter(clusters.values()))
            first.pause(FIREWALL_S)
            for cluster in clusters.values():
                wait = cluster.cluster.interrupt.wait
                wait("all warned", functools.partial(all_warned, cluster), WATCHMAN_S)
            for profile, cluster in clusters.items():
                leader = cluster.wait_coordinator()
                for name in cluster.names:
                    told = cluster.status(name)
                    warned = [text for text in told["warnings"] if WARNING in text]
                    assert len(warned) == (2 if name == leader else 1), (profile, name, told)
                    rows = {row["name"]: row["last_round"] for row in told["nodes"]}
                    asked = [other for other in cluster.names if other != leader]
                    rounds = [rows[other] for other in (asked if name == leader else [leader])]
                    assert set(rounds) == {"tcp"}, (profile, name)
        assert all(dropped.values()), dropped
        for cluster in clusters.values():
            wait = cluster.cluster.interrupt.wait
            wait("no warning", functools.partial(is_content, cluster), WATCHMAN_S)


def is_content(cluster: SystemCluster) -> bool:
    """Whether no node warns of a firewall."""
    bodies = [cluster.status(name) for name in cluster.names]
    return not any(WARNING in text for body in bodies for text in body["warnings"])
