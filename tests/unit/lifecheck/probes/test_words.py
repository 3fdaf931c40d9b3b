"""What a probe says about what others sent."""

import errno

from hypothesis import given
from hypothesis import strategies as st

from lifecheck.detector import DETAIL_MAX
from lifecheck.probes.words import clean, decoded, fault, first_line, quoted


@given(st.text())
def test_whatever_comes_becomes_one_short_printable_line(text: str) -> None:
    """Details go to logs, to status and to peers."""
    assert clean(text).isprintable()
    assert len(clean(text)) <= DETAIL_MAX


@given(st.binary())
def test_whatever_bytes_come_can_be_quoted(data: bytes) -> None:
    """What answers may be anything."""
    assert quoted(data).isprintable()
    assert isinstance(decoded(data), str)


def test_a_long_text_says_that_it_was_cut() -> None:
    """Nobody should look for the end of a sentence."""
    assert clean("a" * 300) == "a" * (DETAIL_MAX - 3) + "..."
    assert clean(" a\tb\n") == "a b"
    assert clean("\x1b[31mred") == "?[31mred"


def test_nothing_is_called_nothing() -> None:
    """Two quotes with nothing between them are easily overlooked."""
    assert quoted(b"") == "nothing"
    assert quoted(b"a\r\nb") == "'a b'"


def test_the_first_line_that_says_something_is_found() -> None:
    """Some programs begin with a blank line."""
    assert first_line("\n  \n b \nc") == "b"
    assert first_line("") == ""


def test_an_error_is_a_sentence_about_its_subject() -> None:
    """The reader needs to know who refused, not which call failed."""
    refused = OSError(errno.ECONNREFUSED, "x")
    assert fault(refused, "127.0.0.1:5432") == "connection refused by 127.0.0.1:5432"
    assert fault(OSError(errno.EISDIR, "x"), "/a") == "/a: Is a directory"
    assert fault(OSError("odd"), "/a") == "/a: odd"
    assert fault(OSError(), "/a") == "/a: OSError"
