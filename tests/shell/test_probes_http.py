"""Probe `http` against servers that behave and servers that do not."""

import asyncio
from typing import Any

import pytest

from tests.shell.probing import Talk, cancelled, listening, look, probe, saying, silence

OK = b"HTTP/1.1 200 OK\r\n"


async def _forever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)
    for number in range(1_000_000):
        writer.write(b"X-%d: y\r\n" % number)
        await writer.drain()
        await asyncio.sleep(0)


async def _closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()


def _ask(talk: Talk, path: str = "/x", **options: Any) -> tuple[bool, str]:
    async def story() -> tuple[bool, str]:
        async with listening(talk) as port:
            url = f"http://127.0.0.1:{port}{path}"
            given: dict[str, Any] = {"url": url, "status": [200], "body": None, **options}
            subject = probe("http", **given)
            outcome = await look(subject)
            return outcome.ok, outcome.detail.replace(f"127.0.0.1:{port}", "HOST")

    return asyncio.run(story())


def test_the_expected_status_is_well() -> None:
    """The body is not even read."""
    assert _ask(saying(OK + b"\r\n")) == (True, "http://HOST/x answered 200")


def test_another_status_is_not() -> None:
    """And it is said."""
    answer = saying(b"HTTP/1.1 503 No\r\n\r\n")
    assert _ask(answer) == (False, "http://HOST/x answered 503")
    assert _ask(answer, status=[200, 503])[0]


def test_a_redirect_is_not_followed() -> None:
    """It leads to another place, which was not configured."""
    answer = saying(b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1/\r\n\r\n")
    told = "http://HOST/x answered 302: redirects are not followed"
    assert _ask(answer) == (False, told)


def test_the_body_must_match_when_asked() -> None:
    """Also when it comes in pieces, with and without its length."""
    pieces = (OK, b"\r\n", b"stat", b"us: ready\n", b"bye")
    found = "http://HOST/x answered 200, found '^status: ready$' in 17 bytes of body"
    assert _ask(saying(*pieces), body="^status: ready$") == (True, found)
    assert not _ask(saying(*pieces), body="^ready$")[0]
    short = saying(OK + b"Content-Length: 4\r\n\r\nokaysecret")
    assert _ask(short, body="okay")[0]
    assert not _ask(short, body="secret")[0]


def test_a_huge_body_is_read_only_in_part() -> None:
    """64 KiB, and no more."""
    huge = saying(OK + b"\r\n", b"x" * 65536, b"needle")
    ok, detail = _ask(huge, body="needle")
    assert not ok
    assert "no 'needle' in 65536 bytes of body" in detail


@pytest.mark.parametrize(
    ("talk", "told"),
    [
        (_closing, "http://HOST/x closed after saying nothing"),
        (saying(b"HTTP/1.1 2"), "http://HOST/x closed after saying 'HTTP/1.1 2'"),
        (saying(b"\x00\xff\r\n\r\n"), "http://HOST/x said '?\ufffd', which is no HTTP"),
        (
            saying(b"220 smtp ESMTP\r\n\r\n"),
            "http://HOST/x said '220 smtp ESMTP', which is no HTTP",
        ),
        (_forever, "http://HOST/x sent more than 16384 bytes of headers"),
    ],
    ids=["nothing", "cut", "garbage", "smtp", "headers for ever"],
)
def test_what_is_no_answer_fails_and_is_said(talk: Talk, told: str) -> None:
    """Whatever listens on the port may be something else."""
    assert _ask(talk) == (False, told)


def test_a_listener_that_never_answers_is_waited_for_until_the_cancel() -> None:
    """And so is one that never ends its body."""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"\r\nhalf")
        await writer.drain()
        await asyncio.sleep(60)

    async def story() -> None:
        async with listening(silence) as port:
            url = f"http://127.0.0.1:{port}/x"
            doing = await cancelled(probe("http", url=url, status=[200], body=None))
            assert doing == f"waiting for an answer of {url}"
        async with listening(half) as port:
            url = f"http://127.0.0.1:{port}/x"
            doing = await cancelled(probe("http", url=url, status=[200], body="whole"))
            assert doing == f"reading the body of {url}: 4 bytes so far"

    asyncio.run(story())
