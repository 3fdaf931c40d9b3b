"""What comes by UDP: wills and heartbeats, behind the seal with the right key, and before it."""

from collections.abc import Callable
from random import Random
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lifecheck.edge import Edge
from tests.fuzz.engine import PAST, REFUSED, VALID, Target
from tests.fuzz.mutate import Mutator, Sample, damaged, noise, pick
from tests.fuzz.packs import POOL, sample
from tests.shell.plans import CLUSTER_ID, plan_for
from tests.wire.samples import BARE, FULL
from watchdog.core.events import Event, MessageReceived
from watchdog.core.messages import GONE_NO, Beacon, Release
from watchdog.shell.datagrams import Datagrams
from watchdog.shell.paths import Paths
from watchdog.shell.refusals import Refusals
from watchdog.shell.secret import Secret
from watchdog.wire import heartbeat, seal
from watchdog.wire.codec import encode
from watchdog.wire.heartbeat import Beat, Echo, HeartbeatError, Stream
from watchdog.wire.session import PAYLOAD_SIZE_MAX, Session
from watchdog.wire.ways import TWO_WAYS, Ways

AUTHKEY: Final = bytes(range(64, 96))
CLUSTER: Final = bytes.fromhex(CLUSTER_ID)
NAMES: Final = ("alpha", "beta", "gamma")
INCS: Final = tuple(bytes((number,)) * 16 for number in range(8))
OURS: Final = b"o" * 16
NONCE: Final = b"n" * seal.NONCE_SIZE


class Sink:
    """Where the node's UDP port puts what it believes."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @property
    def is_crowded(self) -> bool:
        """Never."""
        return False

    def put_local(self, event: Event) -> None:
        """Nothing local comes from there."""
        raise AssertionError(f"{event} is no word of a peer")

    def put_peer(self, event: MessageReceived) -> bool:
        """Keep it."""
        self.events.append(event)
        return True


class Port:
    """The UDP port of alpha, without its socket; it has met one process of beta."""

    def __init__(self) -> None:
        plan = plan_for("alpha", NAMES, 9000)
        self._sink = Sink()
        self._refusals = Refusals(lambda: 0)
        self._paths = Paths(plan, Secret(AUTHKEY), OURS, lambda: 0)
        self._port = Datagrams(
            plan, Secret(AUTHKEY), self._sink, self._refusals, self._paths, lambda: 0
        )
        self._paths.introduced("beta", INCS[0])
        self._beta = self._paths.to("beta")
        assert self._beta.session is not None
        self._session = self._beta.session
        self._fresh()

    def take(self, datagram: bytes) -> list[Event]:
        """What the node believes of it; one that is not believed was counted and changed nothing.

        Each is judged as if it were the first that came.
        """
        self._sink.events.clear()
        before, state = self._refused(), self._state()
        self._port.receive(datagram, "127.0.0.2")
        believed = list(self._sink.events)
        if not believed:
            assert self._refused() - before == 1, "neither believed nor counted"
        self.is_changed = self._state() != state
        if self.is_changed:
            self._fresh()
        return believed

    def _fresh(self) -> None:
        self._beta.ways = Ways(10**9)
        self._beta.session = self._session
        self._paths._tags[self._session.tag] = self._beta

    def _refused(self) -> int:
        return sum(tally.count for tally in self._refusals._tallies.values())

    def _state(self) -> tuple[object, ...]:
        beta, ways = self._beta, self._beta.ways
        return (
            beta.inc,
            beta.session,
            ways.received,
            ways.sent,
            ways._window.newest,
            len(ways._seen),
        )


def is_will(event: Event) -> bool:
    """Whether it says no more than a will may."""
    return (
        isinstance(event, MessageReceived)
        and event.peer in NAMES[1:]
        and isinstance(event.message, Release)
        and event.message.gone
        and event.message.tenure == (event.peer, event.inc, GONE_NO)
    )


def wills() -> Target:
    """Behind the seal: whoever has the key may still be a broken version."""
    port = Port()
    ciphers = {
        inc: ChaCha20Poly1305(seal.derive(AUTHKEY, "will", CLUSTER, context=inc)) for inc in INCS
    }
    mutate = Mutator(
        [sample(encode(seal.will(node, INCS[0]))) for node in ("beta", "gamma", "alpha", "x")],
        [part for part in POOL if len(part) < seal.WILL_SIZE_MAX],
        damage=0.1,
    )

    def make(rng: Random) -> bytes:
        inc = INCS[0] if rng.random() < 0.8 else pick(INCS, rng)
        head = seal._HEAD.pack(seal.WILL_VERSION, 0, inc)
        return head + NONCE + ciphers[inc].encrypt(NONCE, mutate(rng)[:300], head)

    def judge(data: bytes) -> int:
        believed = port.take(data)
        if not believed:
            assert not port.is_changed, "a refused will changed what is known"
            return PAST if len(data) <= seal.WILL_SIZE_MAX else REFUSED
        assert len(believed) == 1, "one datagram, several events"
        assert is_will(believed[0]), f"a datagram of wills became {believed[0]}"
        return VALID

    return Target("wills", make, judge, past_min=80, valid_min=1)


def rounds() -> Target:
    """Behind the seal of the process that said HELLO: only what may travel so is handed on."""
    port = Port()
    beta = Session(AUTHKEY, CLUSTER, INCS[0], OURS)
    samples = [sample(encode(message, 5)) for message in (*FULL, *BARE)]
    spoken = [sample(encode(message, 5)) for message in FULL if type(message) in TWO_WAYS]
    mutate = Mutator(
        [*samples, *spoken * 3], [part for part in POOL if len(part) < 900], damage=0.1
    )
    numbers = (1, 2, 63, 64, 65, 2**32, 2**63, 2**64 - 1)
    acknowledged = (0, 1, 2**63, 2**64 - 1)

    def make(rng: Random) -> bytes:
        payload = mutate(rng)[:PAYLOAD_SIZE_MAX]
        return beta.seal(pick(numbers, rng), pick(acknowledged, rng), payload)

    def judge(data: bytes) -> int:
        believed = port.take(data)
        if not believed:
            return PAST if port.is_changed else REFUSED
        assert len(believed) == 1, "one datagram, several events"
        (event,) = believed
        assert isinstance(event, MessageReceived)
        assert (event.peer, event.inc) == ("beta", INCS[0]), "somebody else is believed"
        assert type(event.message) in TWO_WAYS, f"{event.message} by datagram"
        return VALID

    return Target("rounds", make, judge, past_min=80, valid_min=3)


def unsealed() -> Target:
    """Before the seal: bytes of anybody. Nothing is believed but what was sealed."""
    port = Port()
    beta = Session(AUTHKEY, CLUSTER, INCS[0], OURS)
    beacon = encode(next(message for message in FULL if isinstance(message, Beacon)), 3)
    genuine = [seal.seal_will(AUTHKEY, CLUSTER, node, inc, NONCE) for inc in INCS for node in NAMES]
    genuine += [beta.seal(number, 0, beacon) for number in range(1, 25)]
    others = [seal.seal_will(bytes(32), CLUSTER, "beta", INCS[0], NONCE)]
    others += [seal.seal_will(AUTHKEY, bytes(32), "beta", INCS[0], NONCE)]
    for strange in (
        Session(bytes(32), CLUSTER, INCS[0], OURS),
        Session(AUTHKEY, bytes(32), INCS[0], OURS),
        Session(AUTHKEY, CLUSTER, INCS[1], OURS),
        Session(AUTHKEY, CLUSTER, INCS[0], INCS[2]),
        Session(AUTHKEY, CLUSTER, OURS, INCS[0]),
    ):
        others.append(strange.seal(1, 0, beacon))
    # Somebody who has seen the tag of the session, and knows nothing else.
    others += [data[:18] + bytes(len(data) - 18) for data in genuine[-3:]]
    known = frozenset(genuine)

    def make(rng: Random) -> bytes:
        chance = rng.random()
        if chance < 0.05:
            return pick(genuine, rng)
        if chance < 0.25:
            return pick((b"", b"\x01\0", b"\x81\0"), rng) + noise(rng, 300)
        if chance < 0.4:
            return pick(others, rng)
        if chance < 0.5:
            return pick(genuine, rng)[:18] + pick(genuine, rng)[18:]
        return damaged(pick(genuine, rng), rng)

    def judge(data: bytes) -> int:
        believed = port.take(data)
        if believed:
            assert data in known, "believed without our seal"
            return VALID
        assert not port.is_changed or data in known, "not believed, and it changed what is known"
        return PAST if data[:2] in {b"\x01\0", b"\x81\0"} and len(data) > 46 else REFUSED

    return Target("unsealed", make, judge, past_min=40, valid_min=1)


KEY: Final = bytes(range(32))
SALT: Final = b"s" * heartbeat.SALT_SIZE
BEATS: Final = (
    Beat("beta", "alpha", hears=True, received=60, of=64, echoes=(Echo(SALT, 9, 1000),)),
    Beat("beta", "alpha", hears=False, received=0, of=0),
    Beat(
        "b" * 63, "a", hears=True, received=1, of=1, echoes=(Echo(SALT, 2**64 - 1, 2**32 - 1),) * 2
    ),
)


def _beat(beat: Beat) -> Sample:
    """The parts: three figures, each name with its length, each echo and its fields."""
    data = heartbeat._pack(beat)
    first = 3 + 1 + len(beat.sender)
    second = first + 1 + len(beat.receiver)
    spans = [(0, 1), (1, 2), (2, 3), (3, 4), (3, first), (4, first)]
    spans += [(first, first + 1), (first, second), (second, second + 1), (second, len(data))]
    at, size = second + 1, heartbeat._ECHO.size
    for _ in beat.echoes:
        spans += [(at, at + size), (at, at + 16), (at + 16, at + 24), (at + 24, at + 28)]
        at += size
    return Sample(data, tuple(spans))


def _edge() -> Edge:
    """Alpha's edge to beta, one datagram said, nothing heard."""
    edge = Edge("alpha", "beta", lambda salt: Stream(KEY, CLUSTER, salt), SALT, (10**6, 10**7), 0)
    edge.next_datagram(1)
    return edge


def heartbeats() -> Target:
    """Behind the seal of a stream."""
    stream = Stream(KEY, CLUSTER, b"p" * 16)
    pool = [bytes((n,)) for n in (0, 1, 2, 3, 4, 62, 63, 64, 65, 127, 128, 255)]
    pool += [
        b"\xff" * 4,
        b"\xff" * 8,
        bytes(28),
        bytes(56),
        b"\x04beta",
        b"\x00",
        b"\x01\n",
        b"\x02\xc3\xa4",
    ]
    mutate = Mutator([_beat(beat) for beat in BEATS], pool)
    head = heartbeat._HEAD.pack(heartbeat.VERSION, heartbeat.KEY_ID, stream.salt, 7)
    nonce = heartbeat._NONCE.pack(7)

    def make(rng: Random) -> bytes:
        return head + stream._cipher.encrypt(nonce, mutate(rng), head)

    def judge(data: bytes) -> int:
        try:
            beat = stream.open(data)
        except HeartbeatError as error:
            return PAST if error.cause == "content" else REFUSED
        assert stream.seal(7, beat) == data, "what was read is not what was said"
        assert 0 <= beat.received <= beat.of <= heartbeat.WINDOW
        return VALID

    return Target("heartbeats", make, judge, past_min=70, valid_min=10)


def unsealed_heartbeats() -> Target:
    """Before the seal: nothing changes but by a datagram of the peer."""
    peer = Stream(KEY, CLUSTER, b"p" * 16)
    proof = Beat("beta", "alpha", hears=True, received=1, of=1, echoes=(Echo(SALT, 1, 0),))
    edge = _edge()
    edge.receive(peer.seal(100, proof), 2)
    replayed = [peer.seal(number, proof) for number in range(1, 101)]
    forged = [
        Stream(bytes(32), CLUSTER, b"p" * 16).seal(number, proof) for number in range(101, 120)
    ]
    fresh = [peer.seal(number, proof) for number in range(101, 140)]
    state = _state_of(edge)

    def make(rng: Random) -> bytes:
        chance = rng.random()
        if chance < 0.2:
            return noise(rng, heartbeat.SIZE_MAX + 20)
        if chance < 0.3:
            return pick(replayed, rng)
        if chance < 0.4:
            return pick(forged, rng)
        return changed(pick(fresh, rng), lambda data: damaged(data, rng))

    def judge(data: bytes) -> int:
        try:
            edge.receive(data, 3)
        except HeartbeatError as error:
            assert _state_of(edge) == state, "a refused datagram changed what is known"
            return PAST if error.cause in {"seal", "replayed"} else REFUSED
        raise AssertionError("believed without the seal of a new datagram")

    return Target("unsealed-heartbeats", make, judge, past_min=40, valid_min=0)


def changed(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """`data`, changed for certain."""
    found = change(data)
    return found if found != data else data[:-1] + bytes((data[-1] ^ 1,))


def _state_of(edge: Edge) -> tuple[object, ...]:
    row = edge.row(3)
    return (*row.values(), edge.heard_us, len(edge._unproven), len(edge._retired), edge._counter)
