"""What runs when the daemon has ended clears the VIPs, and then the kernel's gate."""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.system.cluster import VIPS, SystemCluster, run_cluster
from watchdog.cli.demo.lab import INTERFACE, VIP

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


def namespace_of(cluster: SystemCluster) -> str:
    """The machine's network."""
    return cluster.lab.places[NAME].namespace


def run_ip(cluster: SystemCluster, words: str) -> None:
    """Run ip on the machine."""
    subprocess.run(["ip", "-n", namespace_of(cluster), *words.split()], check=True)


def clear_with(
    cluster: SystemCluster, folder: Path, script: str
) -> subprocess.CompletedProcess[str]:
    """Run what ExecStopPost runs, with a script in place of `ip`; none at all if it is empty."""
    if script:
        (folder / "ip").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "ip").chmod(0o755)
    nsenter = shutil.which("nsenter")
    assert nsenter
    inside = [nsenter, f"--net=/run/netns/{namespace_of(cluster)}"]
    words = [*inside, sys.executable, "-I", str(CLEAR), str(cluster.cluster.config(NAME))]
    env = {**os.environ, "PATH": str(folder)}
    return subprocess.run(words, capture_output=True, text=True, env=env, check=False)


def test_the_gate_stays_while_a_vip_does(cluster: SystemCluster, tmp_path: Path) -> None:
    """It is what keeps it silent."""
    shown = f"2: {INTERFACE}    inet {VIPS[0]} scope global {INTERFACE}"
    done = clear_with(cluster, tmp_path, f'[ "$2" = del ] || echo "{shown}"')
    assert done.returncode == 1
    assert f"COULD NOT REMOVE {VIPS[0]} from {INTERFACE}" in done.stderr
    assert "the gate is kept" in done.stderr
    assert table_of(cluster) in nft(cluster, "list", "tables")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo no memory >&2; exit 2", "no memory"),
        ("kill -9 $$", "-9"),
        ("echo what", "'what'"),
        ("echo Dump was interrupted >&2", "Dump was interrupted"),
        ("", "No such file"),
    ],
)
def test_the_gate_stays_when_ip_cannot_tell(
    cluster: SystemCluster, tmp_path: Path, script: str, why: str
) -> None:
    """No answer is not the answer that there is none."""
    done = clear_with(cluster, tmp_path, script)
    assert done.returncode == 1
    assert done.stderr.count("CANNOT TELL") == len(VIPS)
    assert why in done.stderr
    assert "the gate is kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert table_of(cluster) in nft(cluster, "list", "tables")


def test_a_list_that_changed_while_it_was_made_is_asked_for_again(
    cluster: SystemCluster, tmp_path: Path
) -> None:
    """An address may be missing from it; `ip` says so, and does not fail."""
    real, torn = shutil.which("ip"), tmp_path / "torn"
    script = f"[ -e {torn} ] && exec {real} $*; : >{torn}; echo Dump was interrupted >&2"
    done = clear_with(cluster, tmp_path, script)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("removed") == len(VIPS)


def test_vips_go_from_an_interface_that_was_renamed(cluster: SystemCluster) -> None:
    """Nobody can ask an interface that is not there any more, and the address still is."""
    run_ip(cluster, f"link set {INTERFACE} down")
    run_ip(cluster, f"link set {INTERFACE} name other0")
    run_ip(cluster, "link set other0 up")
    run_ip(cluster, f"addr replace {VIPS[1]} dev other0")  # an interface that is down loses it
    done = clear(cluster)
    assert done.returncode == 0, done.stderr
    for vip in VIPS:
        assert f"removed {vip} from other0" in done.stderr
        assert vip not in cluster.lab.addresses(NAME)
    assert nft(cluster, "list", "tables") == "table inet foreign\n"


def test_a_vip_goes_from_every_interface_that_has_it(cluster: SystemCluster) -> None:
    """Also from one that nobody configured, with a prefix of its own."""
    run_ip(cluster, f"addr add {VIP}/32 dev lo")
    done = clear(cluster)
    assert done.returncode == 0, done.stderr
    assert f"removed {VIP}/32 from lo" in done.stderr
    assert f"removed {VIP}/24 from {INTERFACE}" in done.stderr
    assert VIP not in cluster.lab.addresses(NAME)


def test_vips_go_also_where_the_daemons_modules_cannot_be_read(cluster: SystemCluster) -> None:
    """A broken installation must not keep an address up; the gate that stays is closed."""
    code = f"{AWAY}import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = clear(cluster, python=("-c", code))
    assert done.returncode == 1
    assert done.stderr.count("removed") == len(VIPS)
    assert "the gate is left, closed" in done.stderr
    assert table_of(cluster) in nft(cluster, "list", "tables")
