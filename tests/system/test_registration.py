"""Registered clients of a real cluster, and the verbs built on them: `wait`, `nodes`, `inform`."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ipc.client import UnreachableError
from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import is_back, quorumdog, restart
from tests.system.prober import PATIENCE_S, story
from tests.system.speaking import callers, events, line, unmoved, until

pytestmark = pytest.mark.root
NONE = '[lifecheck]\nmethod = "none"\n'
LOST, NEVER_SEEN = 8, 0
REGISTERED_S = 0.2
"""A client that has connected registers at once."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[SystemCluster]:
    """Three nodes."""
    with run_cluster(3, tables=NONE) as made:
        yield made


def rows(nodes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The nodes of a list by their names."""
    return {shown["NodeName"]: shown for shown in nodes["WatchdogNodes"]}


def others(cluster: SystemCluster, leader: str) -> list[str]:
    """Who does not lead."""
    return [name for name in cluster.names if name != leader]


def _switch(cluster: SystemCluster, at: str, to: str) -> None:
    """Ask until the taker is ready: just after another test it may still stand down."""
    cluster.mark(f"switchover to {to}")
    words = ("switchover", "--to", to)
    until(cluster, "accepted", lambda: quorumdog(cluster, at, *words).returncode == 0)


def _lose(cluster: SystemCluster, name: str) -> None:
    """A machine that loses its power, as far as the others can see."""
    cluster.kill(name, "both")
    assert cluster.cluster.running[name].wait(PATIENCE_S) is not None


# --- pushes


def test_switchover_is_pushed_to_everybody(cluster: SystemCluster) -> None:
    """The list at once; then who leads, on which node the VIP is, and the states."""
    with story(cluster) as told, ExitStack() as stack:
        successor, third = told.others
        lines = {name: stack.enter_context(line(cluster, name)) for name in cluster.names}
        for name, one in lines.items():
            assert next(iter(rows(one.nodes))) == name
            assert one.nodes["LeaderNodeName"] == told.leader
            assert one.nodes["Escalated"] == int(name == told.leader)
        _switch(cluster, third, successor)
        for name, one in lines.items():
            wanted = {"coordinator", "state"} | ({"escalation"} if name != third else set())
            pushed = events(one, sorted(wanted))
            assert ("escalation" in {body["Event"] for body in pushed}) == (name != third)
            until(cluster, "the last list is right", partial(_led, one, successor))
            assert one.nodes["Escalated"] == int(name == successor)
            assert rows(one.nodes)[successor]["State"] == 4


def _led(one: Any, leader: str) -> bool:
    with suppress(UnreachableError):
        one.wait(0)
    shown = rows(one.nodes)
    standing = {row["State"] for name, row in shown.items() if name != leader}
    is_led = one.nodes["LeaderNodeName"] == leader and shown[leader]["State"] == 4
    is_on = next(iter(shown)) != leader or one.nodes["Escalated"] == 1
    return bool(is_led and is_on and standing == {7})


def test_death_and_loss_of_the_quorum_are_pushed(cluster: SystemCluster) -> None:
    """One node dies, then another: no quorum, off; one comes back: quorum, on; then a stranger."""
    with story(cluster) as told:
        leader, (second, third) = told.leader, told.others
        with line(cluster, leader) as one:
            _lose(cluster, third)
            events(one, ["state"])
            until(cluster, "it is lost", lambda: _pushed_state(one, third) == LOST)
            _lose(cluster, second)
            events(one, ["quorum", "escalation", "coordinator"])
            assert (one.nodes["QuorumStatus"], one.nodes["Escalated"]) == (-1, 0)
            assert one.nodes["LeaderNodeName"] == "Not Set"
            cluster.start(second)
            events(one, ["quorum", "coordinator"])
        cluster.wait_coordinator()
        with line(cluster, second) as one:
            assert rows(one.nodes)[third]["State"] == NEVER_SEEN
            cluster.start(third)
            events(one, ["membership"])
            until(cluster, "it takes part", lambda: _pushed_state(one, third) == 7)
        cluster.wait_healthy()


def _pushed_state(one: Any, name: str) -> int:
    one.wait(0)
    return int(rows(one.nodes)[name]["State"])


# --- wait


@contextmanager
def waiting(cluster: SystemCluster, at: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`quorumdog wait` in a process of its own, connected by the beginning of the block."""
    config = str(cluster.cluster.config(at))
    argv = [sys.executable, "-I", "-m", "watchdog", "wait", "--config", config, *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        try:
            fds = Path(f"/proc/{process.pid}/fd")
            until(cluster, "it is connected", lambda: _has_socket(fds))
            cluster.pause(REGISTERED_S)
            yield process
        finally:
            process.kill()


def _has_socket(fds: Path) -> bool:
    with suppress(OSError):
        return any(str(one.readlink()).startswith("socket:") for one in fds.iterdir())
    return False


def test_wait_ends_when_the_lead_has_moved(cluster: SystemCluster) -> None:
    """On a third node, by name; on the old coordinator, by its own state."""
    with story(cluster) as told:
        successor, third = told.others
        with (
            waiting(cluster, third, "--coordinator", successor) as by_name,
            waiting(cluster, told.leader, "--state", "standby") as by_state,
        ):
            _switch(cluster, third, successor)
            for process in (by_name, by_state):
                text, _ = process.communicate(timeout=PATIENCE_S)
                assert process.returncode == 0, text
            assert (
                f"coordinator {successor}"
                in quorumdog(
                    cluster, third, "wait", "--coordinator", successor, "--quorum", "yes"
                ).stdout
            )


def test_wait_gives_up_in_time_and_says_what_is_so(cluster: SystemCluster) -> None:
    """Exit code 1."""
    leader = cluster.wait_healthy()
    with unmoved(cluster):
        name = others(cluster, leader)[0]
        began_s = time.monotonic()
        done = quorumdog(cluster, name, "wait", "--coordinator", name, "--timeout", "300ms")
        assert done.returncode == 1
        assert f"not within 0.3 s: {name} is STANDBY, coordinator {leader}" in done.stderr
        assert 0.3 <= time.monotonic() - began_s < PATIENCE_S


def test_wait_survives_a_restart_of_the_daemon(cluster: SystemCluster) -> None:
    """And sees what comes after it."""
    with story(cluster) as told:
        name = told.others[0]
        with waiting(cluster, name, "--coordinator", name, "--timeout", "40s") as process:
            restart(cluster, name)
            until(cluster, "it is back", lambda: is_back(cluster, name))
            assert process.poll() is None
            _switch(cluster, told.leader, name)
            text, _ = process.communicate(timeout=PATIENCE_S)
            assert (process.returncode, text) == (
                0,
                f"{name} is COORDINATOR, coordinator {name}, quorum\n",
            )


# --- nodes and inform


def test_nodes_prints_what_clients_get(cluster: SystemCluster) -> None:
    """As a table, and as JSON with pgpool's numbers."""
    leader = cluster.wait_healthy()
    at = others(cluster, leader)[0]
    body = json.loads(quorumdog(cluster, at, "nodes", "--json").stdout)
    assert body["LeaderNodeName"] == leader
    assert {name: row["State"] for name, row in rows(body).items()} == {
        name: 4 if name == leader else 7 for name in cluster.names
    }
    text = quorumdog(cluster, at, "nodes").stdout
    assert all(f"{cluster.lab.places[name].address}:9000" in text for name in cluster.names)


def test_inform_says_it_and_takes_it_back(cluster: SystemCluster) -> None:
    """The reply is a sentence; one voice moves nothing."""
    leader = cluster.wait_healthy()
    with unmoved(cluster):
        at = others(cluster, leader)[0]
        done = quorumdog(cluster, at, "inform", leader, "dead", "-m", "it hangs")
        assert done.returncode == 0
        assert done.stdout.startswith(f"{leader} is taken to be dead by this node; one voice")
        until(cluster, "all hear it", lambda: callers(cluster, leader, leader) == {at})
        assert cluster.status(at)["called_dead"] == {"inform": {leader: "it hangs"}}
        assert quorumdog(cluster, at, "inform", leader, "ALIVE").returncode == 0
        until(cluster, "nobody says it", lambda: not callers(cluster, leader, leader))


WRONG = {
    ("wait",): 2,
    ("wait", "--state", "leading"): 2,
    ("wait", "--quorum", "yes", "--timeout", "30"): 2,
    ("wait", "--coordinator", "nobody"): 2,
    ("nodes", "--node", "nobody"): 3,
    ("nodes", "--socket", "/nowhere/socket"): 3,
    ("nodes", "--all"): 2,
    ("inform",): 2,
    ("inform", "nobody", "dead"): 1,
    ("inform", "alpha", "unwell"): 2,
    ("inform", "alpha", "dead", "--node", "nobody"): 3,
}
"""The verb, and its exit code."""


def test_wrong_input_is_refused_with_a_sentence(cluster: SystemCluster) -> None:
    """Each says what is wrong, and nobody is called dead."""
    cluster.wait_healthy()
    with unmoved(cluster) as leader:
        at = others(cluster, leader)[0]
        for words, code in WRONG.items():
            done = quorumdog(cluster, at, *words)
            assert done.returncode == code, (words, done.stderr)
            assert (done.stdout, bool(done.stderr.strip())) == ("", True), words
            assert "Traceback" not in done.stderr
            assert cluster.status(at)["called_dead"] == {}
