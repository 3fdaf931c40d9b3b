"""What runs when the daemon has ended clears the VIPs, and then the kernel's gate."""

import hashlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.system.cluster import VIPS, SystemCluster, run_cluster

pytestmark = pytest.mark.root
CLEAR = REPOSITORY / "packaging" / "clear_vips.py"
WAIT_S = 20.0
NAME = "alpha"
AWAY = "import sys; sys.modules['watchdog'] = None; sys.argv[:1] = []; "


@pytest.fixture
def cluster() -> Iterator[SystemCluster]:
    """One machine with both VIPs and a gate that nobody looks after."""
    with run_cluster(1, start=False) as made:
        for vip in VIPS:
            made.lab.add_address(NAME, vip)
        nft(made, "add", "table", "inet", table_of(made))
        nft(made, "add", "table", "inet", "foreign")
        yield made


def nft(cluster: SystemCluster, *words: str) -> str:
    """Run nft on the machine; what it prints."""
    command = cluster.lab.command(NAME, ["nft", *words])
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def table_of(cluster: SystemCluster) -> str:
    """Name of the gate's tables."""
    config = tomllib.loads(cluster.cluster.config(NAME).read_text())
    path = os.path.realpath(config["cluster"]["data_dir"])
    return f"quorumdog_{hashlib.sha256(path.encode()).hexdigest()[:12]}"


def clear(
    cluster: SystemCluster, env: Mapping[str, str] | None = None, python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run what ExecStopPost runs."""
    words = [sys.executable, "-I", *python, str(CLEAR), str(cluster.cluster.config(NAME))]
    command = cluster.lab.command(NAME, words)
    return subprocess.run(
        command, capture_output=True, text=True, timeout=WAIT_S, check=False, env=env
    )


def test_both_go_and_nothing_else(cluster: SystemCluster) -> None:
    """The tables of others stay, and a second time there is nothing to do."""
    for removed in (len(VIPS), 0):
        done = clear(cluster)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("removed") == removed
        assert nft(cluster, "list", "tables") == "table inet foreign\n"


def test_the_gate_stays_while_a_vip_does(cluster: SystemCluster, tmp_path: Path) -> None:
    """It is what keeps it silent."""
    ip = tmp_path / "ip"
    ip.write_text('#!/bin/sh\n[ "$2" = del ] || echo still there\n')
    ip.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    inside = ["nsenter", f"--net=/run/netns/{cluster.lab.places[NAME].namespace}"]
    words = [*inside, sys.executable, "-I", str(CLEAR), str(cluster.cluster.config(NAME))]
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 1
    assert "COULD NOT REMOVE" in done.stderr
    assert table_of(cluster) in nft(cluster, "list", "tables")


def test_vips_go_also_where_the_daemons_modules_cannot_be_read(cluster: SystemCluster) -> None:
    """A broken installation must not keep an address up; the gate that stays is closed."""
    code = f"{AWAY}import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = clear(cluster, python=("-c", code))
    assert done.returncode == 1
    assert done.stderr.count("removed") == len(VIPS)
    assert "the gate is left, closed" in done.stderr
    assert table_of(cluster) in nft(cluster, "list", "tables")
