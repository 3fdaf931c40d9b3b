"""Rounds and wills over real UDP: believed when sealed, counted otherwise, never answered."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from tests.shell.disks import FakeInbox
from tests.shell.links import AUTHKEY, OTHER_AUTHKEY, free_port, hello, now_ns, until
from tests.shell.plans import plan_for
from watchdog.core.events import MessageReceived
from watchdog.core.messages import GONE_NO, Beacon, Message, Nack, Release, Tenure
from watchdog.instant import Instant
from watchdog.shell import datagrams as module
from watchdog.shell.datagrams import GARBAGE_MAX, Datagrams
from watchdog.shell.paths import Paths
from watchdog.shell.refusals import Refusal, Refusals
from watchdog.shell.secret import Secret
from watchdog.wire import codec, seal
from watchdog.wire.session import PAYLOAD_SIZE_MAX, SIZE_MAX, Session

INC = b"i" * 16
OURS = b"o" * 16
NAMES = ("alpha", "beta")
CLUSTER_ID = plan_for("alpha", NAMES, 1).cluster_id
BEACON = Beacon(1, Tenure("beta", INC, 1), 1, Instant(1, 1), 1200, b"d" * 32, 1)


def will(node: str = "beta", authkey: Secret = AUTHKEY, inc: bytes = INC) -> bytes:
    """The last word of `node`."""
    return seal.seal_will(authkey.reveal(), CLUSTER_ID, node, inc, b"n" * 12)


class Alpha:
    """The port of alpha, which has met the process INC of beta."""

    def __init__(self, names: tuple[str, ...] = NAMES) -> None:
        self.inbox, self.port = FakeInbox(), free_port()
        self.reports: list[Refusal] = []
        self.refusals = Refusals(now_ns, lambda kind, *_: self.reports.append(kind))
        plan = plan_for("alpha", names, self.port)
        self.paths = Paths(plan, AUTHKEY, OURS, now_ns)
        self.paths.introduced("beta", INC)
        self.datagrams = Datagrams(plan, AUTHKEY, self.inbox, self.refusals, self.paths, now_ns)
        self.beta = Session(AUTHKEY.reveal(), CLUSTER_ID, INC, OURS)
        self._seq = 0

    def round(self, number: int, message: Message = BEACON) -> bytes:
        """What beta says, numbered anew as a message and `number` as a datagram."""
        self._seq += 1
        return self.beta.seal(number, 0, codec.encode(message, self._seq))

    def refused(self) -> int:
        """How many datagrams were turned away."""
        return sum(row["count"] for row in self.refusals.snapshot().values())

    def take(self, datagram: bytes, address: str = "127.0.0.2") -> dict[str, int]:
        """Judge one datagram; the refusals so far by kind."""
        self.datagrams.receive(datagram, address)
        return {kind: row["count"] for kind, row in self.refusals.snapshot().items()}


def play(story: Callable[[Alpha, socket.socket], Awaitable[None]]) -> Alpha:
    """Run alpha's port, and `story` with a socket of somebody else."""
    alpha = Alpha()

    async def run() -> None:
        alpha.datagrams.open()
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(alpha.datagrams.run())
            await asyncio.sleep(0)  # a task that was never begun closes nothing
            with socket.socket(type=socket.SOCK_DGRAM) as sender:
                sender.bind(("127.0.0.7", 0))
                sender.connect(("127.0.0.1", alpha.port))
                await story(alpha, sender)
            task.cancel()

    asyncio.run(run())
    return alpha


# --- wills


def test_a_will_becomes_a_release_of_the_whole_incarnation() -> None:
    """The fast way to a new coordinator when a process dies."""

    async def story(alpha: Alpha, sender: socket.socket) -> None:
        sender.send(will())
        await until(lambda: bool(alpha.inbox.events))

    alpha = play(story)
    release = Release(
        Tenure("beta", INC, GONE_NO),
        term=0,
        successor=None,
        gone=True,
        was_on=True,
        reason="its node process died",
    )
    assert alpha.inbox.events == [MessageReceived("beta", INC, release)]
    assert alpha.datagrams.stats()["wills"] == 1


def test_a_will_ends_the_rounds_of_its_process() -> None:
    """What was still under way of it is for nobody; of another process it ends nothing."""
    alpha = Alpha()
    alpha.take(will(inc=b"j" * 16))
    assert alpha.take(alpha.round(1)) == {}
    alpha.take(will())
    assert alpha.take(alpha.round(2)) == {"unknown_round": 1}
    kinds = [type(event.message) for event in messages(alpha)]
    assert kinds == [Release, Beacon, Release]


def test_whatever_is_no_will_of_a_peer_is_counted_and_not_answered() -> None:
    """Garbage, another key, a stranger's name, our own name, one bit off."""
    flipped = bytearray(will())
    flipped[-1] ^= 1
    bad = [
        b"",
        b"hello",
        bytes(2000),
        bytes(flipped),
        will()[:-1],
        will(authkey=OTHER_AUTHKEY),
        will("mallory"),
        will("alpha"),
    ]

    async def story(alpha: Alpha, sender: socket.socket) -> None:
        for datagram in bad:
            sender.send(datagram)
        await until(lambda: alpha.refusals.count(Refusal.BAD_WILL) == len(bad))
        assert_silence(sender)

    alpha = play(story)
    assert alpha.inbox.events == []
    assert alpha.refusals.snapshot()["bad_will"]["last_address"] == "127.0.0.7"


# --- rounds


def messages(alpha: Alpha) -> list[MessageReceived]:
    """What alpha believed."""
    return [event for event in alpha.inbox.events if isinstance(event, MessageReceived)]


def assert_silence(sender: socket.socket) -> None:
    """Nothing came back, not even an error."""
    sender.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        raise AssertionError(sender.recv(1))


def test_a_round_counts_whatever_address_it_comes_from() -> None:
    """Its seal says who speaks; the path to it may have several addresses."""

    async def story(alpha: Alpha, sender: socket.socket) -> None:
        sender.send(alpha.round(1))
        await until(lambda: bool(alpha.inbox.events))
        assert_silence(sender)

    alpha = play(story)
    assert alpha.inbox.events == [MessageReceived("beta", INC, BEACON)]
    assert alpha.paths.stats()["beta"]["last_round"] == "udp"
    assert alpha.paths.stats()["beta"]["received"] == 1


def test_a_replay_is_refused_before_its_seal() -> None:
    """Whether it is the very datagram or another one with a number that was used."""
    alpha = Alpha()
    first = alpha.round(1)
    alpha.take(first)
    assert alpha.take(first) == {"replayed_round": 1}
    assert alpha.take(first[:-1] + b"\0") == {"replayed_round": 2}
    alpha.take(alpha.round(1000))
    assert alpha.take(alpha.round(1000 - 64)) == {"replayed_round": 3}
    assert alpha.take(alpha.round(1000 - 63)) == {"replayed_round": 3}
    assert len(messages(alpha)) == 3


def test_a_forged_number_uses_nothing_up() -> None:
    """A header that says 2^63 would otherwise push every honest number out of the window."""
    alpha = Alpha()
    good = alpha.round(1)
    forged = good[:10] + (2**63).to_bytes(8, "big") + good[18:]
    assert alpha.take(forged) == {"bad_round": 1}
    assert alpha.take(good) == {"bad_round": 1}
    assert len(messages(alpha)) == 1


def others() -> Iterator[tuple[str, Session]]:
    """Everybody whose rounds are not for this process of alpha."""
    key, other = AUTHKEY.reveal(), b"x" * 16
    yield "a process of beta that said no HELLO", Session(key, CLUSTER_ID, other, OURS)
    yield "for an earlier process of alpha", Session(key, CLUSTER_ID, INC, other)
    yield "another cluster", Session(key, bytes(32), INC, OURS)
    yield "another secret", Session(OTHER_AUTHKEY.reveal(), CLUSTER_ID, INC, OURS)
    yield "our own words back", Session(key, CLUSTER_ID, OURS, INC)


@pytest.mark.parametrize(
    "session", [session for _, session in others()], ids=[why for why, _ in others()]
)
def test_rounds_of_and_for_others_are_refused(session: Session) -> None:
    """Each by a tag that is not known here, so before any cryptography."""
    alpha = Alpha()
    assert alpha.take(session.seal(1, 0, codec.encode(BEACON))) == {"unknown_round": 1}
    assert alpha.inbox.events == []


def test_a_new_process_of_the_peer_ends_the_old_one() -> None:
    """From its HELLO on, and for ever: rounds of the process before it may still be under way."""
    alpha = Alpha()
    alpha.take(alpha.round(1))
    newer = b"n" * 16
    alpha.paths.introduced("beta", newer)
    assert alpha.take(alpha.round(2)) == {"unknown_round": 1}
    session = Session(AUTHKEY.reveal(), CLUSTER_ID, newer, OURS)
    alpha.take(session.seal(1, 0, codec.encode(BEACON, 1)))
    assert [event.inc for event in messages(alpha)] == [INC, newer]


def test_a_second_connection_of_the_same_process_changes_nothing() -> None:
    """Its numbers go on, and so does the window."""
    alpha = Alpha()
    first = alpha.round(1)
    alpha.take(first)
    alpha.paths.introduced("beta", INC)
    assert alpha.take(first) == {"replayed_round": 1}
    assert alpha.take(alpha.round(2)) == {"replayed_round": 1}


def test_a_farewell_is_the_last_word() -> None:
    """An orderly stop releases the incarnation; a beacon that it overtook is for nobody."""
    alpha = Alpha()
    gone = Release(Tenure("beta", INC, GONE_NO), 1, None, gone=True)
    alpha.take(alpha.round(1, gone))
    assert alpha.take(alpha.round(2)) == {"unknown_round": 1}
    assert messages(alpha) == [MessageReceived("beta", INC, gone)]


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (b"", "not a message"),
        (b"junk", "not a message"),
        (codec.encode(hello(INC)), "Hello by datagram: it travels by TCP alone"),
        (codec.encode(Nack(1, leading=False, reason="term"))[:-1], "not a message"),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_named(payload: bytes, what: str) -> None:
    """It has the key, and is still not trusted with anything but its own messages."""
    alpha = Alpha()
    assert alpha.take(alpha.beta.seal(1, 0, payload)) in ({"protocol": 1}, {"bad_round": 1})
    detail = next(iter(alpha.refusals.snapshot().values()))["detail"]
    assert what in detail or not payload
    assert alpha.inbox.events == []


def test_no_size_breaks_the_port() -> None:
    """Every length around the bounds, with the first byte of a round and of a will."""
    alpha = Alpha()
    sizes = [*range(70), *range(SIZE_MAX - 2, SIZE_MAX + 3), 65_000]
    for size in sizes:
        for first in (b"\x81", b"\x01", b"\xff"):
            alpha.take((first + bytes(size))[:size])
    assert alpha.refused() == 3 * len(sizes)
    assert alpha.inbox.events == []


def test_a_flood_of_garbage_rests_the_port_and_rounds_pass_again_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Judged by what is read: each time the limit is exceeded nothing is read for a while."""
    rests: list[int] = []
    rest = Datagrams._rest

    def counted(self: Datagrams, sock: socket.socket) -> None:
        rests.append(alpha_of[0].refused())
        rest(self, sock)

    alpha_of: list[Alpha] = []
    monkeypatch.setattr(Datagrams, "_rest", counted)
    monkeypatch.setattr(module, "GARBAGE_NS", 60 * 10**9)

    async def story(alpha: Alpha, sender: socket.socket) -> None:
        alpha_of.append(alpha)
        while len(rests) < 3:
            for _ in range(64):
                sender.send(b"\x81" + bytes(99))
            await asyncio.sleep(0.001)
        for number in range(1, 1000):  # until the kernel's queue has room again
            sender.send(alpha.round(number))
            await asyncio.sleep(0.005)
            if alpha.inbox.events:
                break

    alpha = play(story)
    assert alpha.inbox.events
    gaps = [after - before for before, after in zip([0, *rests], rests, strict=False)]
    assert all(GARBAGE_MAX < gap <= GARBAGE_MAX + module.PORTION for gap in gaps)
    assert alpha.reports == [Refusal.UNKNOWN_ROUND]


def test_a_will_with_a_wrong_seal_counts_more_than_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key has to be derived first: fewer of them make the port rest."""
    monkeypatch.setattr(module, "GARBAGE_NS", 60 * 10**9)
    noise, wills = Alpha(), Alpha()
    for _ in range(8):
        noise.take(b"\xff" * 100)
    wills.take(will(authkey=OTHER_AUTHKEY))
    assert noise.datagrams._garbage == wills.datagrams._garbage


def test_what_comes_of_a_peers_restart_is_counted_and_not_logged() -> None:
    """The peer learns of our new process by its HELLO only; from elsewhere it is worth a line."""
    alpha = Alpha()
    stray = Session(AUTHKEY.reveal(), CLUSTER_ID, INC, b"x" * 16).seal(1, 0, b"")
    assert alpha.take(stray + b"\0") == {"unknown_round": 1}
    assert alpha.reports == []
    alpha.take(stray + b"\0", "127.0.0.7")
    assert alpha.reports == [Refusal.UNKNOWN_ROUND]


# --- sending


def test_a_datagram_that_the_kernel_does_not_take_is_counted_and_raises_nothing() -> None:
    """No route, no address, no room: TCP has to do."""
    alpha = Alpha()
    path = alpha.paths.to("beta")
    assert not alpha.datagrams.send(path, b"x", 1)
    alpha.datagrams.open()
    sock = alpha.datagrams._socket
    assert sock is not None
    for place in (("255.255.255.255", 1), ("::1", 1)):  # needs SO_BROADCAST; another family
        path.place = place
        assert not alpha.datagrams.send(path, b"x", 1)
    sock.close()
    assert not alpha.datagrams.send(path, b"x", 1)
    assert alpha.datagrams.stats()["unsent"] == 3


def test_what_is_too_long_for_a_datagram_is_left_to_tcp() -> None:
    """Nothing is cut in pieces."""

    async def story(alpha: Alpha, _: socket.socket) -> None:
        path = alpha.paths.to("beta")
        assert not alpha.datagrams.send(path, bytes(PAYLOAD_SIZE_MAX + 1), 1)
        assert alpha.datagrams.send(path, bytes(PAYLOAD_SIZE_MAX), 1)
        assert path.ways.sent == 1

    play(story)


def test_rounds_travel_by_ipv6_as_well() -> None:
    """Two nodes on ::1, each on a port of its own; the address is written in another form."""

    async def story() -> None:
        ports = {"alpha": free_port(), "beta": free_port()}
        incs = {"alpha": OURS, "beta": INC}
        inboxes = {name: FakeInbox() for name in NAMES}
        parts = {}
        for name in NAMES:
            plan = plan_for(name, NAMES, 1)
            members = tuple(
                replace(member, address="0:0::1", port=ports[member.name])
                for member in plan.members
            )
            plan = replace(plan, members=members, listen="::1", port=ports[name])
            paths = Paths(plan, AUTHKEY, incs[name], now_ns)
            refusals = Refusals(now_ns)
            port = Datagrams(plan, AUTHKEY, inboxes[name], refusals, paths, now_ns)
            port.open()
            parts[name] = port, paths
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(port.run()) for port, _ in parts.values()]
            await asyncio.sleep(0)
            for name, peer in (("alpha", "beta"), ("beta", "alpha")):
                parts[name][1].introduced(peer, incs[peer])
            port, paths = parts["beta"]
            assert port.send(paths.to("alpha"), codec.encode(BEACON, 1), now_ns())
            await until(lambda: bool(inboxes["alpha"].events))
            for task in running:
                task.cancel()
        assert inboxes["alpha"].events == [MessageReceived("beta", INC, BEACON)]

    asyncio.run(story())
