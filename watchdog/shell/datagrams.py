"""The node's UDP port: rounds of peers, and the last words of dead nodes' guardians.

A round counts when it is sealed by the process that last said HELLO over TLS, and is neither a
replay nor the second copy of a message; a will, when its seal holds.  Whatever else comes is
counted and never answered; it is turned away as early as possible (size, version, session,
number; only then the seal), read in small portions, and after many of them the port rests.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from watchdog.core.events import MessageReceived
from watchdog.core.messages import Message
from watchdog.instant import MS
from watchdog.shell.listener import bound_socket
from watchdog.shell.paths import Path, Paths
from watchdog.shell.plan import NodePlan
from watchdog.shell.refusals import Refusal, Refusals
from watchdog.shell.secret import Secret
from watchdog.shell.sink import EventSink
from watchdog.wire import codec, seal, session
from watchdog.wire.errors import ProtocolError
from watchdog.wire.ways import TWO_WAYS, Way

PORTION: Final = 16
"""Datagrams read before the event loop has its turn."""
GARBAGE_MAX: Final = 256
"""What may be refused in GARBAGE_NS before the port rests for REST_S; a seal counts more."""
GARBAGE_NS: Final = 10 * MS
REST_S: Final = 0.01
CHEAP: Final = 1
SEALED: Final = 2
SEALED_WILL: Final = 8
"""The key of a will is derived for each."""


class Datagrams:
    """Receives on our address, and sends from there: `open`, then `run` for ever."""

    def __init__(
        self,
        plan: NodePlan,
        authkey: Secret,
        inbox: EventSink,
        refusals: Refusals,
        paths: Paths,
        now_ns: Callable[[], int],
    ) -> None:
        self._plan = plan
        self._authkey = authkey
        self._inbox = inbox
        self._refusals = refusals
        self._paths = paths
        self._now_ns = now_ns
        self._peers = frozenset(peer.name for peer in plan.peers)
        self._socket: socket.socket | None = None
        self._garbage = 0
        self._garbage_ns = 0
        self.wills = 0
        self.unsent = 0
        """Datagrams that the kernel did not take."""

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

    def stats(self) -> dict[str, int]:
        """Counters, for `status`."""
        return {"wills": self.wills, "unsent": self.unsent}

    # --- sending

    def send(self, path: Path, payload: bytes, now_ns: int) -> bool:
        """Seal and send one message; False when it cannot go this way."""
        if self._socket is None or path.session is None:
            return False
        if len(payload) > session.PAYLOAD_SIZE_MAX:
            return False
        number, acknowledged = path.ways.next_datagram(now_ns)
        datagram = path.session.seal(number, acknowledged, payload)
        # Who answers is where we think it is: the kernel need not ask for its address again, and
        # lose what is sent meanwhile when those questions are lost.
        flags = socket.MSG_CONFIRM if path.ways.is_answered(now_ns) else 0
        try:
            self._socket.sendto(datagram, flags, path.place)
        except OSError:  # no room, no route, no such address at present, forbidden by a firewall
            self.unsent += 1
            return False
        return True

    # --- receiving

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(PORTION):
            try:
                data, sender = self._socket.recvfrom(session.SIZE_MAX + 1)
            except OSError:
                break
            self.receive(data, sender[0])
        if self._garbage > GARBAGE_MAX:
            self._rest(self._socket)

    def _rest(self, sock: socket.socket) -> None:
        """Let the kernel drop what is too much: rounds have their copies by TCP."""
        self._garbage = 0
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.call_later(REST_S, self._resume, sock)

    def _resume(self, sock: socket.socket) -> None:
        if self._socket is sock:
            asyncio.get_running_loop().add_reader(sock, self._read)

    def receive(self, datagram: bytes, address: str) -> None:
        """Judge one datagram from `address`."""
        if session.is_round(datagram):
            self._take_round(datagram, address)
        else:
            self._take_will(datagram, address)

    def _take_round(self, datagram: bytes, address: str) -> None:
        try:
            tag, number = session.read_head(datagram)
        except ProtocolError as error:
            self._refuse(Refusal.BAD_ROUND, address, error.what, CHEAP)
            return
        path = self._paths.tagged(tag)
        if path is None or path.session is None or path.inc is None:
            self._refuse(Refusal.UNKNOWN_ROUND, address, "of or for another process", CHEAP)
            return
        if not path.ways.is_new(number):
            self._refuse(Refusal.REPLAYED_ROUND, address, f"number {number} again", CHEAP)
            return
        try:
            opened = path.session.open(datagram, number)
        except ProtocolError as error:
            self._refuse(Refusal.BAD_ROUND, address, error.what, SEALED)
            return
        path.ways.arrived(number, opened.acknowledged, self._now_ns())
        self._hand_on(path, path.inc, opened.payload, address)

    def _hand_on(self, path: Path, inc: bytes, payload: bytes, address: str) -> None:
        """The seal held: from here on it is the peer that speaks."""
        try:
            seq, message = codec.decode_numbered(payload, path.name)
            _check_kind(path.name, message)
        except ProtocolError as error:
            self._refuse(Refusal.PROTOCOL, address, error.what, SEALED)
            return
        if self._paths.heard(path, seq, message, Way.UDP):
            self._inbox.put_peer(MessageReceived(path.name, inc, message))

    def _take_will(self, datagram: bytes, address: str) -> None:
        try:
            node, inc = seal.open_will(self._authkey.reveal(), self._plan.cluster_id, datagram)
        except ProtocolError as error:
            cost = SEALED_WILL if datagram[:1] == bytes([seal.WILL_VERSION]) else CHEAP
            self._refuse(Refusal.BAD_WILL, address, error.what, cost)
            return
        if node not in self._peers:
            what = f"will of {node}, which is no peer"
            self._refuse(Refusal.BAD_WILL, address, what, SEALED_WILL)
            return
        self.wills += 1
        self._paths.ended(node, inc)
        self._inbox.put_peer(MessageReceived(node, inc, seal.will(node, inc)))

    def _refuse(self, kind: Refusal, address: str, detail: str, cost: int) -> None:
        now_ns = self._now_ns()
        if now_ns - self._garbage_ns > GARBAGE_NS:
            self._garbage_ns, self._garbage = now_ns, 0
        self._garbage += cost
        # Around every restart a peer speaks to a process that is gone, or before its HELLO.
        is_usual = kind is Refusal.UNKNOWN_ROUND and address in self._paths.addresses
        self._refusals.note(kind, address, detail, is_usual=is_usual)


def _check_kind(peer: str, message: Message) -> None:
    if type(message) not in TWO_WAYS:
        what = f"{type(message).__name__} by datagram: it travels by TCP alone"
        raise ProtocolError(peer, what)
