"""What the service manager is told, on a socket of our own."""

import socket
from pathlib import Path

from watchdog.guardian.supervisor import Supervisor, from_environment


def test_the_state_arrives(tmp_path: Path) -> None:
    """The protocol of systemd: one datagram."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": str(path)}).tell("READY=1")
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
    from_environment()
