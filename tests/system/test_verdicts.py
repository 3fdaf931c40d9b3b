"""Verdicts of clients on a live cluster: who must say it, what it does, and when it ends.

Then what broke pgpool's own socket: hostile clients, while the coordinator holds on.
"""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from ipc.client import inform
from tests.support import REPOSITORY
from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import quorumdog
from tests.system.prober import MS, PATIENCE_S, Seen, Story, story, timing
from tests.system.speaking import (
    Beat,
    callers,
    dial,
    line,
    row,
    unmoved,
    until,
    wd_cli,
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
BEACONS = 5
LATE = 3
"""So many intervals without a beacon cost no lease yet."""
FLOOD = 10_000
UNREAD = 4_000
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


# --- what broke pgpool's own


@contextmanager
def beaconing(cluster: SystemCluster) -> Iterator[str]:
    """Within the block no beacon is late, and nothing moves."""
    cluster.wait_healthy()
    with unmoved(cluster) as leader:
        to = next(name for name in cluster.names if name != leader)
        with Beat(cluster, leader, to) as beat:
            yield leader
            until(cluster, "beacons were seen", lambda: len(beat.times_s) > BEACONS)
        longest_ms, beacon_ms = beat.longest_ms(), timing(cluster).beacon_ns / MS
        print(f"longest silence {longest_ms:.0f} ms; a beacon is due every {beacon_ms:.0f} ms")
        assert longest_ms < LATE * beacon_ms


def test_one_byte_and_then_silence_holds_nobody_up(cluster: SystemCluster) -> None:
    """Sixteen of them: pgpool's process of the cluster blocked for ever at the first."""
    with beaconing(cluster) as leader, ExitStack() as stack:
        mute = [stack.enter_context(dial(cluster, leader)) for _ in range(16)]
        for one in mute:
            one.send(b"3")
        began_s = time.monotonic()
        ran = wd_cli(cluster, leader, "-i", "-a", "-v")
        print(f"another wd_cli was served in {(time.monotonic() - began_s) * 1000:.0f} ms")
        assert (ran.code, len(ran.rows)) == (0, 3)
        for one in mute:  # turned away, or told nothing for two seconds: closed in either case
            while one.recv(4096):
                pass


def test_empty_objects_of_every_type_are_answered(cluster: SystemCluster) -> None:
    """pgpool's process ended at some of them."""
    with beaconing(cluster) as leader:
        for kind in (*b"0123456789qvdfrcixRQ\x00\xff",):
            with dial(cluster, leader) as one:
                one.send(bytes([kind]) + (2).to_bytes(4, "big") + b"{}")
                reply = one.recv(1 << 16)
                assert reply[:1] in (b"6", b"7"), (kind, reply)


def test_ten_thousand_connections_are_survived(cluster: SystemCluster) -> None:
    """As fast as one client can; afterwards the socket serves as before."""
    with beaconing(cluster) as leader:
        for _ in range(FLOOD // 100):
            with ExitStack() as stack:
                for _ in range(100):
                    stack.enter_context(dial(cluster, leader))
        until(cluster, "served", lambda: wd_cli(cluster, leader, "-i", "-n", "0").code == 0)


def test_two_gibibytes_are_refused_before_they_are_sent(cluster: SystemCluster) -> None:
    """And so is less than nothing. pgpool allocated what was declared."""
    with beaconing(cluster) as leader:
        before = _rss_kib(cluster.node_pid(leader))
        for length in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x01000000):
            with dial(cluster, leader) as one:
                one.send(b"3" + length.to_bytes(4, "big"))
                reply = one.recv(1 << 16)
                assert reply[:1] == b"6"
                assert json.loads(reply[5:].rstrip(b"\0"))["MESSAGE"]
        assert _rss_kib(cluster.node_pid(leader)) - before < 16 * 1024


def _rss_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0])


def test_registered_client_that_never_reads_is_dropped(cluster: SystemCluster) -> None:
    """With thousands of answers under way; others are served meanwhile."""
    with beaconing(cluster) as leader:
        before = _rss_kib(cluster.node_pid(leader))
        ask = b"3" + (2).to_bytes(4, "big") + b"{}"
        with dial(cluster, leader) as deaf:
            deaf.send(b"0" + (2).to_bytes(4, "big") + b"{}")
            deaf.settimeout(0.5)
            with suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
                for _ in range(UNREAD):
                    deaf.sendall(ask)
            with line(cluster, leader) as other:
                assert len(other.nodes) > 1
            ended = select.poll()
            ended.register(deaf, select.POLLRDHUP)
            assert ended.poll(PATIENCE_S * 1000), "it was kept for ever"
        assert _rss_kib(cluster.node_pid(leader)) - before < 16 * 1024
