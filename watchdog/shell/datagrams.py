"""The node's UDP port: so far only wills come here, the last word of a dead node's guardian.

A will that its seal vouches for becomes a RELEASE of the whole incarnation.  Whatever else comes
is counted and never answered, and a flood is read in small portions.
"""

import asyncio
import socket
from typing import Final

from watchdog.core.events import MessageReceived
from watchdog.shell.listener import bound_socket
from watchdog.shell.plan import NodePlan
from watchdog.shell.refusals import Refusal, Refusals
from watchdog.shell.secret import Secret
from watchdog.shell.sink import EventSink
from watchdog.wire import seal
from watchdog.wire.errors import ProtocolError

PORTION: Final = 16
"""Datagrams read before the event loop has its turn."""


class Datagrams:
    """Receives on our address: `open`, then `run` for ever."""

    def __init__(
        self, plan: NodePlan, authkey: Secret, inbox: EventSink, refusals: Refusals
    ) -> None:
        self._plan = plan
        self._authkey = authkey
        self._inbox = inbox
        self._refusals = refusals
        self._peers = frozenset(peer.name for peer in plan.peers)
        self._socket: socket.socket | None = None
        self.wills = 0

    def open(self) -> None:
        """Take the port now, so that a start that cannot work fails; ListenError says why."""
        self._socket = bound_socket(self._plan.listen, self._plan.port, socket.SOCK_DGRAM)

    async def run(self) -> None:
        """Receive until cancelled."""
        if self._socket is None:
            self.open()
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._read)
        try:
            await loop.create_future()  # everything happens in `_read`
        finally:
            loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(PORTION):
            try:
                data, sender = self._socket.recvfrom(seal.WILL_SIZE_MAX + 1)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self.receive(data, sender[0])

    def receive(self, datagram: bytes, address: str) -> None:
        """Judge one datagram from `address`."""
        try:
            node, inc = seal.open_will(self._authkey.reveal(), self._plan.cluster_id, datagram)
        except ProtocolError as error:
            self._refusals.note(Refusal.BAD_WILL, address, error.what)
            return
        if node not in self._peers:
            self._refusals.note(Refusal.BAD_WILL, address, f"will of {node}, which is no peer")
            return
        self.wills += 1
        self._inbox.put_peer(MessageReceived(node, inc, seal.will(node, inc)))
