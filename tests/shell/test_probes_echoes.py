"""One raw socket, and many that wait for answers on it."""

import asyncio
import os
import socket

import pytest

from lifecheck.probes import icmp
from lifecheck.probes.echoes import Echoes

pytestmark = pytest.mark.root


def _raw() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def test_each_nonce_has_its_own_answer() -> None:
    """The numbers of the packets are all the same; only the payload tells."""

    async def story(line: socket.socket) -> None:
        echoes = Echoes(4, line, raw=True)
        nonces = [os.urandom(icmp.NONCE_BYTES) for _ in range(50)]
        events = [asyncio.Event() for _ in nonces]
        for nonce, event in zip(nonces, events, strict=True):
            echoes.expect(nonce, event.set)
            echoes.send(1, nonce, "127.0.0.1")
        async with asyncio.timeout(5):
            for nonce, event in zip(nonces, events, strict=True):
                await event.wait()
                echoes.forget(nonce)
        assert not asyncio.get_running_loop().remove_reader(line), "nobody waits"

    with _raw() as line:
        asyncio.run(story(line))


def test_what_came_while_nobody_listened_is_thrown_away() -> None:
    """Everybody's answers come to a raw socket; a full one would lose ours."""

    async def story(line: socket.socket, other: socket.socket) -> None:
        echoes = Echoes(4, line, raw=True)
        packet = icmp.echo(4, 1, 1, bytes(icmp.NONCE_BYTES))
        for _ in range(2000):
            other.sendto(packet, ("127.0.0.1", 0))
        event, nonce = asyncio.Event(), os.urandom(icmp.NONCE_BYTES)
        echoes.expect(nonce, event.set)
        echoes.send(1, nonce, "127.0.0.1")
        async with asyncio.timeout(5):
            await event.wait()
        echoes.forget(nonce)

    with _raw() as line, _raw() as other:
        asyncio.run(story(line, other))


def test_an_interface_that_is_not_there_is_an_error_of_sending() -> None:
    """It may come later; the probe was made for it all the same."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as line:
        echoes = Echoes(6, line, raw=True)
        with pytest.raises(OSError, match="interface"):
            echoes.send(1, bytes(16), "fe80::1%nothing")
