"""Bytes over a connected socket, plain or in TLS, without transports: closing is immediate."""

import asyncio
import socket
import ssl
from typing import Final

RECORD: Final = 16 * 1024


class PlainStream:
    """The socket itself; whoever connected it closes it."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    async def send(self, data: bytes) -> None:
        """Send everything."""
        await asyncio.get_running_loop().sock_sendall(self._line, data)

    async def recv(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end."""
        return await asyncio.get_running_loop().sock_recv(self._line, min(size, RECORD))


class TlsStream:
    """TLS over it; use `handshake` to make one."""

    def __init__(
        self, line: PlainStream, tls: ssl.SSLObject, inward: ssl.MemoryBIO, outward: ssl.MemoryBIO
    ) -> None:
        self._line, self._tls, self._in, self._out = line, tls, inward, outward

    async def agree(self) -> None:
        """Do the handshake."""
        while True:  # bounded by OpenSSL, which refuses a handshake that goes on for ever
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            else:
                await self._flush()
                return

    async def send(self, data: bytes) -> None:
        """Send everything (it is small, and the memory has no limit of its own)."""
        self._tls.write(data)
        await self._flush()

    async def recv(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end, also at one without a farewell."""
        while True:  # each turn has read at least one byte
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    async def _flush(self) -> None:
        if self._out.pending:
            await self._line.send(self._out.read())

    async def _fill(self) -> None:
        data = await self._line.recv(RECORD)
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()


async def handshake(line: socket.socket, context: ssl.SSLContext, host: str) -> TlsStream:
    """Return TLS over a connected socket."""
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(inward, outward, server_hostname=host)
    stream = TlsStream(PlainStream(line), tls, inward, outward)
    await stream.agree()
    return stream
