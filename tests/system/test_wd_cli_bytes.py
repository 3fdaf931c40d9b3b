"""The real wd_cli of Debian's pgpool2 against the real server, with a cluster on paper.

What it prints for its reader, and what reached the handler.  A missing binary is a failure.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from ipc.messages import NodeList, StatusChange
from tests.shell.ipc_serving import FakeCluster, Served

WD_CLI: Final = "/usr/sbin/wd_cli"
PORT: Final = 9000
HEADER: Final = "Total Watchdog nodes configured for lifecheck:    3"
ALPHA: Final = '0 0 "LEADER""alpha:9990 Linux alpha""10.0.0.1" 9000 9990'
BETA: Final = '1 0 "STANDBY""beta:9991 Linux beta""10.0.0.2" 9001 9991'
GAMMA: Final = '2 0 "STANDBY""gamma:9992 Linux gamma""10.0.0.3" 9002 9992'


class Ran(NamedTuple):
    """Exit status, and everything that was printed."""

    code: int
    text: str


class Desk(NamedTuple):
    """A folder with a socket and a file for `-f`, and the cluster behind it."""

    folder: Path
    cluster: FakeCluster

    def wd_cli(self, *arguments: str, file: str = "./pgpool.conf") -> Ran:
        """Run the real program with `-f`, which is the only way to name a socket folder."""
        return run("-f", file, *arguments, folder=self.folder)

    def verdicts(self, count: int) -> list[tuple[str, str, str]]:
        """What arrived, once `count` did: wd_cli ends before its words are read."""
        end_s = time.monotonic() + 10
        while len(self.cluster.verdicts) < count and time.monotonic() < end_s:
            time.sleep(0.01)
        return self.cluster.verdicts


def run(*arguments: str, folder: Path) -> Ran:
    """Run the real program; it must be there (CONTRIBUTING.md says what the tests need)."""
    assert os.access(WD_CLI, os.X_OK), f"{WD_CLI} is missing: install Debian's package pgpool2"
    done = subprocess.run(
        [WD_CLI, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=20,
        check=False,
    )
    return Ran(done.returncode, done.stdout)


def settings(folder: Path, key: str = "") -> None:
    """The three-line file of docs/ipc.md; without `use_watchdog` it needs no node id."""
    lines = [f"wd_ipc_socket_dir = '{folder}'", f"wd_port0 = {PORT}", f"wd_authkey = '{key}'"]
    (folder / "pgpool.conf").write_text("\n".join([*lines, ""]))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A server without a key."""
    settings(tmp_path)
    cluster = FakeCluster()
    with Served(tmp_path / f".s.PGPOOLWD_CMD.{PORT}", cluster):
        yield Desk(tmp_path, cluster)


@pytest.fixture
def locked_desk(tmp_path: Path) -> Iterator[Desk]:
    """A server whose requests need a key."""
    settings(tmp_path, "sekret")
    cluster = FakeCluster()
    with Served(tmp_path / f".s.PGPOOLWD_CMD.{PORT}", cluster, key=b"sekret"):
        yield Desk(tmp_path, cluster)


def test_info_lists_every_node(desk: Desk) -> None:
    """The local one first."""
    ran = desk.wd_cli("--info", "--all")
    assert ran == Ran(0, f"{HEADER}\n{ALPHA}\n{BETA}\n{GAMMA}\n")
    assert [request for _, request in desk.cluster.heard] == [NodeList(-1)]


def test_info_in_full_shows_the_state_numbers(desk: Desk) -> None:
    """The short listing's second column is always 0."""
    ran = desk.wd_cli("-i", "-a", "-v")
    assert ran.code == 0
    assert ran.text.count("Node Status code:") == 3
    assert "Node Status code:  4\nNode Status:       LEADER" in ran.text


@pytest.mark.parametrize(
    ("choice", "row"),
    [
        (("-n", "1"), BETA),
        (("-N", "gamma:9992 Linux gamma"), GAMMA),
        (("-N", "GAMMA:9992 linux GAMMA"), GAMMA),
        (("-H", "10.0.0.2", "-P", "9001"), BETA),
        (("-H", "10.0.0.3"), GAMMA),
    ],
)
def test_info_finds_one_node(desk: Desk, choice: tuple[str, ...], row: str) -> None:
    """By id, by name in any case, by host and port."""
    assert desk.wd_cli("-i", *choice) == Ran(0, f"{HEADER}\n{row}\n")


def test_info_of_a_node_that_is_not_there_fails(desk: Desk) -> None:
    """It asks for all and searches by itself."""
    ran = desk.wd_cli("-i", "-n", "7")
    assert ran.code == 1
    assert "unable to find the node" in ran.text


@pytest.mark.parametrize(
    ("choice", "name", "number"),
    [
        (("-n", "1"), "beta", 1),
        (("-N", "gamma:9992 Linux gamma"), "gamma", 2),
        (("-H", "10.0.0.2", "-P", "9001"), "beta", 1),
    ],
)
def test_inform_arrives(desk: Desk, choice: tuple[str, ...], name: str, number: int) -> None:
    """DEAD, then ALIVE; our '7' does not disturb a client that does not wait for it."""
    dead = desk.wd_cli("--inform", "DEAD", *choice, "-m", "it does not answer")
    assert dead.code == 0
    assert "is dead" in dead.text
    assert desk.verdicts(1) == [(name, "dead", "it does not answer")]
    alive = desk.wd_cli("-I", "ALIVE", *choice)
    assert alive.code == 0
    assert desk.verdicts(2) == [(name, "dead", "it does not answer"), (name, "alive", "")]
    changes = [r for _, r in desk.cluster.heard if isinstance(r, StatusChange)]
    assert [change.node_id for change in changes] == [number, number]


def test_inform_without_criteria_hits_the_local_node(desk: Desk) -> None:
    """docs/ipc.md warns of it."""
    assert desk.wd_cli("-I", "DEAD").code == 0
    assert desk.verdicts(1) == [("alpha", "dead", "")]


def test_message_with_quotes_is_lost_without_harm(desk: Desk) -> None:
    """This wd_cli does not escape; the server refuses, lives, and nobody is called dead."""
    ran = desk.wd_cli("-I", "DEAD", "-n", "1", "-m", 'say "no"')
    assert ran.code == 0
    assert desk.cluster.verdicts == []
    assert desk.wd_cli("-i", "-n", "0").code == 0


def test_message_with_a_line_end_arrives_on_one_line(desk: Desk) -> None:
    """A raw control character inside a string is tolerated, and cleaned."""
    assert desk.wd_cli("-I", "DEAD", "-n", "1", "-m", "a\nb").code == 0
    assert desk.verdicts(1) == [("beta", "dead", "a b")]


def test_key_of_the_file_is_sent(locked_desk: Desk) -> None:
    """With `wd_authkey` in the file nothing else is needed."""
    assert locked_desk.wd_cli("-i", "-n", "0") == Ran(0, f"{HEADER}\n{ALPHA}\n")
    assert locked_desk.wd_cli("-I", "DEAD", "-n", "2", "-m", "x").code == 0
    assert locked_desk.verdicts(1) == [("gamma", "dead", "x")]


def test_key_of_the_command_line_goes_before_that_of_the_file(locked_desk: Desk) -> None:
    """And a wrong one is refused; wd_cli does not show our sentence."""
    assert locked_desk.wd_cli("-k", "sekret", "-i", "-n", "0").code == 0
    ran = locked_desk.wd_cli("-i", "-n", "0", "-k", "wrong")
    assert ran.code == 255
    assert "contains no data" in ran.text
    assert locked_desk.wd_cli("-I", "DEAD", "-n", "2", "-k", "wrong").code == 255
    assert locked_desk.cluster.verdicts == []


def test_missing_key_is_refused(locked_desk: Desk) -> None:
    """The file without one."""
    settings(locked_desk.folder)
    assert locked_desk.wd_cli("-i", "-n", "0").code == 255
    assert locked_desk.wd_cli("-I", "DEAD", "-n", "2").code == 255
    assert locked_desk.cluster.verdicts == []


def test_file_of_a_real_pgpool_needs_its_folder_and_its_node_id(desk: Desk) -> None:
    """With `use_watchdog` it looks for the node's id beside the file; docs/ipc.md says so."""
    assert desk.wd_cli("-i", "-n", "0", file="pgpool.conf").code == 0
    file = desk.folder / "pgpool.conf"
    file.write_text(f"use_watchdog = on\nhostname0 = 'alpha'\n{file.read_text()}")
    ran = desk.wd_cli("-i", "-n", "0")
    assert ran.code == 255
    assert "./pgpool_node_id does not exist" in ran.text
    (desk.folder / "pgpool_node_id").write_text("0\n")
    assert desk.wd_cli("-i", "-n", "0").code == 0
    assert desk.wd_cli("-i", "-n", "0", file=str(file)).code == 0
    ran = desk.wd_cli("-i", "-n", "0", file="pgpool.conf")
    assert ran.code == 255
    assert "FATAL" in ran.text
    assert " /pgpool_node_id does not exist" in ran.text


def test_two_hundred_nodes_fit(desk: Desk) -> None:
    """The reply is 60 KiB long."""
    template = desk.cluster.nodes[1]
    rows = [{**template, "ID": i, "NodeName": f"n{i}:9 Linux n{i}"} for i in range(3, 203)]
    desk.cluster.nodes.extend(rows)
    assert len(desk.wd_cli("-i", "-a").text.splitlines()) >= 203
