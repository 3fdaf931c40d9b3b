"""Connecting to a host and a port, by name or address, so that a cancel leaves nothing behind.

Rule: plain non-blocking sockets and no transports: closing them is immediate.  A resolver that
hangs hangs in a thread of its own (lifecheck/probes/offload.py).
"""

import asyncio
import contextlib
import errno
import socket
from typing import Final

from lifecheck.probes import words
from lifecheck.probes.offload import HangingError, Offload

ADDRESSES_MAX: Final = 8
SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
Address = tuple[socket.AddressFamily, SocketAddress]


class ConnectError(Exception):
    """Nobody was reached; the text is a detail of an Outcome."""


class Endpoint:
    """Where somebody should be listening."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.name = join(host, port)
        self._resolver: Offload[list[Address]] = Offload(f"looking up {host}")

    async def connect(self) -> socket.socket:
        """Return a connected non-blocking socket; ConnectError says what was seen."""
        seen = f"{self.name} has no address"
        for family, address in await self.addresses():
            name = join(str(address[0]), self._port)
            try:
                return await _connect(family, address)
            except OSError as error:
                seen = words.fault(error, name)
        raise ConnectError(seen)

    async def addresses(self) -> list[Address]:
        """Return where to connect to, at most ADDRESSES_MAX."""
        with contextlib.suppress(socket.gaierror, ValueError):
            return self._look_up(socket.AI_NUMERICHOST)
        try:
            return await self._resolver.call(lambda: self._look_up(0))
        except HangingError as error:
            raise ConnectError(str(error)) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConnectError(words.clean(f"cannot look up {self._host}: {reason}")) from None

    def _look_up(self, flags: int) -> list[Address]:
        rows = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=flags)
        return [(row[0], row[4]) for row in rows[:ADDRESSES_MAX]]


async def _connect(family: socket.AddressFamily, address: SocketAddress) -> socket.socket:
    with contextlib.ExitStack() as undo:
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
        line = undo.enter_context(socket.socket(family, kind))
        await asyncio.get_running_loop().sock_connect(line, address)
        if line.getsockname() == line.getpeername():  # a free port may connect to itself
            raise ConnectionRefusedError(errno.ECONNREFUSED, "only this probe itself is there")
        undo.pop_all()
        return line


def join(host: str, port: int) -> str:
    """Return host and port as people write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
