"""The worked example of a lifecheck, as a process of its own, against the real server.

It runs under the plain interpreter, without our packages, because that is how it is copied.
"""

import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from ipc.messages import Register, StatusChange
from tests.shell.ipc_serving import FakeCluster, Served
from tests.support import REPOSITORY

SCRIPT: Final = REPOSITORY / "scripts" / "external_lifecheck.py"
BETA, GAMMA = "127.0.0.2", "127.0.0.3"


def listen(host: str, port: int = 0) -> socket.socket:
    """A node that answers."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(64)
    return listener


def local_cluster() -> FakeCluster:
    """Three nodes with addresses of this machine."""
    cluster = FakeCluster()
    for row, host in zip(cluster.nodes, ("127.0.0.1", BETA, GAMMA), strict=True):
        row["HostName"] = host
    return cluster


@contextmanager
def lifecheck(path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The script, as a user starts it."""
    interpreter = shutil.which("python3", path="/usr/bin:/usr/local/bin") or "python3"
    with subprocess.Popen(
        [interpreter, "-I", SCRIPT, path, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.defpath},
        cwd="/",
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    """Wait for what the script does in its own time."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "it never happened"
        time.sleep(0.02)


def test_node_that_stops_answering_is_reported_dead_and_then_alive(tmp_path: Path) -> None:
    """After three bad answers, and after two good ones; the other node stays as it is."""
    path, cluster = tmp_path / "s", local_cluster()
    with listen(BETA) as beta:
        port = beta.getsockname()[1]
        with listen(GAMMA, port) as gamma, Served(path, cluster), lifecheck(path, port):
            until(lambda: len(cluster.verdicts) == 2)
            assert {(n, v) for n, v, _ in cluster.verdicts} == {
                ("beta", "alive"),
                ("gamma", "alive"),
            }
            gamma.close()
            until(lambda: len(cluster.verdicts) == 3)
            assert cluster.verdicts[2] == (
                "gamma",
                "dead",
                f"port {port} of {GAMMA} does not answer",
            )
            assert cluster.nodes[2]["StateName"] == "LOST"
            with listen(GAMMA, port):
                until(lambda: len(cluster.verdicts) == 4)
            assert cluster.verdicts[3][:2] == ("gamma", "alive")
    assert isinstance(cluster.heard[0][1], Register)
    assert all(isinstance(request, StatusChange) for _, request in cluster.heard[1:])


def test_lifecheck_survives_the_daemon_and_says_everything_anew(tmp_path: Path) -> None:
    """Its verdicts ended with the connection, so the next daemon must be told again."""
    path, cluster = tmp_path / "s", local_cluster()
    with listen(BETA) as beta, lifecheck(path, beta.getsockname()[1]) as process:
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], 10)[0]
        assert "trying again" in process.stderr.readline()
        for _ in range(2):
            cluster.verdicts.clear()
            with Served(path, cluster):
                until(lambda: len(cluster.verdicts) == 2)
            assert {(n, v) for n, v, _ in cluster.verdicts} == {
                ("beta", "alive"),
                ("gamma", "dead"),
            }
        assert process.poll() is None


def test_lifecheck_reads_what_is_pushed(tmp_path: Path) -> None:
    """Whoever does not read is dropped, and its verdicts with it."""
    path, cluster = tmp_path / "s", local_cluster()
    with listen(BETA) as beta:
        port = beta.getsockname()[1]
        with listen(GAMMA, port), Served(path, cluster) as served, lifecheck(path, port):
            until(lambda: len(cluster.verdicts) == 2)
            for _ in range(2000):
                served.do(lambda: cluster.push_all("state"))
                time.sleep(0.001)
            assert cluster.gone_ids == []
            assert len(cluster.channels) == 1


@pytest.mark.parametrize("word", ["import ipc", "import watchdog", "from ipc", "from watchdog"])
def test_example_needs_nothing_of_ours(word: str) -> None:
    """People copy this one file."""
    assert word not in SCRIPT.read_text(encoding="utf-8")
