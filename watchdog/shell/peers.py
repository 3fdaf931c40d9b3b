"""The links to all peers: dialling, accepting, who is who, and one connection for each pair.

Both sides dial and both accept; `arbitration` says which connection stays.  What it tells the core:
LinkOpened when TLS is up (the core answers with its HELLO, the first frame each way), messages only
once the peer's HELLO is there, LinkClosed once when the link ends.  A certificate must name the
member whose address the connection is from: a right key with a wrong name is refused.
"""

import asyncio
import errno
import functools
import random
import socket
from collections.abc import Callable
from typing import Final, assert_never

from watchdog.core.events import LinkClosed, LinkOpened, MessageReceived
from watchdog.core.messages import Hello, Message
from watchdog.instant import SECOND
from watchdog.shell.admission import Admission
from watchdog.shell.arbitration import Decision, judge
from watchdog.shell.backoff import Backoff
from watchdog.shell.connection import Connection, End, set_options
from watchdog.shell.identity import Identity
from watchdog.shell.link import Link, LinkStats
from watchdog.shell.listener import Listener, canonical, family_of
from watchdog.shell.outbox import slot_of
from watchdog.shell.paths import Paths
from watchdog.shell.plan import NodePlan
from watchdog.shell.refusals import Refusal, Refusals
from watchdog.shell.sink import EventSink
from watchdog.wire import codec
from watchdog.wire.errors import ProtocolError
from watchdog.wire.ways import Way

CONNECT_TIMEOUT_S: Final = 2.0
USER_TIMEOUT_MIN_MS: Final = 1000
COURTESY_S: Final = 0.02
"""How much later the higher name redials a lost link: both would cross each other otherwise."""
_NOT_OUR_REFUSAL: Final = {Refusal.HANDSHAKE_TIMEOUT, Refusal.GAVE_UP}
"""What a node that we dialled cannot be blamed for: it may just be slow or stopping."""


class Peers:
    """Every link of this node. `run` for ever; all other methods return at once."""

    def __init__(
        self,
        plan: NodePlan,
        identity: Identity,
        inbox: EventSink,
        refusals: Refusals,
        rng: random.Random,
        now_ns: Callable[[], int],
        paths: Paths,
    ) -> None:
        self._plan = plan
        self._identity = identity
        self._inbox = inbox
        self._refusals = refusals
        self._rng = rng
        self._now_ns = now_ns
        self._paths = paths
        self._user_timeout_ms = max(plan.soft_ms, USER_TIMEOUT_MIN_MS)
        self._links = {
            peer.name: Link(peer.name, canonical(peer.address), peer.port, plan.node, Backoff(rng))
            for peer in plan.peers
        }
        self._admission = Admission([link.address for link in self._links.values()])
        self._unauthenticated: set[Connection] = set()
        self._listener = Listener(
            plan.listen, plan.port, self._admission, refusals, self._accepted, self._user_timeout_ms
        )

    # -- what the daemon uses ------------------------------------------------------------------

    def open(self) -> None:
        """Take the port now, so that a start that cannot work fails; ListenError says why."""
        self._listener.open()

    async def run(self) -> None:
        """Accept and dial until cancelled; every connection is closed then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listener.run(), name="accept")
                for link in self._links.values():
                    tasks.create_task(self._keep_dialling(link), name=f"dial {link.name}")
        finally:
            self._listener.close()
            self._close_all(End("this node stops"))

    def send(self, peer: str, message: Message, payload: bytes) -> None:
        """Say `message` to `peer`, never waiting; lost and counted when there is no link.

        `payload` is its bytes.
        """
        link = self._links[peer]
        if isinstance(message, Hello):
            for connection in (*link.pending, *((link.current,) if link.current else ())):
                connection.send(payload, slot_of(message))
                connection.has_said_hello = True
        elif link.current is not None and link.current.has_said_hello:
            link.current.send(payload, slot_of(message))
        else:
            link.dropped += 1

    def close(self, peer: str, why: str) -> None:
        """End the link to `peer`; it is dialled again after a while."""
        link = self._links[peer]
        for connection in (*link.pending, *((link.current,) if link.current else ())):
            connection.close(End(why))
        link.delay_ns = max(link.delay_ns, link.backoff.failed())

    def wake(self) -> None:
        """Dial every missing peer now: the uplink is back."""
        for link in self._links.values():
            link.backoff.reset()
            link.wake.set()

    def stats(self) -> dict[str, LinkStats]:
        """The links by peer, for `status`."""
        now_ns = self._now_ns()
        return {name: link.stats(now_ns) for name, link in self._links.items()}

    # -- what connections tell (the Owner of `connection`) -------------------------------------

    def authenticated(self, connection: Connection, name: str) -> None:
        """TLS is up: is the name one that belongs there?"""
        self._unauthenticated.discard(connection)
        if not connection.is_dialled:
            self._admission.release(connection.address)
        link = self._links.get(name)
        if link is None or link.address != connection.address:
            why = f"certificate: names {name}, which is not the node at {connection.address}"
            connection.close(End(why, Refusal.WRONG_NAME))
            return
        link.add_pending(connection)
        self._inbox.put_local(LinkOpened(name))

    def frame_received(self, connection: Connection, payload: bytes) -> None:
        """Decode, see that HELLO comes first and stays the same process, and hand on."""
        assert connection.peer is not None
        link = self._links[connection.peer]
        seq, message = codec.decode_numbered(payload, link.name)
        if connection.inc is None:
            if not isinstance(message, Hello):
                what = f"the first message is {type(message).__name__}, not Hello"
                raise ProtocolError(link.name, what)
            self._introduce(link, connection, message.inc)
        elif isinstance(message, Hello) and message.inc != connection.inc:
            raise ProtocolError(link.name, "its incarnation changed within a connection")
        if link.current is not connection or connection.inc is None:
            return
        if self._paths.heard(self._paths.to(link.name), seq, message, Way.TCP):
            self._inbox.put_peer(MessageReceived(link.name, connection.inc, message))

    def ended(self, connection: Connection, end: End) -> None:
        """A connection is over, before or after it became the link."""
        was_unauthenticated = connection in self._unauthenticated
        self._unauthenticated.discard(connection)
        if was_unauthenticated and not connection.is_dialled:
            self._admission.release(connection.address)
        if end.refusal and not (connection.is_dialled and end.refusal in _NOT_OUR_REFUSAL):
            self._refusals.note(end.refusal, connection.address, end.why)
        link = self._links.get(connection.peer or connection.dialled or "")
        if link is None:
            return
        if end.refusal or connection is link.current or link.current is None:
            link.error = end.why
        if link.forget(connection, self._now_ns()):
            assert connection.inc is not None
            self._inbox.put_local(LinkClosed(link.name, connection.inc, end.why))

    # -- accepting and dialling ----------------------------------------------------------------

    def _accepted(self, address: str) -> Connection:
        return self._make(address, None)

    def _make(self, address: str, dialled: str | None) -> Connection:
        connection = Connection(
            self, self._identity, address, dialled=dialled, opened_ns=self._now_ns()
        )
        self._unauthenticated.add(connection)
        return connection

    async def _keep_dialling(self, link: Link) -> None:
        """Dial whenever there is neither a link nor one in the making."""
        while True:
            await link.idle.wait()
            delay_s = link.delay_ns / SECOND or COURTESY_S * (self._plan.node > link.name)
            await self._rest(link, delay_s)
            if not link.idle.is_set():
                continue
            try:
                connection = await self._dial(link)
            except OSError as error:
                link.error = self._dial_error(link, error)
                link.delay_ns = link.backoff.failed()
                continue
            await connection.finished
            if connection.inc is None:
                link.delay_ns = link.backoff.failed()

    @staticmethod
    async def _rest(link: Link, delay_s: float) -> None:
        link.wake.clear()
        try:
            async with asyncio.timeout(delay_s):
                await link.wake.wait()
        except TimeoutError:
            return

    async def _dial(self, link: Link) -> Connection:
        """TCP to the peer from our own address; OSError (or its TimeoutError) when it fails."""
        loop = asyncio.get_running_loop()
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        sock = socket.socket(family_of(link.address), kind)
        try:
            sock.bind((self._plan.address, 0))
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.sock_connect(sock, (link.address, link.port))
            set_options(sock, self._user_timeout_ms)
        except (OSError, asyncio.CancelledError):
            sock.close()
            raise
        make = functools.partial(self._make, link.address, link.name)
        _, connection = await loop.create_connection(make, sock=sock)
        return connection

    def _dial_error(self, link: Link, error: OSError) -> str:
        where = f"{link.address}:{link.port}"
        match error:
            case ConnectionRefusedError():
                return f"connection refused by {where}"
            case TimeoutError():
                return f"timed out: no answer from {where}"
            case _ if error.errno == errno.EADDRNOTAVAIL:
                return f"our address {self._plan.address} is not on this machine"
            case _:
                return f"{(error.strerror or str(error)).lower()}: {where}"

    # -- inside --------------------------------------------------------------------------------

    def _introduce(self, link: Link, connection: Connection, inc: bytes) -> None:
        """The first HELLO of a connection: it becomes the link, or goes."""
        connection.heard_hello(inc, self._now_ns())
        current = link.current
        judged = None if current is None else link.contender(current)
        match judge(link.contender(connection), judged, link.replaced):
            case Decision.FIRST:
                self._adopt(link, connection)
            case Decision.SWAP:
                self._adopt(link, connection)
                assert current is not None
                current.close(End("crossed by another connection"))
            case Decision.NEW_PROCESS:
                assert current is not None
                current.close(End("the peer has restarted"))
                self._adopt(link, connection)
            case Decision.SURPLUS:
                connection.close(End("surplus: it crossed another connection"))
            case Decision.OLD_PROCESS:
                why = "a process of this node that a newer one has replaced"
                connection.close(End(why, Refusal.OLD_PROCESS))
            case never:
                assert_never(never)

    def _adopt(self, link: Link, connection: Connection) -> None:
        assert connection.inc is not None
        link.pending.remove(connection)
        link.current = connection
        link.remember(connection.inc)
        self._paths.introduced(link.name, connection.inc)
        link.refresh()

    def _close_all(self, end: End) -> None:
        for link in self._links.values():
            for connection in (*link.pending, *((link.current,) if link.current else ())):
                connection.close(end)
        for connection in list(self._unauthenticated):
            connection.close(end)
