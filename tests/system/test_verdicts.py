"""Verdicts of clients on a live cluster: who must say it, what it does, and when it ends.

That one voice alone moves nothing is said for a minute in test_heartbeat.py.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import pytest

from ipc.client import inform
from tests.support import REPOSITORY
from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import quorumdog
from tests.system.prober import MS, Seen, Story, story, timing
from tests.system.speaking import (
    callers,
    line,
    row,
    unmoved,
    until,
)
from watchdog.cli.demo.journal import now_ns
from watchdog.cli.demo.outside import inside

pytestmark = pytest.mark.root
EXTERNAL = '[lifecheck]\nmethod = "external"\n'
NONE = '[lifecheck]\nmethod = "none"\n'
GONE_S = 3.0
"""The claim is a second; the machine that runs this may be busy."""
SCRIPT = REPOSITORY / "scripts" / "external_lifecheck.py"
SERVED = 5433
SERVE = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=64)
while True:
    listener.accept()[0].close()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[SystemCluster]:
    """Nobody judges health here but the test."""
    with run_cluster(3, tables=NONE) as made:
        yield made


# --- who must say it


def test_two_of_three_voices_move_the_lead_and_soon_after_only_alarm() -> None:
    """The VIP goes to another node within a second; a second verdict must not make it wander."""
    with run_cluster(3, tables=EXTERNAL) as cluster, story(cluster) as told, ExitStack() as voices:
        first, second = (voices.enter_context(line(cluster, name)) for name in told.others)
        first.inform(told.leader, "dead", "as both of us see")
        cluster.mark(f"{told.leader} is called dead by two")
        since = now_ns()
        second.inform(told.leader, "dead", "as both of us see")
        gone = told.wait_gone(told.leader, since)
        successor = cluster.wait_coordinator(other_than=told.leader)
        came = told.came(successor, since)
        print(f"gone after {(gone.t - since) / MS:.0f} ms, on after {(came.t - since) / MS:.0f} ms")
        assert gone.t - since <= GONE_S * 1000 * MS
        assert cluster.status(successor)["last_move"]["reason"] == "called_dead"
        with unmoved(cluster):
            for name in cluster.names:
                if name != successor:
                    voice = voices.enter_context(line(cluster, name, "again"))
                    voice.inform(successor, "dead", "and this one too")
            until(cluster, "it is an alarm", lambda: _wanders(cluster))
            cluster.pause(2 * timing(cluster).promise_ns / 1e9)


def _wanders(cluster: SystemCluster) -> bool:
    alarms = [alarm["name"] for name in cluster.names for alarm in cluster.status(name)["alarms"]]
    return "VERDICTS_WANDER" in alarms


# --- how long it stands


def test_coordinator_that_is_called_dead_on_its_own_node_hands_over(cluster: SystemCluster) -> None:
    """A one-shot word: the process lives and votes on, and says why it does not lead."""
    with story(cluster) as told:
        leader, third = told.leader, told.others[1]
        pid = cluster.node_pid(leader)
        cluster.mark(f"{leader} is called dead")
        inform(cluster.cluster.socket(leader), leader, "dead", "its disk smells")
        successor = cluster.wait_coordinator(other_than=leader)
        assert cluster.status(leader)["unfit"] == "its disk smells"
        assert "its disk smells" in quorumdog(cluster, leader, "status").stdout
        until(cluster, "all know", lambda: not row(cluster, successor, leader)["eligible"])
        third = next(name for name in cluster.names if name not in (leader, successor))
        cluster.cut(third)  # now only the vote of the one that is called dead keeps the lead
        cluster.pause(2 * timing(cluster).promise_ns / 1e9)
        cluster.heal(third)
        assert cluster.wait_coordinator() == successor
        assert cluster.node_pid(leader) == pid
        inform(cluster.cluster.socket(leader), leader, "alive")
        until(cluster, "it may lead", lambda: row(cluster, successor, leader)["eligible"])
        assert cluster.status(leader)["unfit"] == ""
        assert cluster.wait_healthy() == successor


def test_registered_clients_word_ends_with_its_connection(cluster: SystemCluster) -> None:
    """About the own node and about another."""
    cluster.wait_healthy()
    with unmoved(cluster) as leader:
        name = next(other for other in cluster.names if other != leader)
        with line(cluster, name, "grumbler") as voice:
            voice.inform(name, "dead", "as I say")
            voice.inform(leader, "dead", "this one too")
            until(cluster, "it is unfit", lambda: cluster.status(name)["unfit"] == "as I say")
            until(cluster, "all hear it", lambda: callers(cluster, leader, leader) == {name})
            clients = cluster.status(name)["lifecheck"]["clients"]
            assert [(c["name"], c["pid"]) for c in clients] == [("grumbler", os.getpid())]
        until(cluster, "it is fit", lambda: cluster.status(name)["unfit"] == "")
        until(cluster, "nobody says it", lambda: not callers(cluster, leader, leader))


def test_one_shot_word_about_another_node_ends_with_its_process(cluster: SystemCluster) -> None:
    """It was about the process that has gone; the word about a living one stands."""
    cluster.wait_healthy()
    with unmoved(cluster) as leader:
        one, other = [name for name in cluster.names if name != leader]
        for subject in (one, other):
            inform(cluster.cluster.socket(leader), subject, "dead", "said in passing")
        both = {one: "said in passing", other: "said in passing"}
        until(cluster, "it stands", lambda: _said(cluster, leader) == {"inform": both})
        cluster.kill(one)
        until(cluster, "it ended", lambda: one not in _said(cluster, leader).get("inform", {}))
        assert _said(cluster, leader) == {"inform": {other: "said in passing"}}
        inform(cluster.cluster.socket(leader), other, "alive")
        until(cluster, "nothing is said", lambda: not _said(cluster, leader))
        cluster.wait_healthy()


def _said(cluster: SystemCluster, at: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = cluster.status(at)["called_dead"]
    return found


# --- the worked example


@contextmanager
def served(cluster: SystemCluster, names: Sequence[str]) -> Iterator[dict[str, int]]:
    """A TCP port of each of these nodes, and the process that answers there."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in names:
            words = ["-c", SERVE, cluster.lab.places[name].address, str(SERVED)]
            argv = cluster.lab.command(name, [sys.executable, "-I", *words])
            running[name] = subprocess.Popen(argv)
            target = (cluster.lab.places[name].address, SERVED)
            until(cluster, f"{name} serves", partial(_answers, cluster, name, target))
        yield {name: process.pid for name, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def _answers(cluster: SystemCluster, name: str, target: tuple[str, int]) -> bool:
    with suppress(OSError):
        place = cluster.lab.places[name].namespace
        inside(place, lambda: socket.create_connection(target, 1)).close()
        return True
    return False


@contextmanager
def example(cluster: SystemCluster, at: str) -> Iterator[None]:
    """scripts/external_lifecheck.py on a node, by an interpreter that has nothing of ours."""
    interpreter = shutil.which("python3", path="/usr/bin:/usr/local/bin") or "python3"
    words = [str(SCRIPT), str(cluster.cluster.socket(at)), str(SERVED)]
    argv = cluster.lab.command(at, [interpreter, "-I", *words])
    with subprocess.Popen(argv, cwd="/", env={"PATH": os.defpath}) as process:
        try:
            yield
        finally:
            process.kill()


def test_the_example_moves_the_lead_when_two_nodes_run_it() -> None:
    """Without it the daemon says that nobody watches; one that runs it moves nothing."""
    with run_cluster(3, tables=EXTERNAL) as cluster, ExitStack() as stack:
        leader = cluster.wait_healthy()
        for name in cluster.names:
            assert any("no lifecheck is registered" in w for w in cluster.status(name)["warnings"])
        pids = stack.enter_context(served(cluster, cluster.names))
        first, second = [name for name in cluster.names if name != leader]
        with unmoved(cluster):
            stack.enter_context(example(cluster, first))
            until(cluster, "it speaks", lambda: cluster.status(first)["lifecheck"]["clients"])
            warnings = cluster.status(first)["warnings"]
            assert not any("no lifecheck is registered" in warning for warning in warnings)
            os.kill(pids[leader], 9)
            until(cluster, "one says it", lambda: callers(cluster, leader, leader) == {first})
            cluster.pause(2 * timing(cluster).promise_ns / 1e9)
        with story_of(cluster, leader) as told:
            for name in (second, leader):
                stack.enter_context(example(cluster, name))
            assert cluster.wait_coordinator(other_than=leader) in (first, second)
            moved = cluster.status(leader)["last_move"]
            assert (moved["from"], moved["reason"]) == (leader, "called_dead")
            assert told.holders() == 1


@contextmanager
def story_of(cluster: SystemCluster, leader: str) -> Iterator[Story]:
    """A story that begins while not all is well."""
    seen = Seen(cluster)
    yield Story(cluster, leader, now_ns(), seen)
    seen.close()
