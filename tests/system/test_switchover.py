"""What operators ask for, and clusters of two: refusals with their reason, witness, tie-breaker."""

from collections.abc import Iterator

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import quorumdog
from tests.system.prober import MS, Story, story, timing
from watchdog.cli.demo.journal import now_ns

pytestmark = pytest.mark.root
WITNESS = "gamma"


@pytest.fixture(scope="module")
def witnessed() -> Iterator[SystemCluster]:
    """Two nodes and a witness: the smallest cluster worth having."""
    with run_cluster(3, nodes={WITNESS: 'role = "witness"'}) as cluster:
        yield cluster


def _accepted(told: Story, at: str, *words: str) -> None:
    """Ask until the taker is ready: just after another story it may still stand down."""

    def ask() -> bool:
        told.cluster.mark(f"switchover asked at {at}")
        return quorumdog(told.cluster, at, "switchover", *words).returncode == 0

    told.wait(f"switchover {words} accepted", ask)


def _refused(cluster: SystemCluster, at: str, target: str) -> str:
    done = quorumdog(cluster, at, "switchover", "--to", target)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_refusals_say_why_and_change_nothing(witnessed: SystemCluster) -> None:
    """Asked at the coordinator or elsewhere: the same answer, and no move."""
    with story(witnessed) as told:
        other = next(name for name in told.others if name != WITNESS)
        for at in (told.leader, other, WITNESS):
            assert "may not lead now" in _refused(witnessed, at, WITNESS)
            assert f"{told.leader} is the coordinator already" in _refused(
                witnessed, at, told.leader
            )
            assert "no node is called nobody" in _refused(witnessed, at, "nobody")
        done = quorumdog(witnessed, other, "switchover", "--dry-run")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{other} would take over from {told.leader}\n"
        assert told.changes() == []


def test_a_switchover_is_asked_anywhere_and_waited_for(witnessed: SystemCluster) -> None:
    """With a target and without; the CLI returns when the new coordinator is known."""
    with story(witnessed) as told:
        other = next(name for name in told.others if name != WITNESS)
        _accepted(told, WITNESS, "--to", other, "--reason", "maintenance", "--wait")
        assert witnessed.wait_healthy() == other
        for name in witnessed.names:
            assert witnessed.status(name)["last_move"]["to"] == other
        assert witnessed.status(told.leader)["last_move"]["reason"] == "maintenance"
        _accepted(told, told.leader, "--wait")
        assert witnessed.wait_healthy() == told.leader


def test_a_witness_never_leads_and_makes_a_quorum_of_what_is_left(
    witnessed: SystemCluster,
) -> None:
    """One of the two is stopped, then the other dies: it comes back itself, nobody else can."""
    with story(witnessed) as told:
        other = next(name for name in told.others if name != WITNESS)
        assert witnessed.stop(told.leader) == 0
        assert witnessed.wait_coordinator(other_than=told.leader) == other
        witnessed.kill(other)
        told.wait_gone(other, told.begin)
        assert witnessed.wait_coordinator() == other
        assert told.holding() == {other}
        assert "COORDINATOR" not in told.states(WITNESS)
        witnessed.start(told.leader)
        assert witnessed.wait_healthy() == other


def test_of_a_pair_the_tie_breakers_half_goes_on() -> None:
    """Cut in two, the one that is not the tie-breaker gives up, whoever led before."""
    with run_cluster(2, cluster='tie_breaker = "alpha"') as cluster, story(cluster) as told:
        if told.leader == "alpha":
            _accepted(told, "alpha", "--wait")
        assert cluster.wait_healthy() == "beta"
        cluster.cut("beta")
        since = now_ns()
        assert cluster.wait_coordinator(other_than="beta") == "alpha"
        assert told.wait_gone("beta", since).t - since <= timing(cluster).hard_ms * MS
        assert cluster.status("beta")["state"] == "WAITING_FOR_QUORUM"
        cluster.heal("beta")
        assert cluster.wait_healthy() == "alpha"
        told.stays_calm("alpha")
