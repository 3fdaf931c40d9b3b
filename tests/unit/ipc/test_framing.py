"""The framing of the control socket: any cut is one frame, and no length is believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc.framing import (
    HEADER,
    REQUEST_SIZE_MAX,
    Frame,
    FrameReader,
    FramingError,
    pack_reply,
    pack_request,
    parse_body,
)


def test_request_is_type_length_and_json_without_a_nul() -> None:
    """The bytes are pgpool's (docs/ipc.md)."""
    assert pack_request("q", {"verb": "ping"}) == b'q\x00\x00\x00\x0f{"verb":"ping"}'


def test_reply_ends_in_one_nul_that_the_length_counts() -> None:
    """Pgpool's own client calls strlen on what it got."""
    assert pack_reply("6", {"MESSAGE": "no"}) == b'6\x00\x00\x00\x11{"MESSAGE":"no"}\x00'


def test_empty_reply_has_no_body_at_all() -> None:
    """Length 0 is legal and is how pgpool says plain OK."""
    assert pack_reply("7", None) == b"7\x00\x00\x00\x00"


@given(st.binary(max_size=300), st.lists(st.integers(1, 20), max_size=30))
def test_frame_is_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    """Pgpool's clients write type, length and body separately."""
    stream = HEADER.pack(b"3", len(data)) + data
    reader = FrameReader()
    frame = None
    for size in [*cuts, len(stream) + 1]:
        piece, stream = stream[:size], stream[size:]
        if frame is None:
            frame = reader.feed(piece)
    assert frame == Frame("3", data)


@pytest.mark.parametrize("length", [-1, -(2**31), REQUEST_SIZE_MAX + 1, 2**31 - 1])
def test_impossible_length_is_refused_with_the_header(length: int) -> None:
    """A declared length of 2 GiB must cost nothing: it is refused before any body."""
    with pytest.raises(FramingError, match="was declared"):
        FrameReader().feed(HEADER.pack(b"q", length))


def test_longest_request_passes() -> None:
    """The limit itself is allowed."""
    text = "y" * (REQUEST_SIZE_MAX - len('{"x":""}'))
    assert FrameReader().feed(pack_request("q", {"x": text})) is not None
    with pytest.raises(FramingError, match="longer"):
        pack_request("q", {"x": text + "y"})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b"\xff\xfe{}",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"a":[' + b'{"b":' * 900 + b"1" + b"}" * 900 + b"]}",
        b'{"a":' + b"9" * 60_000 + b"}",
        b"{}\0\0",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b'{"\\uDFFF":1}',
        json.dumps({str(i): i for i in range(65)}).encode(),
    ],
)
def test_body_that_is_no_small_object_is_refused(data: bytes) -> None:
    """Depth, digits and sizes must end in one refusal, never in another exception."""
    with pytest.raises(FramingError):
        parse_body(data)


def test_what_is_read_can_be_written_again() -> None:
    """A helper's answer becomes part of a reply: one level too many would end the daemon."""
    deepest = parse_body(b'{"a":' + b"[" * 31 + b"]" * 31 + b"}")
    assert pack_reply("7", {"nodes": [{"checks": {"x": {"probes": [deepest]}}}]})


def test_body_may_end_in_a_nul_and_hold_raw_control_characters() -> None:
    """Old clients send a trailing NUL and do not escape newlines."""
    assert parse_body(b'{"a":"x\ny"}\0') == {"a": "x\ny"}


def test_key_that_is_given_twice_counts_once_and_first() -> None:
    """As in pgpool's lookup; two readers must not see two values."""
    assert parse_body(b'{"a":1,"a":2,"b":{"c":3,"c":4}}') == {"a": 1, "b": {"c": 3}}


def test_whole_surrogate_pair_is_a_character() -> None:
    """Only a half is refused."""
    assert parse_body(b'{"a":"\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


def test_text_that_is_none_leaves_as_an_escape() -> None:
    """A file name with odd bytes in a reason must not end the daemon."""
    assert pack_reply("7", {"a": "\udcff"})[5:] == b'{"a":"\\udcff"}\0'


@given(
    st.lists(st.tuples(st.sampled_from("023vq"), st.binary(max_size=40)), max_size=6),
    st.integers(1, 30),
)
def test_frames_on_one_stream_come_out_one_by_one(
    frames: list[tuple[str, bytes]], size: int
) -> None:
    """A registered client sends many on one connection, and a piece may hold several."""
    stream = b"".join(HEADER.pack(k.encode(), len(data)) + data for k, data in frames)
    reader = FrameReader()
    found = []
    for start in range(0, len(stream), size):
        frame = reader.feed(stream[start : start + size])
        while frame is not None:
            found.append(frame)
            frame = reader.feed()
    assert found == [Frame(*frame) for frame in frames]
    assert not reader.has_begun
