"""Probe `tcp` against listeners of every kind."""

import asyncio
import socket

import pytest

from tests.shell.probing import (
    cancelled,
    listening,
    look,
    once,
    probe,
    saying,
    silence,
    sockets_to,
)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    await writer.drain()


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def test_a_listener_is_enough_when_nothing_is_expected() -> None:
    """As a load balancer's check of a port."""

    async def story() -> None:
        async with listening(silence) as port:
            outcome = await look(probe("tcp", host="127.0.0.1", port=port))
            assert outcome == (True, f"connected to 127.0.0.1:{port}")

    asyncio.run(story())


def test_nobody_there_is_said_with_the_address() -> None:
    """The reader wants to know who refused."""
    port = _free_port()
    outcome = once(probe("tcp", host="127.0.0.1", port=port))
    assert outcome == (False, f"connection refused by 127.0.0.1:{port}")


def test_a_name_is_looked_up_and_every_address_tried() -> None:
    """`localhost` is ::1 as well, where nobody may listen."""

    async def story() -> None:
        async with listening(silence) as port:
            assert (await look(probe("tcp", host="localhost", port=port))).ok

    asyncio.run(story())


def test_a_name_that_nobody_knows_is_said() -> None:
    """`.invalid` never exists (RFC 2606)."""
    outcome = once(probe("tcp", host="nobody.invalid", port=1))
    assert not outcome.ok
    assert outcome.detail.startswith("cannot look up nobody.invalid: ")
    assert not once(probe("tcp", host="a" * 300, port=1)).ok, "too long for a name"


def test_what_is_sent_may_be_answered_as_expected() -> None:
    """Only an answer proves that the program lives."""

    async def story() -> None:
        async with listening(_echo) as port:
            right = probe("tcp", host="127.0.0.1", port=port, send="PING\n", expect="^PING$")
            assert (await look(right)).ok
            wrong = probe("tcp", host="127.0.0.1", port=port, send="PING\n", expect="PONG")
            outcome = await look(wrong)
            said = f"127.0.0.1:{port} said 'PING' and closed, not 'PONG'"
            assert outcome == (False, said)

    asyncio.run(story())


def test_an_answer_may_come_in_pieces() -> None:
    """A reader that looks once sees half of it."""

    async def story() -> None:
        async with listening(saying(b"+PO", b"NG\r\n")) as port:
            assert (await look(probe("tcp", host="127.0.0.1", port=port, expect=r"\+PONG"))).ok

    asyncio.run(story())


def test_only_the_first_four_kibibytes_are_read() -> None:
    """A talker must not keep the probe busy."""

    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(100_000):
            writer.write(b"blah" * 256)
            await writer.drain()

    async def story() -> None:
        async with listening(chatter) as port:
            outcome = await look(probe("tcp", host="127.0.0.1", port=port, expect="never"))
            assert not outcome.ok
            assert "said 'blahblah" in outcome.detail

    asyncio.run(story())


def test_who_accepts_and_never_speaks_is_waited_for_until_the_cancel() -> None:
    """A stopped process looks like this: the kernel accepts for it. Nothing stays open."""

    async def story() -> None:
        async with listening(silence) as port:
            subject = probe("tcp", host="127.0.0.1", port=port, expect="PONG")
            doing = await cancelled(subject)
            assert doing == f"127.0.0.1:{port} said nothing, not 'PONG'"
            assert not sockets_to(port)

    asyncio.run(story())


def test_a_full_backlog_is_waited_for_until_the_cancel() -> None:
    """Connecting hangs when a program has stopped accepting for long."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        line.listen(0)
        port = line.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        connected = len(sockets_to(port))

        async def story() -> None:
            doing = await cancelled(probe("tcp", host="127.0.0.1", port=port))
            assert doing == f"connecting to 127.0.0.1:{port}"
            assert len(sockets_to(port)) == connected

        asyncio.run(story())
        for filler in fillers:
            filler.close()


def test_a_reset_is_a_sentence_too() -> None:
    """A program that dies while it is asked."""

    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        line = writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async def story() -> None:
        async with listening(slam) as port:
            subject = probe("tcp", host="127.0.0.1", port=port, send="x" * 10, expect="y")
            assert await look(subject) == (False, f"connection reset by 127.0.0.1:{port}")

    asyncio.run(story())


def test_a_pattern_that_never_ends_fails_the_probe_and_not_the_loop() -> None:
    """Bounded by lifecheck/probes/pattern.py."""

    async def story() -> None:
        async with listening(saying(b"a" * 60 + b"b")) as port:
            outcome = await look(probe("tcp", host="127.0.0.1", port=port, expect="(a+)+$"))
            assert not outcome.ok
            assert "takes longer" in outcome.detail

    asyncio.run(story())


@pytest.mark.parametrize("port", [0])
def test_a_port_that_cannot_be_is_said(port: int) -> None:
    """Whatever configuration let through."""
    assert not once(probe("tcp", host="127.0.0.1", port=port)).ok
