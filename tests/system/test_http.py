"""The health port of a real cluster: it tells the truth, and whatever befalls it moves nothing."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.health import TABLES, ask, crowd, leaders, signal_web, watching, web_pid
from tests.system.operating import quorumdog
from tests.system.prober import story

pytestmark = pytest.mark.root
CROWD: int = 1000
LEASE_MS: int = 500
"""A lease of 900 ms that is renewed every 200 ms has more than this left at any time."""
SAMPLES: int = 100


@pytest.fixture(scope="module")
def cluster() -> Iterator[SystemCluster]:
    """Three nodes with a health port each."""
    with run_cluster(3, tables=TABLES) as made:
        leader = made.wait_healthy()
        made.cluster.interrupt.wait("the health ports", lambda: leaders(made) == {leader}, 20)
        yield made


def lease_left_ms(cluster: SystemCluster, name: str) -> int:
    """The least that a coordinator's lease had left, looked at for a while: a late beacon shows."""
    least = 10**9
    for _ in range(SAMPLES):
        least = min(least, cluster.status(name)["lease_left_ms"])
        cluster.pause(0.02)
    return least


def test_each_path_says_what_the_node_is(cluster: SystemCluster) -> None:
    """The coordinator leads, the others stand by, and all are well."""
    with story(cluster) as told:
        for name in cluster.names:
            is_leader = name == told.leader
            codes = {
                path: ask(cluster, name, path).code
                for path in ("/leader", "/standby", "/quorum", "/healthy", "/readyz", "/livez")
            }
            assert codes == {
                "/leader": 200 if is_leader else 503,
                "/standby": 503 if is_leader else 200,
                "/quorum": 200,
                "/healthy": 200,
                "/readyz": 200,
                "/livez": 200,
            }
            body = json.loads(ask(cluster, name, "/v1/cluster").body)
            assert body.keys() == cluster.status(name).keys()
            assert (body["local"], body["coordinator"]) == (name, told.leader)


def test_leader_follows_a_switchover(cluster: SystemCluster) -> None:
    """Two nodes say yes for no longer than an answer may be old."""
    with story(cluster) as told, watching(cluster, "/leader") as watch:
        cluster.pause(0.3)
        cluster.mark("switchover")
        told.wait(
            "switchover accepted",
            lambda: quorumdog(cluster, told.leader, "switchover").returncode == 0,
        )
        taker = cluster.wait_coordinator(other_than=told.leader)
        told.wait("the new leader alone", lambda: leaders(cluster) == {taker})
        cluster.pause(0.3)
    assert watch.yes(told.leader)
    assert watch.yes(taker)
    assert watch.overlap_s(told.leader, taker) <= 0.3
    third = next(name for name in told.others if name != taker)
    assert watch.yes(third) == []


@pytest.mark.parametrize("what", ["node", "both"])
def test_a_stopped_node_leads_no_longer_than_its_lease(cluster: SystemCluster, what: str) -> None:
    """No yes comes after its VIPs are gone, and the port itself lives on."""
    with story(cluster) as told, watching(cluster, "/leader") as watch:
        cluster.pause(0.3)
        cluster.freeze(told.leader, what)
        taker = cluster.wait_coordinator(other_than=told.leader)
        told.wait("the taker says so", lambda: ask(cluster, taker, "/leader").code == 200)
        if what == "both":
            cluster.thaw(told.leader, what)
        gone = told.wait_gone(told.leader, told.begin)
        cluster.pause(0.3)
        watch.stop()
        if what == "node":
            assert watch.yes(told.leader)[-1].asked <= gone.t
        watch.expect_no_overlap(told.leader, taker)
        if what == "node":
            cluster.thaw(told.leader, what)
        cluster.wait_healthy()
        told.wait("every port answers", lambda: leaders(cluster) == {cluster.wait_coordinator()})


def test_a_killed_health_port_comes_back_and_nothing_moves(cluster: SystemCluster) -> None:
    """On the coordinator; the lease does not notice."""
    with story(cluster) as told:
        pid = signal_web(cluster, told.leader, signal.SIGKILL)
        assert lease_left_ms(cluster, told.leader) > LEASE_MS
        told.wait("another one", lambda: web_pid(cluster, told.leader) not in {None, pid})
        told.wait("it answers", lambda: ask(cluster, told.leader, "/leader").code == 200)
        told.stays_calm(told.leader)
        assert told.changes() == []


def test_a_stopped_health_port_moves_nothing(cluster: SystemCluster) -> None:
    """It is asked all the while; when it goes on it answers again."""
    with story(cluster) as told:
        pid = signal_web(cluster, told.leader, signal.SIGSTOP)
        try:
            with watching(cluster, "/leader") as watch:
                assert lease_left_ms(cluster, told.leader) > LEASE_MS
            assert watch.yes(told.leader) == []
        finally:
            signal_web(cluster, told.leader, signal.SIGCONT)
        told.wait("it answers", lambda: ask(cluster, told.leader, "/leader").code == 200)
        assert web_pid(cluster, told.leader) == pid
        told.stays_calm(told.leader)
        assert told.changes() == []


@pytest.mark.parametrize(
    "said", [b"", b"GET /leader HTTP/1.1\r\nHo"], ids=["silent", "half a request"]
)
def test_a_thousand_idle_connections_move_nothing(cluster: SystemCluster, said: bytes) -> None:
    """Who is thrown out comes back; checks from another address and from the same get through."""
    with story(cluster) as told, crowd(cluster, told.leader, CROWD, said):
        for at in (None, *told.others):
            for _ in range(10):
                found = ask(cluster, told.leader, "/leader", at)
                assert found.code == 200, (at, found)
        assert lease_left_ms(cluster, told.leader) > LEASE_MS
        told.stays_calm(told.leader)
        assert told.changes() == []


def test_readers_that_do_not_read_move_nothing(cluster: SystemCluster) -> None:
    """They ask for pages without end, as many as may be connected."""
    asking = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200
    with story(cluster) as told, crowd(cluster, told.leader, 40, asking):
        assert lease_left_ms(cluster, told.leader) > LEASE_MS
        assert ask(cluster, told.leader, "/leader", told.others[0]).code == 200
        told.stays_calm(told.leader)
        assert told.changes() == []


def _hears(cluster: SystemCluster, name: str) -> bool:
    return ask(cluster, name, "/metrics").body.count("\nquorumdog_heartbeat_alive{") == 2


def test_promtool_and_its_own_parser_accept_the_metrics(cluster: SystemCluster) -> None:
    """Of every node, once its lifecheck has heard the others."""
    assert shutil.which("promtool"), "promtool is missing: apt install prometheus"
    cluster.wait_healthy()
    for name in cluster.names:
        cluster.cluster.interrupt.wait(f"{name} hears", partial(_hears, cluster, name), 30)
        page = ask(cluster, name, "/metrics").body
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=page,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
        families = {family.name: family for family in text_string_to_metric_families(page)}
        (up,) = families["quorumdog_up"].samples
        assert up.value == 1
        assert len(families["quorumdog_peer_reachable"].samples) == 2
        assert [sample.value for sample in families["quorumdog_heartbeat_alive"].samples] == [1, 1]


def test_a_taken_port_is_no_reason_to_fall_and_it_is_waited_for(cluster: SystemCluster) -> None:
    """The daemon runs without its health port, and gets it when it is free."""
    with story(cluster) as told:
        name = told.others[0]
        pid = signal_web(cluster, name, signal.SIGSTOP)  # it keeps the port
        try:
            assert ask(cluster, name, "/livez").code == 0
        finally:
            signal_web(cluster, name, signal.SIGKILL)
        told.wait("a new one has it", lambda: ask(cluster, name, "/livez").code == 200)
        assert web_pid(cluster, name) != pid
        assert told.changes() == []
