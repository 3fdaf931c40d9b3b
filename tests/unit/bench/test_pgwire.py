"""The bytes of one question to PostgreSQL and of its answer."""

import struct

import pytest

from bench.pgwire import last_column, packets, question, start_up

AUTHENTICATED = b"R" + struct.pack("!ii", 8, 0)
READY = b"Z" + struct.pack("!i", 5) + b"I"


def _row(*columns: bytes | None) -> bytes:
    body = struct.pack("!h", len(columns))
    for column in columns:
        body += struct.pack("!i", -1) if column is None else struct.pack("!i", len(column)) + column
    return b"D" + struct.pack("!i", 4 + len(body)) + body


def test_a_session_is_opened_as_the_protocol_says() -> None:
    """Length with itself, version 3.0, pairs of names and values, an empty name at the end."""
    packet = start_up("me", "db")
    assert packet == b"\0\0\0\x1d\0\3\0\0user\0me\0database\0db\0\0"


def test_a_question_is_one_packet() -> None:
    """The length counts itself and the final zero, not the type."""
    assert question("SELECT 1") == b"Q\0\0\0\x0dSELECT 1\0"


def test_the_answer_is_the_last_column_of_the_first_row() -> None:
    """It says which node answered."""
    assert last_column(AUTHENTICATED + _row(b"1", b"beta") + READY) == "beta"
    assert last_column(_row(b"1", None)) == ""


def test_what_is_cut_anywhere_before_the_row_ends_is_no_answer_yet() -> None:
    """TCP may deliver any piece."""
    whole = AUTHENTICATED + _row(b"1", b"beta")
    assert all(last_column(whole[:size]) is None for size in range(len(whole)))


def test_an_error_is_no_answer() -> None:
    """A database that is starting up answers, but not with a row."""
    said = b"SFATAL\0C57P03\0Mthe database system is starting up\0\0"
    assert last_column(b"E" + struct.pack("!i", 4 + len(said)) + said) is None


def test_what_is_not_this_protocol_ends_the_attempt() -> None:
    """A length that does not even hold itself would be read for ever."""
    with pytest.raises(ValueError, match="a packet of 0 bytes"):
        list(packets(b"H\0\0\0\0"))
