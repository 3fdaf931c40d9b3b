"""What the unit relies on: the daemon says when it is ready, and what was killed is cleaned up."""

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.system.cluster import VIPS, SystemCluster, run_cluster

pytestmark = pytest.mark.root
CLEAR = [sys.executable, "-I", str(REPOSITORY / "packaging" / "clear_vips.py")]
WAIT_S = 10.0


def clear(cluster: SystemCluster, name: str, config: Path) -> subprocess.CompletedProcess[str]:
    """Run what ExecStopPost runs, on the machine of a node."""
    command = cluster.lab.command(name, [*CLEAR, str(config)])
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)


@contextmanager
def manager() -> Iterator[tuple[socket.socket, str]]:
    """Open the socket of a service manager; the name is what NOTIFY_SOCKET says."""
    with tempfile.TemporaryDirectory(prefix="qt-") as folder:
        path = f"{folder}/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.bind(path)
            listening.settimeout(WAIT_S)
            yield listening, path


def said(listening: socket.socket, word: str) -> bool:
    """Whether the manager is told `word`; within a bound."""
    try:
        return any(word in listening.recv(4096).decode().splitlines() for _ in range(50))
    except TimeoutError:
        return False


def test_the_daemon_says_when_it_is_ready_and_when_it_stops() -> None:
    """Type=notify: without READY=1 systemd would kill the service after a minute."""
    with run_cluster(1, start=False) as cluster, manager() as (listening, path):
        cluster.start("alpha", NOTIFY_SOCKET=path)
        assert said(listening, "READY=1"), cluster.log("alpha")
        cluster.cluster.running["alpha"].signal(signal.SIGTERM)
        assert said(listening, "STOPPING=1"), cluster.log("alpha")


def test_the_guardian_pings_as_long_as_its_loop_turns() -> None:
    """WatchdogSec=: systemd kills what falls silent, and nothing but the loop may speak for it."""
    with run_cluster(1, start=False) as cluster, manager() as (listening, path):
        node = cluster.start("alpha", NOTIFY_SOCKET=path, WATCHDOG_USEC="600000")
        assert said(listening, "READY=1"), cluster.log("alpha")
        assert said(listening, "WATCHDOG=1"), cluster.log("alpha")
        before = time.monotonic()
        assert all(said(listening, "WATCHDOG=1") for _ in range(5))
        assert time.monotonic() - before > 4 * 0.3 - 0.1, "more often than half the time"
        node.signal(signal.SIGSTOP)
        assert falls_silent(listening)
        node.signal(signal.SIGCONT)
        assert said(listening, "WATCHDOG=1")
        node.signal(signal.SIGTERM)
        assert said(listening, "STOPPING=1"), cluster.log("alpha")


def falls_silent(listening: socket.socket) -> bool:
    """Whether nothing comes for twice the time, once what was under way has come."""
    listening.settimeout(1.2)
    try:
        for _ in range(5):
            listening.recv(4096)
    except TimeoutError:
        return True
    finally:
        listening.settimeout(WAIT_S)
    return False


def test_a_status_of_one_line_is_told() -> None:
    """What `systemctl status` shows."""
    with run_cluster(1, start=False) as cluster, manager() as (listening, path):
        cluster.start("alpha", NOTIFY_SOCKET=path)
        assert said(listening, "STATUS=off"), cluster.log("alpha")
        cluster.wait_coordinator()
        assert any(listening.recv(4096).startswith(b"STATUS=on: epoch ") for _ in range(5))


def test_a_killed_daemon_leaves_its_vips_to_be_cleared_by_the_unit() -> None:
    """What is not running holds no VIP: ExecStopPost runs also after SIGKILL of everything."""
    with run_cluster(3) as cluster:
        leader = cluster.wait_healthy()
        family = cluster.cluster.running[leader]
        family.kill()
        done = clear(cluster, leader, cluster.cluster.config(leader))
        assert done.returncode == 0, done.stderr
        cluster.wait_coordinator(other_than=leader)
        assert leader not in cluster.holding()
        cluster.expect_one_holder()


def test_clearing_touches_no_other_address_and_may_be_repeated() -> None:
    """The node's own address stays; what is not there is no fault."""
    with run_cluster(1, start=False) as cluster:
        config = cluster.cluster.config("alpha")
        for vip in VIPS:
            cluster.lab.add_address("alpha", vip)
        first = clear(cluster, "alpha", config)
        assert first.returncode == 0, first.stderr
        assert first.stderr.count("removed") == len(VIPS)
        shown = cluster.lab.addresses("alpha")
        assert cluster.lab.places["alpha"].address in shown
        assert not any(vip in shown for vip in VIPS)
        second = clear(cluster, "alpha", config)
        assert (second.returncode, second.stderr) == (0, "")


def test_clearing_says_when_it_could_not_look() -> None:
    """A file that is no TOML says nothing about addresses; that is not the same as none."""
    with run_cluster(1, start=False) as cluster:
        config = cluster.cluster.config("alpha")
        config.write_text("[vip", encoding="utf-8")
        done = clear(cluster, "alpha", config)
        assert done.returncode == 1
        assert "no VIP was looked for" in done.stderr
