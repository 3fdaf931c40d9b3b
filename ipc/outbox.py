"""What waits to be sent to one registered client: replies and pushes, in order and bounded.

Rule: a client that does not read costs at most `BYTES_MAX` and a connection, for `push_s`; then
it is dropped, and learns the present state when it registers again.  Nobody waits for it.
"""

import asyncio
import socket
from collections import deque
from contextlib import suppress
from typing import Final

from ipc.framing import FramingError, pack_reply
from ipc.messages import Reply

BYTES_MAX: Final = 256 * 1024
"""Most bytes that wait; a single frame may be longer."""


class Outbox:
    """The `ipc.messages.Channel` of one connection."""

    def __init__(self, number: int, connection: socket.socket) -> None:
        """`number` is its own for as long as the server lives."""
        self._number = number
        self._connection = connection
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._has_work = asyncio.Event()
        self._is_flushed = asyncio.Event()
        self.dropped = ""
        """Why the client was dropped; "" while it was not."""

    @property
    def id(self) -> int:
        """A number that no other connection of this server ever had."""
        return self._number

    def push(self, kind: str, body: dict[str, object]) -> None:
        """Send a frame when the client reads; one that reads too slowly is dropped instead."""
        self._put(Reply(kind, body), first=False)

    def open(self, reply: Reply) -> None:
        """Send the reply to the registration, ahead of what was pushed during it."""
        self._put(reply, first=True)

    async def answer(self, reply: Reply) -> None:
        """Send the reply to a request, and wait until everything is sent."""
        self._put(reply, first=False)
        await self._is_flushed.wait()

    async def run(self, push_s: float) -> None:
        """Send for ever; end when the client is dropped, after so many seconds with one frame."""
        loop = asyncio.get_running_loop()
        while not self.dropped:
            await self._has_work.wait()
            while self._frames:
                data = self._frames.popleft()
                try:
                    async with asyncio.timeout(push_s):
                        await loop.sock_sendall(self._connection, data)
                except TimeoutError:
                    return self.drop("slow_reader")
                except OSError as error:
                    return self.drop(type(error).__name__)
                self._size -= len(data)
            self._has_work.clear()
            self._is_flushed.set()
        return None

    def drop(self, why: str) -> None:
        """Give the client up: its reader meets the end of the connection."""
        self.dropped = self.dropped or why
        self._frames.clear()
        self._is_flushed.set()
        with suppress(OSError):  # it may be closed already
            self._connection.shutdown(socket.SHUT_RDWR)

    def _put(self, reply: Reply, *, first: bool) -> None:
        if self.dropped:
            return
        try:
            data = pack_reply(reply.kind, reply.body)
        except FramingError:
            self.drop("push_too_long")
            return
        if self._size and self._size + len(data) > BYTES_MAX:
            self.drop("slow_reader")
            return
        self._size += len(data)
        (self._frames.appendleft if first else self._frames.append)(data)
        self._has_work.set()
        self._is_flushed.clear()
