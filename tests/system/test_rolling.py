"""Upgrades node by node: standbys first, and the VIP moves once."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import configure, is_back, members_only, restart
from tests.system.prober import Story, story
from watchdog.cli.demo.cluster import Layout

pytestmark = pytest.mark.root
REPLAY = """
import sys
from pathlib import Path
from watchdog.shell.recorder import replay
print(replay(Path(sys.argv[1])))
"""
LONGER = '[timing]\nsoft = "1100ms"'


def _recording(cluster: SystemCluster, name: str) -> Path:
    return cluster.cluster.folder / name / "data" / "recording.jsonl"


@pytest.fixture(scope="module")
def three() -> Iterator[SystemCluster]:
    """Three nodes, whom each story leaves well."""
    with run_cluster(3) as cluster:
        yield cluster


def _moves(told: Story) -> list[str]:
    """Who got the VIPs since the story began, in this order."""
    takers = [change.node for change in told.changes() if change.is_up]
    return [name for n, name in enumerate(takers) if n == 0 or takers[n - 1] != name]


def _roll(told: Story, names: list[str], layout: Layout) -> None:
    for name in names:
        configure(told.cluster, name, layout)
        restart(told.cluster, name)
        told.wait(f"{name} is back", partial(is_back, told.cluster, name))


def test_a_rolling_restart_moves_the_vip_once(three: SystemCluster) -> None:
    """Standbys first; the coordinator hands over and comes back as a standby."""
    with story(three) as told:
        _roll(told, [*told.others, told.leader], three.cluster.layout)
        assert three.wait_healthy() in told.others
        assert len(_moves(told)) == 1


def test_a_rolling_change_of_timing_moves_the_vip_once_each_way(three: SystemCluster) -> None:
    """A mixed cluster is safe and says that it is mixed; numbers grow, then shrink."""
    short = three.cluster.layout
    longer = replace(short, tables=LONGER)
    with story(three) as told:
        first, *rest = told.others
        _roll(told, [first], longer)
        for name, other in ((told.leader, first), (first, told.leader)):
            assert f"{other} has another configuration in: timing" in three.status(name)["warnings"]
        assert _moves(told) == []
        _roll(told, [*rest, told.leader], longer)
        assert three.wait_healthy() in told.others
        assert len(_moves(told)) == 1
        for name in three.names:
            assert not any("another configuration" in w for w in three.status(name)["warnings"])
    with story(three) as told:
        first, *rest = told.others
        _roll(told, [first], short)
        # Its promises are too short for the leader's numbers, so it is given the place.
        assert three.wait_coordinator(other_than=told.leader) == first
        _roll(told, [told.leader, *rest], short)
        assert three.wait_healthy() == first
        assert _moves(told) == [first]


def test_a_rolling_acceptance_of_five_members_ends_in_a_quorum_of_three() -> None:
    """Three nodes accept one by one while they run, then two more are started."""
    with run_cluster(5, start=False) as cluster:
        five = cluster.cluster.layout
        names = cluster.names
        old, added = names[:3], names[3:]
        three = members_only(five, old)
        cluster.cluster.names = cluster.names = old
        for name in old:
            configure(cluster, name, three)
            cluster.start(name)
        with story(cluster) as told:
            for name in (*told.others, told.leader):
                configure(cluster, name, five)
                restart(cluster, name, "--accept-membership")
            for name in added:
                told.log_sizes[name] = 0
                cluster.start(name)
            cluster.cluster.names = cluster.names = names
            told.seen.names = names
            leader = cluster.wait_healthy()
            for name in names:
                body = cluster.status(name)
                assert (body["memory"], len(body["nodes"])) == ("intact", 5)
                assert (body["quorum"]["need"], body["coordinator"]) == (3, leader)
            told.stays_calm(leader)


def _replayed(path: Path) -> int:
    """Replay in a process of its own, so that nothing but the recording can matter."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", REPLAY, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_recordings_of_a_real_failover_replay_to_the_same_effects() -> None:
    """What the nodes did follows from what they were told, and from nothing else."""
    with run_cluster(3, start=False) as cluster:
        for name in cluster.names:
            cluster.start(name, "--record", str(_recording(cluster, name)))
        with story(cluster) as told:
            cluster.kill(told.leader)
            following = cluster.wait_coordinator(other_than=told.leader)
            assert cluster.wait_healthy() == following
        for name in cluster.names:
            assert cluster.stop(name) == 0
        found = [
            path
            for name in cluster.names
            for path in sorted(_recording(cluster, name).parent.glob("recording.jsonl*"))
        ]
        assert len(found) == 4, "the killed process and its successor have a file each"
        assert all(_replayed(path) > 20 for path in found)
        assert '"_":"Escalate"' in _recording(cluster, following).read_text(encoding="utf-8")
