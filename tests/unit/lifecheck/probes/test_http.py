"""HTTP as bytes: what is asked, and what counts as an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecheck.probes.http import (
    BODY_MAX,
    content_length,
    parse_status,
    parse_url,
    request,
    split_head,
)


def test_one_plain_request_is_sent() -> None:
    """HTTP/1.0, so nobody answers in chunks; Host, so virtual hosts work."""
    assert request(parse_url("http://example.test:8080/a/b?c=d")) == (
        b"GET /a/b?c=d HTTP/1.0\r\nHost: example.test:8080\r\nUser-Agent: quorumdog\r\n"
        b"Accept: */*\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("text", "place", "port", "target"),
    [
        ("http://h", "h", 80, "/"),
        ("https://h", "h", 443, "/"),
        ("http://h:443/", "h:443", 443, "/"),
        ("https://[::1]:8443/x#part", "[::1]:8443", 8443, "/x"),
        ("http://[::1]", "[::1]", 80, "/"),
        ("HTTP://H?q", "h", 80, "/?q"),
    ],
)
def test_a_url_says_where_and_what(text: str, place: str, port: int, target: str) -> None:
    """The usual port is left out of Host, as browsers do."""
    url = parse_url(text)
    assert (url.place, url.port, url.target) == (place, port, target)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://h/",
        "http:///x",
        "http://user:secret@h/",
        "http://h/a b",
        "http://h/\r\nX: y",
        "http://h/\u00e9",
        "http://h:99999/",
        "http://h:x/",
        "http://[::1/",
        "http://h/" + "a" * 2048,
    ],
)
def test_a_url_that_is_none_is_refused(text: str) -> None:
    """Also one that would smuggle a header, or show a password to everybody."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_url(text)


def test_a_query_is_not_shown() -> None:
    """It may hold a token."""
    assert parse_url("https://h/x?token=1").name == "https://h/x"


def test_a_head_ends_with_a_blank_line() -> None:
    """Also with bare line feeds; the first of both counts."""
    assert split_head(b"a\r\nb\r\n") is None
    assert split_head(b"a\r\nb\r\n\r\nbody\n\n") == (b"a\r\nb", b"body\n\n")
    assert split_head(b"a\nb\n\nbody\r\n\r\n") == (b"a\nb", b"body\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nX: y", 200),
        (b"HTTP/1.0 404", 404),
        (b"HTTP/1.1 20 no", None),
        (b"HTTP/1.1 2000", None),
        (b"HTTP/1.1", None),
        (b"SSH-2.0-OpenSSH 200", None),
        (b"HTTP/1.1 -12 x", None),
        (b"", None),
    ],
)
def test_only_a_status_line_has_a_status(head: bytes, status: int | None) -> None:
    """Whatever else listens there is not what was asked for."""
    assert parse_status(head) == status


def test_a_body_is_as_long_as_it_says_if_that_makes_sense() -> None:
    """Else it ends where the connection does."""
    assert content_length(b"HTTP/1.1 200\r\ncontent-LENGTH : 12 ") == 12
    assert content_length(b"HTTP/1.1 200\r\nContent-Length: -1") == BODY_MAX
    assert content_length(b"HTTP/1.1 200\r\nContent-Length: " + b"9" * 100) == BODY_MAX
    assert content_length(b"HTTP/1.1 200\r\nContent-Lengths: 1") == BODY_MAX


@given(st.binary(max_size=200))
def test_garbage_has_no_status_and_raises_nothing(data: bytes) -> None:
    """Anything may listen on a port."""
    head = split_head(data)
    assert parse_status(data) is None or data.startswith(b"HTTP/")
    assert content_length(head[0] if head else data) >= 0
