"""Frames come out as they went in, however the network cuts them."""

import pytest

from watchdog.wire.errors import ProtocolError
from watchdog.wire.frames import FRAME_SIZE_MAX, Splitter, pack

PAYLOADS = [b"a", b"bc" * 40, b"\0" * 5, b"x" * FRAME_SIZE_MAX, b"last"]


def test_length_is_four_bytes_in_network_order() -> None:
    """docs/protocol.md, "Frame"."""
    assert pack(b"abc") == b"\0\0\0\x03abc"


@pytest.mark.parametrize("size", [0, FRAME_SIZE_MAX + 1])
def test_a_payload_that_no_peer_would_take_is_not_packed(size: int) -> None:
    """Making one is our own bug."""
    with pytest.raises(AssertionError):
        pack(bytes(size))


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 7, 1000, 70_000, 10**6])
def test_payloads_survive_every_cut(cut: int) -> None:
    """TCP keeps the order of bytes and nothing else."""
    stream = b"".join(pack(payload) for payload in PAYLOADS)
    splitter = Splitter("beta")
    out = []
    for start in range(0, len(stream), cut):
        out += splitter.feed(stream[start : start + cut])
    assert out == PAYLOADS
    assert splitter.pending == 0


def test_nothing_in_gives_nothing_out() -> None:
    """An empty read is not an end of frame."""
    assert Splitter("beta").feed(b"") == []


def test_an_unfinished_frame_shows_as_pending() -> None:
    """The shell closes a connection whose frame does not complete in time."""
    splitter = Splitter("beta")
    splitter.feed(pack(b"abcdef")[:7])
    assert splitter.pending == 7
    assert splitter.feed(b"def" + b"\0") == [b"abcdef"]
    assert splitter.pending == 1


@pytest.mark.parametrize("length", [0, FRAME_SIZE_MAX + 1, 2**31, 2**32 - 1])
def test_an_impossible_length_is_refused_before_its_frame_is_kept(length: int) -> None:
    """A peer must not be able to reserve 4 GiB with four bytes."""
    splitter = Splitter("beta")
    with pytest.raises(ProtocolError, match=f"beta: frame of {length} bytes") as caught:
        splitter.feed(length.to_bytes(4, "big") + b"x" * 100)
    assert caught.value.peer == "beta"
    assert splitter.pending == 0


def test_after_an_impossible_length_nothing_is_read_any_more() -> None:
    """What follows has lost its beginning; reading on would take garbage for messages."""
    splitter = Splitter("beta")
    with pytest.raises(ProtocolError):
        splitter.feed(bytes(4))
    with pytest.raises(ProtocolError, match="frame of 0 bytes"):
        splitter.feed(pack(b"good"))
    assert splitter.pending == 0


def test_a_splitter_never_keeps_more_than_one_unfinished_frame() -> None:
    """The bound that makes a slow or hostile sender harmless."""
    splitter = Splitter("beta")
    frame = pack(b"x" * FRAME_SIZE_MAX)
    for _ in range(20):
        assert len(splitter.feed(frame[:-1])) <= 1
        assert splitter.pending <= len(frame)
        splitter.feed(frame[-1:])
    assert splitter.pending == 0
