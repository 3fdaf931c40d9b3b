"""Bad input on the peer port, from strangers and from somebody who has the cluster's key.

Whatever arrives is dropped and counted, its connection ends, and the cluster does not notice:
same coordinator, same term, same holder.  What a peer can make us keep is bounded.
"""

import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from tests.system.attackers import Crowd, Insider, dial, hello
from tests.system.refusing import CLOSED_S, refused, steady
from tests.system.yard import CLUSTER, PORT, Shape, Yard, opened, until
from watchdog.cli.demo import lab as labs
from watchdog.cli.demo.lab import INTERFACE, SUBNET
from watchdog.cli.demo.outside import inside
from watchdog.shell.admission import PER_ADDRESS_MAX
from watchdog.wire import frames
from watchdog.wire.session import is_round

pytestmark = pytest.mark.root

MEMBERS: Final = ("alpha", "bravo", "charlie")
LEGIT: Final = "charlie"
"""A member whose daemon is stopped: its name and the key are in the wrong hands."""
OUTSIDER: Final = "mallory"
IDLE: Final = 1_000
CROWD: Final = 50
"""Addresses that the idle connections come from: a single one would be stopped at four."""
RSS_MAX_MIB: Final = 64
GARBAGE: Final = random.Random(3).randbytes(4_000)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Alpha and bravo run; charlie is a member whose daemon has stopped; mallory is nobody."""
    root = tmp_path_factory.mktemp("peer")
    with opened(root, (*MEMBERS, OUTSIDER), Shape(MEMBERS)) as made:
        made.form(MEMBERS)
        assert made.stop(LEGIT) == 0
        made.led()
        yield made


@contextmanager
def legit(yard: Yard) -> Iterator[Insider]:
    """Somebody past TLS as the stopped member, from its address; the coordinator must not mind."""
    target = (yard.lab.places[yard.led()].address, PORT)
    with dial(yard.lab.places[LEGIT].namespace, target) as sock:
        yield Insider(sock, yard.authkey, CLUSTER, LEGIT)


def fresh() -> bytes:
    """An HELLO of a process that nobody has met."""
    return hello(CLUSTER, os.urandom(16))


BAD: Final[dict[str, Callable[[Insider], None]]] = {
    "garbage first": lambda peer: peer.say(GARBAGE),
    "garbage in a frame": lambda peer: peer.say(frames.pack(GARBAGE)),
    "garbage after hello": lambda peer: peer.say(fresh() + frames.pack(GARBAGE)),
    "length of nothing": lambda peer: peer.say(bytes(4)),
    "length of 4 GiB": lambda peer: peer.say(b"\xff\xff\xff\xff" + GARBAGE),
    "length one above the limit": lambda peer: peer.say(
        (frames.FRAME_SIZE_MAX + 1).to_bytes(4, "big")
    ),
    "message cut off in its frame": lambda peer: peer.say(frames.pack(fresh()[4:-7])),
    "not hello first": lambda peer: peer.say(
        frames.pack(b"\x94\x0d\x00\x01\x82\xa3rid\x01\xa3seq\x01")
    ),
    "half a frame, then silence": lambda peer: peer.say(fresh()[:100]),
    "hello, half a frame, then silence": lambda peer: peer.say(fresh() + fresh()[:100]),
    "nothing at all": lambda peer: None,
    "another process within a connection": lambda peer: peer.say(fresh() + fresh()),
    "deep nesting": lambda peer: peer.say(frames.pack(b"\x91" * 60_000)),
    "a million elements declared": lambda peer: peer.say(
        frames.pack(b"\x94\x01\x00\x01\xdd\x00\x0f\x42\x40" + b"\x00" * 60_000)
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_member_that_breaks_the_protocol_is_dropped_and_counted(yard: Yard, name: str) -> None:
    """Right key, right name, right address, wrong bytes: the worst that TLS lets through."""
    with refused(yard, "protocol", LEGIT), legit(yard) as peer:
        BAD[name](peer)
        assert peer.was_closed(CLOSED_S), "its connection ends"


def test_altered_records_are_dropped_and_counted(yard: Yard) -> None:
    """Somebody between two nodes turns one bit: the record's tag says so."""
    with refused(yard, "bad_record", LEGIT), legit(yard) as peer:
        peer.say(fresh())
        peer.say_altered(fresh())
        assert peer.was_closed(CLOSED_S)


def test_a_truncated_record_ends_with_its_connection(yard: Yard) -> None:
    """Ten bytes of the record never come, and then the sender leaves: nothing was taken in."""
    with steady(yard) as coordinator:
        with legit(yard) as peer:
            peer.say_cut(fresh())
        rows = {row["name"]: row for row in yard.told(coordinator)["nodes"]}
        assert not rows[LEGIT]["reachable"]


def test_a_flood_of_garbage_datagrams_is_dropped_and_counted(yard: Yard) -> None:
    """Wills arrive by UDP: whatever does not open with the key is nobody's."""
    with refused(yard, "bad_will", OUTSIDER) as _:
        target = (yard.lab.places[yard.led()].address, PORT)

        def made() -> socket.socket:
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        with inside(yard.lab.places[OUTSIDER].namespace, made) as sock:
            for size in [0, 1, 19, 256, 1400] * 100:
                sock.sendto(GARBAGE[:size], target)


def overheard(yard: Yard, listener: str, count: int) -> list[tuple[bytes, bytes]]:
    """(sender's address, datagram) of rounds that reach a node or leave it."""
    place = yard.lab.places[listener].namespace
    found: list[tuple[bytes, bytes]] = []
    with inside(place, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0x0300)) as tap:
        tap.bind((INTERFACE, 0x0003))  # ETH_P_ALL: what leaves, too
        while len(found) < count:
            packet = tap.recv(65_536)
            head = (packet[0] & 15) * 4
            if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_UDP:
                payload = packet[head + 8 :]
                if is_round(payload):
                    found.append((packet[12:16], payload))
    return found


@pytest.mark.parametrize("kind", ["replayed_round", "unknown_round", "bad_round"])
def test_overheard_rounds_are_worth_nothing_in_other_hands(yard: Yard, kind: str) -> None:
    """As they came; sent back to who said them; and altered, with a number that is still free."""
    leader = yard.led()
    with refused(yard, kind, OUTSIDER):
        own = socket.inet_aton(yard.lab.places[leader].address)
        rounds = overheard(yard, leader, 20)
        heard = [data for sender, data in rounds if sender != own]
        said = [data for sender, data in rounds if sender == own]
        assert heard
        assert said
        free = (2**63).to_bytes(8, "big")
        sent = {
            "replayed_round": heard,
            "unknown_round": said,
            "bad_round": [data[:10] + free + data[18:] for data in heard],
        }[kind]

        def made() -> socket.socket:
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        with inside(yard.lab.places[OUTSIDER].namespace, made) as sock:
            for data in sent * 100:
                sock.sendto(data, (yard.lab.places[leader].address, PORT))


ADDRESSES: Final = [f"{SUBNET}.{number}" for number in range(150, 150 + CROWD)]


def test_a_thousand_idle_connections_do_no_harm(yard: Yard) -> None:
    """They come back whenever they are closed; nothing moves, and a member still comes in."""
    place = yard.lab.places[OUTSIDER]
    batch = "".join(f"addr add {address}/24 dev {INTERFACE}\n" for address in ADDRESSES)
    labs.run(["ip", "-n", place.namespace, "-batch", "-"], batch)
    with refused(yard, "too_many", OUTSIDER, more=ADDRESSES), ExitStack() as stack:
        target = (yard.lab.places[yard.led()].address, PORT)
        crowd = Crowd(place.namespace, target, ADDRESSES, IDLE)
        stack.callback(crowd.close)
        crowd.begin()
        for _ in range(2 * PER_ADDRESS_MAX):  # and every place of the member's own address
            stack.enter_context(dial(yard.lab.places[LEGIT].namespace, target))
        yard.start(LEGIT)
        stack.callback(yard.stop, LEGIT)
        until("charlie is let in past the crowd", lambda: yard.is_whole(LEGIT))
        until("the crowd came a second time", lambda: crowd.dialled >= 2 * IDLE)
        assert yard.rss_mib(yard.led()) < RSS_MAX_MIB
    assert not crowd.faults
