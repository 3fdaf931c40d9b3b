"""Wills over real UDP: believed when sealed, counted otherwise, never answered."""

import asyncio
import contextlib
import socket

from tests.shell.disks import FakeInbox
from tests.shell.links import AUTHKEY, OTHER_AUTHKEY, free_port, now_ns, until
from tests.shell.plans import plan_for
from watchdog.core.events import MessageReceived
from watchdog.core.messages import GONE_NO, Release, Tenure
from watchdog.shell.datagrams import Datagrams
from watchdog.shell.refusals import Refusal, Refusals
from watchdog.shell.secret import Secret
from watchdog.wire import seal

INC = b"i" * 16
NAMES = ("alpha", "beta")


def will(node: str = "beta", authkey: Secret = AUTHKEY) -> bytes:
    """The last word of `node`."""
    cluster_id = plan_for("alpha", NAMES, 1).cluster_id
    return seal.seal_will(authkey.reveal(), cluster_id, node, INC, b"n" * 12)


def receiver(inbox: FakeInbox, refusals: Refusals, port: int = 1) -> Datagrams:
    """What alpha listens with."""
    return Datagrams(plan_for("alpha", NAMES, port), AUTHKEY, inbox, refusals)


def test_a_will_becomes_a_release_of_the_whole_incarnation() -> None:
    """The fast way to a new coordinator when a process dies."""

    async def story() -> None:
        inbox, port = FakeInbox(), free_port()
        datagrams = receiver(inbox, Refusals(now_ns), port)
        datagrams.open()
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(datagrams.run())
            with socket.socket(type=socket.SOCK_DGRAM) as sender:
                sender.sendto(will(), ("127.0.0.1", port))
            await until(lambda: bool(inbox.events))
            task.cancel()
        release = Release(
            Tenure("beta", INC, GONE_NO),
            term=0,
            successor=None,
            gone=True,
            was_on=True,
            reason="its node process died",
        )
        assert inbox.events == [MessageReceived("beta", INC, release)]
        assert datagrams.wills == 1

    asyncio.run(story())


def test_whatever_is_no_will_of_a_peer_is_counted_and_not_answered() -> None:
    """Garbage, another key, a stranger's name, our own name, one bit off."""

    async def story() -> None:
        inbox, port, refusals = FakeInbox(), free_port(), Refusals(now_ns)
        datagrams = receiver(inbox, refusals, port)
        datagrams.open()
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
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(datagrams.run())
            with socket.socket(type=socket.SOCK_DGRAM) as sender:
                sender.bind(("127.0.0.7", 0))
                for datagram in bad:
                    sender.sendto(datagram, ("127.0.0.1", port))
                await until(lambda: refusals.count(Refusal.BAD_WILL) == len(bad))
                sender.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    raise AssertionError(sender.recv(1))
            task.cancel()
        assert inbox.events == []
        assert refusals.snapshot()["bad_will"]["last_address"] == "127.0.0.7"

    asyncio.run(story())
