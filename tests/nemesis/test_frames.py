"""The judge's frames: questions as the kernel expects them, answers as it gives them."""

import pytest

from tests.nemesis import frames

MAC = bytes.fromhex("020000000001")
NODE = bytes.fromhex("02000000000a")


def test_an_arp_answer_names_the_machine() -> None:
    """A question is none."""
    ask = frames.who_has4(MAC, "10.77.0.20", "10.77.0.100")
    assert frames.answered(ask) is None
    vip = bytes([10, 77, 0, 100])
    answer = MAC + NODE + bytes.fromhex("0806 0001 0800 06 04 0002") + NODE + vip + MAC + bytes(4)
    assert frames.answered(answer) == (NODE, "10.77.0.100")


def test_a_neighbour_advertisement_names_the_machine() -> None:
    """By its MAC address and the target."""
    ask = frames.who_has6(MAC, "fd77::20", "fd77::100")
    assert frames.answered(ask) is None
    vip = ask[62:78]
    answer = MAC + NODE + ask[12:54] + b"\x88" + ask[55:62] + vip
    assert frames.answered(answer) == (NODE, "fd77::100")


def test_the_neighbour_question_has_a_right_checksum() -> None:
    """Over the pseudo header: the kernel drops it otherwise."""
    ask = frames.who_has6(MAC, "fd77::20", "fd77::100")
    source, target, body = ask[22:38], ask[38:54], ask[54:]
    pseudo = source + target + len(body).to_bytes(4, "big") + (58).to_bytes(4, "big")
    assert frames.checksum(pseudo + body) == 0


def test_a_datagram_has_a_right_header() -> None:
    """The sum over a header with its checksum is zero."""
    frame = frames.datagram(NODE, MAC, ("10.77.0.20", 1), ("10.77.0.100", 2), b"hello")
    assert frame[:12] == NODE + MAC
    assert frames.checksum(frame[14:34]) == 0
    assert frame[-5:] == b"hello"


@pytest.mark.parametrize("frame", [b"", b"\0" * 14, b"\0" * 12 + b"\x08\x06" + b"\0" * 10])
def test_short_frames_are_no_answers(frame: bytes) -> None:
    """Whatever is on the wire."""
    assert frames.answered(frame) is None
