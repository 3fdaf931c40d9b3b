"""What a node's own wire shows: silence, and speech again, each with its bounds."""

import json
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from bench.peers import watching
from bench.peers.watching import SILENT_MIN, Wire
from watchdog.cli.demo.journal import Journal

VIP = "192.0.2.100"
MAC = b"\x02\x00\x00\x00\x00\x01"
ARP_REPLY = struct.pack(
    "!6s6sHHHBBH6s4s6s4s",
    *(MAC, MAC, 0x0806, 1, 0x0800, 6, 4, 2, MAC, socket.inet_aton(VIP), MAC, bytes(4)),
)
OTHERS_REPLY = ARP_REPLY.replace(socket.inet_aton(VIP), socket.inet_aton("192.0.2.7"))


class FakePort:
    """A node's end of a cable: what it will say is put into `frames`."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.kind = socket.PACKET_HOST

    def getsockname(self) -> tuple[str, int, int, int, bytes]:
        """With the hardware address last, as packet sockets have it."""
        return ("p-alpha", 3, 0, 1, MAC)

    def send(self, frame: bytes) -> int:
        """Take the question; `frames` is what is said to it."""
        return len(frame)

    def recvfrom(self, _: int) -> tuple[bytes, tuple[str, int, int, int, bytes]]:
        """The next frame; BlockingIOError when there is none."""
        if not self.frames:
            raise BlockingIOError
        return self.frames.pop(0), ("p-alpha", 0x0806, self.kind, 1, MAC)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> FakePort:
    """In the place of a packet socket, which only root has."""
    made = FakePort()
    monkeypatch.setattr(watching, "_tap", lambda _: made)
    return made


def told(wire: Wire, port: FakePort, path: Path, *answers: bytes) -> list[dict[str, Any]]:
    """Ask once for each of `answers` (empty: none comes); what the journal has then."""
    for answer in answers:
        wire.ask()
        port.frames = [answer] if answer else []
        wire.hear()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_node_that_falls_silent_and_speaks_again_is_written_twice(
    port: FakePort, tmp_path: Path
) -> None:
    """With the last question that it answered: the silence began then at the earliest."""
    path = tmp_path / "journal"
    wire = Wire("alpha", "p-alpha", VIP, Journal(path))
    silence = [b""] * (SILENT_MIN + 3)
    rows = told(wire, port, path, ARP_REPLY, ARP_REPLY, *silence, ARP_REPLY, ARP_REPLY)
    assert [(row["node"], row["answers"]) for row in rows] == [("alpha", False), ("alpha", True)]
    assert 0 < rows[0]["last"] < rows[0]["t"] < rows[1]["t"]


def test_what_others_say_is_no_answer(port: FakePort, tmp_path: Path) -> None:
    """Frames about other addresses come on the same wire all the time."""
    path = tmp_path / "journal"
    wire = Wire("alpha", "p-alpha", VIP, Journal(path))
    rows = told(wire, port, path, ARP_REPLY, *[OTHERS_REPLY] * (SILENT_MIN + 3))
    assert [row["answers"] for row in rows] == [False]


def test_what_the_bridge_sends_to_the_node_is_no_answer_of_it(
    port: FakePort, tmp_path: Path
) -> None:
    """The announcements of a new holder go to every port, that of a dead one too."""
    path = tmp_path / "journal"
    wire = Wire("alpha", "p-alpha", VIP, Journal(path))
    told(wire, port, path, ARP_REPLY)
    port.kind = socket.PACKET_OUTGOING
    rows = told(wire, port, path, *[ARP_REPLY] * (SILENT_MIN + 3))
    assert [row["answers"] for row in rows] == [False]


def test_two_missing_answers_are_no_silence(port: FakePort, tmp_path: Path) -> None:
    """A busy machine answers late."""
    path = tmp_path / "journal"
    wire = Wire("alpha", "p-alpha", VIP, Journal(path))
    told_nothing = (*[b""] * (SILENT_MIN - 1), ARP_REPLY) * 4
    assert told(wire, port, path, *told_nothing) == []
