"""One connection: deadlines, a peer that does not read, and the bytes of the kernel."""

import asyncio
import socket

import pytest

from tests.shell.links import TestNode, hello, linked, nodes, until
from watchdog.core.messages import Beacon, Hello, Release, StateRequest, Tenure
from watchdog.instant import Instant
from watchdog.shell import connection
from watchdog.shell.connection import Connection
from watchdog.shell.outbox import OUTBOX_SIZE_MAX
from watchdog.shell.refusals import Refusal
from watchdog.wire import codec, frames


def current(node: TestNode, peer: str) -> Connection:
    """The connection that carries the link."""
    found = node.peers._links[peer].current
    assert found is not None
    return found


def test_sockets_send_at_once_and_give_up_on_a_dead_peer_in_time() -> None:
    """I7: TCP_NODELAY, and TCP_USER_TIMEOUT = max(soft, 1 s); both directions alike."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            for node, peer in ((alpha, "beta"), (beta, "alpha")):
                transport = current(node, peer)._transport
                assert transport is not None
                sock = transport.get_extra_info("socket")
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000
                assert sock.getsockname()[0] == node.plan.address
                assert sock.getpeername()[0] == pair[peer].plan.address

    asyncio.run(story())


def test_a_peer_that_does_not_read_gets_the_newest_beacon_when_it_reads_again() -> None:
    """Stale beacons are replaced, not queued; the rest arrives in order."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            reader = current(beta, "alpha")._transport
            assert reader is not None
            reader.pause_reading()
            requests = 0
            while not current(alpha, "beta").outbox_size:
                requests += 1
                alpha.say("beta", StateRequest(requests, 1))
                await asyncio.sleep(0)
            tenure = Tenure("alpha", alpha.core.inc, 1)
            for number in range(1, 1001):
                beacon = Beacon(1, tenure, number, Instant(1, 1), 1200, b"d" * 32, 1)
                alpha.say("beta", beacon)
                alpha.say("beta", hello(alpha.core.inc, seq=number))
            assert alpha.peers.stats()["beta"]["outbox_bytes"] < 2000
            reader.resume_reading()
            last = StateRequest(requests + 1, 1)
            alpha.say("beta", last)
            await until(lambda: beta.core.said("alpha", last))
            said = [event.message for event in beta.core.messages("alpha")]
            assert [m.round for m in said if isinstance(m, Beacon)] == [1000]
            assert [m.seq for m in said if isinstance(m, Hello) and m.seq != 1] == [1000]
            rids = [m.rid for m in said if isinstance(m, StateRequest)]
            assert rids == list(range(1, requests + 2))

    asyncio.run(story())


def test_a_peer_that_never_reads_is_dropped_at_the_bound() -> None:
    """256 KiB, then the connection ends; memory does not."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            reader = current(beta, "alpha")._transport
            assert reader is not None
            reader.pause_reading()
            largest = 0
            tenure = Tenure("alpha", alpha.core.inc, 1)
            # Long ones: it must be over before the kernel itself gives up, which takes a second.
            long = Release(tenure, 1, None, gone=False, reason="x" * 256)
            for number in range(2_000_000):
                if alpha.core.closed("beta"):
                    break
                alpha.say("beta", long)
                largest = max(largest, alpha.peers.stats()["beta"]["outbox_bytes"])
                if number % 500 == 0:
                    await asyncio.sleep(0)
            assert "outbox full" in alpha.core.closed("beta")[0].why
            assert OUTBOX_SIZE_MAX // 2 < largest <= OUTBOX_SIZE_MAX

    asyncio.run(story())


def test_a_frame_that_is_not_finished_in_time_ends_the_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A peer that trickles holds memory and means nothing good."""
    monkeypatch.setattr(connection, "FRAME_TIMEOUT_S", 0.2)

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            sender = current(beta, "alpha")
            for byte in b"\x00\x00\x01\x00half of it":
                sender._write(bytes([byte]))
            await until(lambda: alpha.refusals.count(Refusal.PROTOCOL) == 1)
            assert alpha.core.closed("beta")[0].why == "a frame was not finished"

    asyncio.run(story())


def test_a_frame_that_arrives_in_pieces_is_whole_and_its_deadline_is_forgotten() -> None:
    """The deadline is for one frame, not for the connection."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            sender, receiver = current(beta, "alpha"), current(alpha, "beta")
            frame = frames.pack(codec.encode(StateRequest(7, 1), 9))
            sender._write(frame[:5])
            await until(lambda: receiver._timer is not None)
            for byte in frame[5:]:
                sender._write(bytes([byte]))
            await until(lambda: alpha.core.said("beta", StateRequest(7, 1)))
            assert receiver._timer is None

    asyncio.run(story())


def test_a_peer_without_hello_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a right key, and yet says nothing."""
    monkeypatch.setattr(connection, "HELLO_TIMEOUT_S", 0.2)

    async def story() -> None:
        pair = nodes("alpha", "beta")
        pair["beta"].core.says_hello = False
        async with pair["alpha"].running() as alpha, pair["beta"].running():
            await until(lambda: alpha.refusals.count(Refusal.PROTOCOL) > 0)
            assert alpha.refusals.snapshot()["protocol"]["detail"] == "no HELLO came"
            assert not alpha.is_linked("beta")

    asyncio.run(story())


def test_an_impossible_length_is_refused_before_anything_is_kept() -> None:
    """Four gibibytes are announced, none is allocated."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            current(beta, "alpha")._write(b"\xff\xff\xff\xff")
            await until(lambda: alpha.refusals.count(Refusal.PROTOCOL) == 1)
            assert "4294967295" in alpha.core.closed("beta")[0].why

    asyncio.run(story())


def test_a_reset_is_noticed_at_once_and_named() -> None:
    """RST: the peer's process died with data unread, or its machine restarted."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            transport = current(beta, "alpha")._transport
            assert transport is not None
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, 0 s: close by RST
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
            transport.abort()
            await until(lambda: bool(alpha.core.closed("beta")))
            assert alpha.core.closed("beta")[0].why == "connection reset by the peer"

    asyncio.run(story())
