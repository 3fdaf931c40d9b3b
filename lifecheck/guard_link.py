"""The socketpair to the guardian, which runs restart actions for us: we may not, and need not.

One packet per action each way.  An action that nobody says the end of is given up after its own
time and a little more.  End of file: the guardian is gone, and with it the reason to run.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from watchdog.guardian_protocol import (
    PACKET_SIZE_MAX,
    PacketError,
    RestartEnded,
    RestartWanted,
    pack,
    unpack_to_lifecheck,
)

ANSWER_MARGIN_S: Final = 10.0
"""The guardian may first have to kill what the action left."""
BURST: Final = 64

Ended = Callable[[RestartEnded], None]


class GuardianGoneError(Exception):
    """The guardian has closed its end, or says what cannot be."""


class Guard:
    """Asks for restart actions, and says to `ended` how they went."""

    def __init__(self, connection: socket.socket, ended: Ended) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._ended = ended
        self._gone: asyncio.Future[str] | None = None
        self._ticket = 0
        self._waiting: dict[int, asyncio.TimerHandle] = {}

    async def run(self) -> None:
        """Listen until cancelled. Raises GuardianGoneError."""
        loop = asyncio.get_running_loop()
        self._gone = loop.create_future()
        loop.add_reader(self._connection, self._receive)
        try:
            raise GuardianGoneError(await self._gone)
        finally:
            loop.remove_reader(self._connection)
            for timer in self._waiting.values():
                timer.cancel()

    def restart(self, check: str, timeout_ms: int) -> int:
        """Ask for the restart action of `check`; the ticket under which its end is told."""
        self._ticket += 1
        ticket = self._ticket
        loop = asyncio.get_running_loop()
        wait_s, why = timeout_ms / 1000 + ANSWER_MARGIN_S, "the guardian did not say how it ended"
        try:
            self._connection.send(pack(RestartWanted(ticket, check)))
        except OSError as error:
            wait_s, why = 0.0, f"the guardian cannot be asked: {error.strerror}"
        self._waiting[ticket] = loop.call_later(wait_s, self._end, RestartEnded(ticket, False, why))
        return ticket

    def _receive(self) -> None:
        for _ in range(BURST):
            try:
                data = self._connection.recv(PACKET_SIZE_MAX)
                if not data:
                    self._leave("the guardian closed its end")
                    return
                self._end(unpack_to_lifecheck(data))
            except BlockingIOError:
                return
            except (OSError, PacketError) as error:
                self._leave(str(error))
                return

    def _end(self, packet: RestartEnded) -> None:
        timer = self._waiting.pop(packet.ticket, None)
        if timer is not None:  # else it was given up
            timer.cancel()
            self._ended(packet)

    def _leave(self, why: str) -> None:
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(why)
