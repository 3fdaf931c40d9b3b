"""Two coordinators that a bug made: they find each other, both give up, and everybody says so.

The detector is not what keeps two nodes from being on (docs/election.md, 5); here the voter that
they share has a bug, so both really hold the VIP until the network between them is healed.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.system import planted
from tests.system.cluster import SystemCluster, run_cluster
from tests.system.prober import story
from watchdog.cli.demo.processes import Running

pytestmark = pytest.mark.root
LEADERS = ("alpha", "beta")
LIAR = "gamma"


def start_with_the_bug(cluster: SystemCluster, name: str) -> None:
    """The node of the shipped code, but for its voter."""
    run = ["run", "--config", str(cluster.cluster.config(name)), "--node", name]
    command = cluster.lab.command(name, [sys.executable, "-I", planted.THIS, *run])
    cluster.cluster.running[name] = Running(command, cluster.cluster.log(name), {})


def _are_both_on(cluster: SystemCluster) -> bool:
    said = [cluster.status(name) for name in LEADERS]
    return all(body["state"] == "COORDINATOR" and body["escalated"] for body in said)


def _status_json(cluster: SystemCluster, name: str) -> dict[str, Any]:
    words = ["status", "--json", "--config", str(cluster.cluster.config(name))]
    done = subprocess.run(
        cluster.cluster.command(name, *words), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, "degraded: somebody should look at it"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_two_coordinators_that_meet_both_give_up_and_one_comes_back() -> None:
    """The alarm is in the log and in the status of every node; no help is needed."""
    with run_cluster(3, nodes={LIAR: 'role = "witness"'}) as cluster:
        cluster.wait_healthy()
        assert cluster.stop(LIAR) == 0
        start_with_the_bug(cluster, LIAR)
        with story(cluster, most=None) as told:
            cluster.block(*LEADERS)
            cluster.block(*reversed(LEADERS))
            told.wait("two coordinators at once", lambda: _are_both_on(cluster))
            cluster.pause(0.1)
            assert told.holding() == set(LEADERS), "the bug is what it is said to be"
            cluster.unblock(*LEADERS)
            cluster.unblock(*reversed(LEADERS))
            told.wait(
                "both alarm",
                lambda: all("name=SPLIT_BRAIN" in told.log(name) for name in LEADERS),
            )
            for name in LEADERS:
                assert "why=split_brain" in told.log(name), "the guardian was told to go off"
            following = cluster.wait_coordinator()
            told.wait("one holder", lambda: told.holding() == {following})
            told.wait("the witness has heard", lambda: "SPLIT_BRAIN" in told.log(LIAR))
            for name in cluster.names:
                assert "SPLIT_BRAIN" in " ".join(_status_json(cluster, name)["warnings"])
            told.stays_calm(following)
