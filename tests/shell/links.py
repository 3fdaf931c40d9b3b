"""A small cluster of `Peers` on loopback, with an inbox that answers like the core does."""

import asyncio
import contextlib
import hashlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final

from tests.shell.plans import plan_for
from watchdog.core.events import Event, LinkClosed, LinkOpened, MessageReceived
from watchdog.core.messages import PROTOCOL, Hello, Message
from watchdog.shell import clock, identity
from watchdog.shell.datagrams import Datagrams
from watchdog.shell.paths import Paths
from watchdog.shell.peers import Peers
from watchdog.shell.plan import NodePlan
from watchdog.shell.refusals import Refusal, Refusals
from watchdog.shell.routes import Routes
from watchdog.shell.secret import Secret
from watchdog.wire import codec

CLUSTER: Final = "pg-prod"
CLUSTER_ID: Final = hashlib.sha256(b"quorumdog\0" + CLUSTER.encode()).digest()
AUTHKEY: Final = Secret(b"k" * 32)
OTHER_AUTHKEY: Final = Secret(b"o" * 32)
PATIENCE_S: Final = 10.0
"""How long a test waits for what must happen; no test measures time."""


def free_port() -> int:
    """A port that is free on 127.0.0.1 to 127.0.0.4 right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def hello(inc: bytes, seq: int = 1) -> Hello:
    """The HELLO of an ordinary standby."""
    return Hello(
        inc=inc,
        cluster_id=CLUSTER_ID,
        proto=PROTOCOL,
        digest=b"d" * 32,
        seq=seq,
        hard_ms=1200,
        promise_ms=1250,
        priority=1,
        witness=False,
        eligible=True,
        standing_down=False,
        quorum_connected=False,
        state="STANDBY",
        leader=None,
        term=1,
        healthy=True,
    )


class FakeCore:
    """An inbox that keeps every event and, like the core, says HELLO whenever a link opens."""

    def __init__(self, inc: bytes) -> None:
        self.inc = inc
        self.say: Callable[[str, Message], None] = lambda *_: None
        self.says_hello = True
        self.events: list[Event] = []

    def put_local(self, event: Event) -> None:
        """Keep it, and say HELLO when a link opens."""
        self.events.append(event)
        if self.says_hello and isinstance(event, LinkOpened):
            self.say(event.peer, hello(self.inc))

    def put_peer(self, event: MessageReceived) -> bool:
        """Keep it."""
        self.events.append(event)
        return True

    def messages(self, peer: str) -> list[MessageReceived]:
        """What `peer` said, in order."""
        received = [event for event in self.events if isinstance(event, MessageReceived)]
        return [event for event in received if event.peer == peer]

    def said(self, peer: str, message: Message) -> bool:
        """Whether `peer` has said exactly this."""
        return any(event.message == message for event in self.messages(peer))

    def closed(self, peer: str) -> list[LinkClosed]:
        """The ends of the link to `peer`, in order."""
        ends = [event for event in self.events if isinstance(event, LinkClosed)]
        return [event for event in ends if event.peer == peer]


class TestNode:
    """One member: its plan, its identity, its Peers and datagrams, and a FakeCore."""

    __test__ = False

    def __init__(
        self, plan: NodePlan, *, authkey: Secret = AUTHKEY, name: str | None = None
    ) -> None:
        self.plan = plan
        self.core = FakeCore(random.Random().randbytes(16))
        self.refusals = Refusals(now_ns)
        members = frozenset(member.name for member in plan.members) | {plan.node}
        self.identity = identity.from_authkey(
            authkey, CLUSTER, CLUSTER_ID, name or plan.node, members
        )
        self.paths = Paths(plan, authkey, self.core.inc, now_ns)
        self.peers = Peers(
            plan, self.identity, self.core, self.refusals, random.Random(1), now_ns, self.paths
        )
        self.datagrams = Datagrams(plan, authkey, self.core, self.refusals, self.paths, now_ns)
        self.routes = Routes(self.peers, self.datagrams, self.paths, now_ns)
        self.core.say = self.routes.send

    def say(self, peer: str, message: Message) -> None:
        """Say `message` by TCP."""
        seq = self.paths.to(peer).ways.next_seq()
        self.peers.send(peer, message, codec.encode(message, seq))

    def is_linked(self, peer: str) -> bool:
        """Whether there is a link to `peer` now."""
        return self.peers.stats()[peer]["connected"]

    def has_refused_a_name(self) -> bool:
        """Whether somebody came with a right key and a wrong name."""
        return self.refusals.count(Refusal.WRONG_NAME) > 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["TestNode"]:
        """Run it inside the block."""
        self.peers.open()
        self.datagrams.open()
        async with asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(self.peers.run()),
                tasks.create_task(self.datagrams.run()),
            ]
            await asyncio.sleep(0)  # a task that was never begun closes nothing
            try:
                yield self
            finally:
                for part in parts:
                    part.cancel()


def now_ns() -> int:
    """CLOCK_BOOTTIME."""
    return clock.now().boot_ns


def nodes(*names: str) -> dict[str, TestNode]:
    """Members on 127.0.0.1, 127.0.0.2, ... in this order, all of one cluster."""
    port = free_port()
    return {name: TestNode(plan_for(name, names, port)) for name in names}


async def linked(one: TestNode, other: TestNode) -> None:
    """Wait until they have a link and nothing that crossed it is left."""

    def is_settled() -> bool:
        for node, peer in ((one, other), (other, one)):
            link = node.peers._links[peer.plan.node]
            if link.current is None or link.pending or node.peers._unauthenticated:
                return False
        return True

    await until(is_settled)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what must happen; fails after PATIENCE_S."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
