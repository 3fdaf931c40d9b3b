"""What the service manager is told, on a socket of our own."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import readable
from watchdog.guardian.loop import Loop
from watchdog.guardian.supervisor import Supervisor, from_environment


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of a service manager; its name is `notify`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What systemd gives."""
    return {"NOTIFY_SOCKET": str(folder / "notify"), **more}


def nothing() -> None:
    """After each callback of the loop."""


def test_the_state_arrives(tmp_path: Path, manager: socket.socket) -> None:
    """The protocol of systemd: one datagram."""
    Supervisor(environment(tmp_path)).tell("READY=1")
    assert manager.recv(100) == b"READY=1"


def test_abstract_addresses_work_too() -> None:
    """The `@` stands for a zero byte."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0quorumdog-test-notify")
        manager.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": "@quorumdog-test-notify"}).tell("STOPPING=1")
        assert manager.recv(100) == b"STOPPING=1"


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    """Run by hand, or the manager has gone."""
    Supervisor({}).tell("READY=1")
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")
    assert not Supervisor({"WATCHDOG_USEC": "3000000"}).wants_pings
    from_environment()


@pytest.mark.parametrize(
    ("variables", "wants"),
    [
        ({}, False),
        ({"WATCHDOG_USEC": "3000000"}, True),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, True),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, False),
        ({"WATCHDOG_USEC": "0"}, False),
        ({"WATCHDOG_USEC": "soon"}, False),
    ],
)
def test_pings_are_sent_only_when_they_are_meant_for_us(
    tmp_path: Path, variables: dict[str, str], wants: bool
) -> None:
    """A child would otherwise speak for a parent that stands still."""
    assert Supervisor(environment(tmp_path, **variables)).wants_pings == wants


def test_each_ping_takes_a_turn_of_the_loop(tmp_path: Path, manager: socket.socket) -> None:
    """What does not turn falls silent: no thread and no child keeps the pings up."""
    loop = Loop()
    Supervisor(environment(tmp_path, WATCHDOG_USEC="20000")).arm(loop)
    assert manager.recv(100) == b"WATCHDOG=1"
    manager.settimeout(0.1)
    with pytest.raises(TimeoutError):
        manager.recv(100)
    turned = 0
    while turned < 100:
        loop.turn(None, nothing)
        turned += 1
        if readable(0, manager):
            assert manager.recv(100) == b"WATCHDOG=1"
            return
    raise AssertionError("no ping in a hundred turns")


def test_a_status_is_told_when_it_has_changed(tmp_path: Path, manager: socket.socket) -> None:
    """`systemctl status` shows it; one line, and not the same one twice."""
    loop, said = Loop(), ["off", "off", "on:\nepoch 7" + "x" * 300]
    Supervisor(environment(tmp_path, WATCHDOG_USEC="2000")).arm(loop, lambda: said.pop(0))
    assert manager.recv(100) == b"WATCHDOG=1\nSTATUS=off"
    while said:
        loop.turn(None, nothing)
    assert manager.recv(100) == b"WATCHDOG=1"
    last = manager.recv(1000)
    assert last.startswith(b"WATCHDOG=1\nSTATUS=on: epoch 7")
    assert len(last) < 250


def test_a_manager_that_wants_no_pings_gets_the_status_only(
    tmp_path: Path, manager: socket.socket
) -> None:
    """WatchdogSec= may be switched off in a drop-in."""
    Supervisor(environment(tmp_path)).arm(Loop(), lambda: "off")
    assert manager.recv(100) == b"STATUS=off"
