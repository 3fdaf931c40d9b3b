"""The node's end of the socketpair to the guardian: one packet each way per send or receive.

A guardian that is stopped must not stop us: when the socket is full, packets wait in a bounded
queue, and when that is full the oldest packet that only prolongs (Extend, OpenRound) goes.  A
Deescalate is never dropped.  End of file means the guardian is gone (GuardianLost).
"""

import asyncio
import socket
from collections import deque
from typing import Final

from watchdog import guardian_protocol as protocol
from watchdog.core.events import GuardianLost
from watchdog.shell.guard_translate import to_event
from watchdog.shell.inbox import Inbox

QUEUE_MAX: Final = 64
RECEIVE_BURST: Final = 64
_PROLONGING: Final = (protocol.Extend, protocol.OpenRound)


class GuardLink:
    """Sends packets without waiting; puts what the guardian says into the inbox."""

    def __init__(self, connection: socket.socket, inbox: Inbox) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._inbox = inbox
        self._queue: deque[protocol.ToGuardian] = deque()
        self._is_open = False
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Packets that the guardian has not taken yet."""
        return len(self._queue)

    def open(self) -> None:
        """Start to listen; call it once, on the running event loop."""
        self._is_open = True
        asyncio.get_running_loop().add_reader(self._connection, self._receive)

    def stop(self) -> None:
        """Stop to listen; the socket stays open, because its end means the end of the process."""
        self._forget()

    def send(self, packet: protocol.ToGuardian) -> None:
        """Send `packet` now, or when the guardian reads again; nothing when it is gone."""
        if not self._is_open:
            return
        if not self._queue and self._try(packet):
            return
        if len(self._queue) >= QUEUE_MAX and not self._make_room(packet):
            return
        if not self._queue:
            asyncio.get_running_loop().add_writer(self._connection, self._flush)
        self._queue.append(packet)

    def _make_room(self, packet: protocol.ToGuardian) -> bool:
        self.dropped += 1
        for waiting in self._queue:
            if isinstance(waiting, _PROLONGING):
                self._queue.remove(waiting)
                return True
        # Nothing but commands is waiting: a guardian that ignored 64 of them is lost to us, and
        # the one thing it must still hear, should it wake, is to go off.
        if isinstance(packet, protocol.Deescalate):
            self._queue.popleft()
            return True
        return False

    def _flush(self) -> None:
        while self._queue and self._try(self._queue[0]):
            self._queue.popleft()
        if not self._queue:
            asyncio.get_running_loop().remove_writer(self._connection)

    def _try(self, packet: protocol.ToGuardian) -> bool:
        try:
            self._connection.send(protocol.pack(packet))
        except BlockingIOError:
            return False
        except OSError:
            return True  # it is gone: the reader notices and says so
        return True

    def _receive(self) -> None:
        for _ in range(RECEIVE_BURST):
            try:
                data = self._connection.recv(protocol.PACKET_SIZE_MAX)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._forget()
                self._inbox.put_local(GuardianLost())
                return
            self._inbox.put_local(to_event(protocol.unpack_to_node(data)))

    def _forget(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._queue.clear()
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._connection)
        loop.remove_writer(self._connection)
