"""A real HAProxy that asks GET /leader sends its clients to the coordinator, whoever that is."""

import csv
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.health import PORT, TABLES, get, leaders
from tests.system.operating import quorumdog
from tests.system.prober import SECOND, Story, story
from watchdog.cli.demo.journal import now_ns

pytestmark = pytest.mark.root
FRONT: int = 5000
FOLLOWED_S: float = 5.0
"""Two checks of 200 ms, the hand-over, and a busy machine."""
CONFIG = """\
global
    stats socket {folder}/stats mode 600
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    timeout check 2s
frontend clients
    bind 127.0.0.1:{front}
    default_backend coordinator
backend coordinator
    option httpchk GET /leader
    http-check expect status 200
    default-server inter 200ms fall 1 rise 1 on-marked-down shutdown-sessions
{servers}
"""


class Proxy:
    """A running HAProxy in the network of a cluster. Its service is the nodes' /v1/cluster."""

    def __init__(self, cluster: SystemCluster, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder
        servers = "\n".join(
            f"    server {name} {cluster.lab.places[name].address}:{PORT} check"
            for name in cluster.names
        )
        self.config = folder / "haproxy.cfg"
        self.config.write_text(CONFIG.format(folder=folder, front=FRONT, servers=servers))

    def query(self) -> str:
        """Which node answers a client of the proxy; "" when none does."""
        found = get(self._cluster.lab.network, ("127.0.0.1", FRONT), "/v1/cluster")
        return str(json.loads(found.body)["local"]) if found.code == 200 else ""

    def up(self) -> set[str]:
        """The servers that the proxy itself calls up."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self._folder / "stats"))
            control.sendall(b"show stat\n")
            text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
        rows = csv.DictReader(text.removeprefix("# ").splitlines())
        names = self._cluster.names
        return {row["svname"] for row in rows if row["svname"] in names and row["status"] == "UP"}


@contextmanager
def running(cluster: SystemCluster, folder: Path) -> Iterator[Proxy]:
    """HAProxy in the foreground, ended by its number."""
    haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
    assert Path(haproxy).exists(), "haproxy is missing: apt install haproxy"
    proxy = Proxy(cluster, folder)
    command = ["ip", "netns", "exec", cluster.lab.network, haproxy, "-db", "-q", "-f"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, str(proxy.config)], stdout=log, stderr=log)
    try:
        yield proxy
        assert process.poll() is None, (folder / "log").read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def cluster() -> Iterator[SystemCluster]:
    """Three nodes with a health port each."""
    with run_cluster(3, tables=TABLES) as made:
        yield made


def followed(proxy: Proxy, to: str) -> tuple[float, list[str]]:
    """Ask until `to` answers; how long it took, and who answered on the way."""
    begin, answers = now_ns(), [proxy.query()]
    while answers[-1] != to:
        assert now_ns() - begin < 20 * SECOND, (proxy.up(), answers[-20:])
        answers.append(proxy.query())
    return (now_ns() - begin) / SECOND, answers


def test_clients_reach_the_new_coordinator_after_a_switchover(
    cluster: SystemCluster, tmp_path: Path
) -> None:
    """And back; exactly one server is up, and no client reaches a third node or goes back."""
    with story(cluster) as told, running(cluster, tmp_path) as proxy:
        # Until its first checks have failed it believes every server to be up.
        told.wait("the proxy runs", lambda: proxy.query() != "")
        told.wait("the proxy knows the coordinator", lambda: proxy.up() == {told.leader})
        taker = _moves(told, proxy, told.leader)
        cluster.wait_healthy()
        _moves(told, proxy, taker)


def _moves(told: Story, proxy: Proxy, giver: str) -> str:
    """Switch over and see the proxy follow; the taker."""
    told.cluster.mark(f"{giver}: switchover asked")
    told.wait(
        "switchover accepted",
        lambda: quorumdog(told.cluster, giver, "switchover").returncode == 0,
    )
    taker = told.cluster.wait_coordinator(other_than=giver)
    seconds, answers = followed(proxy, taker)
    assert seconds < FOLLOWED_S
    assert set(answers) <= {giver, "", taker}
    told.wait("one server is up", lambda: proxy.up() == {taker})
    assert {proxy.query() for _ in range(20)} == {taker}
    return taker


def test_clients_reach_the_next_coordinator_after_a_death(
    cluster: SystemCluster, tmp_path: Path
) -> None:
    """The node process is killed: its health port says at once that nobody answers."""
    with story(cluster) as told, running(cluster, tmp_path) as proxy:
        told.wait("the proxy knows the coordinator", lambda: proxy.query() == told.leader)
        cluster.kill(told.leader)
        taker = cluster.wait_coordinator(other_than=told.leader)
        seconds, answers = followed(proxy, taker)
        assert seconds < FOLLOWED_S
        assert set(answers) <= {told.leader, "", taker}
        cluster.wait_healthy()
        assert leaders(cluster) == {taker}
