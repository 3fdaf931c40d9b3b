"""The socketpair to the guardian: a stopped guardian never stops the node."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from watchdog import guardian_protocol as protocol
from watchdog.core.events import Event, GuardianLost, GuardianReady, Off
from watchdog.instant import Instant
from watchdog.shell.guard_link import QUEUE_MAX, GuardLink
from watchdog.shell.inbox import Inbox

S = Instant(1, 2)


class Stage:
    """A link, its inbox, and the guardian's end in our hands."""

    def __init__(self) -> None:
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.inbox = Inbox()
        self.link = GuardLink(theirs, self.inbox)
        self._theirs = theirs

    def fill(self) -> int:
        """Send Extends until the socket and the queue are full; how many."""
        count = 0
        while not self.link.dropped:
            count += 1
            self.link.send(protocol.Extend(count, 1, 1, 1, S))
        return count

    async def read_all(self) -> list[protocol.ToGuardian]:
        """Everything that the guardian has not read yet."""
        self.ours.setblocking(False)
        packets = []
        for _ in range(10_000):
            try:
                packets.append(protocol.unpack_to_guardian(self.ours.recv(2048)))
            except BlockingIOError:
                if not self.link.waiting:
                    break
                await asyncio.sleep(0.001)
        return packets

    async def next_event(self) -> Event | None:
        """What arrives in the inbox."""
        await self.inbox.wait(5)
        return self.inbox.take()

    def close(self) -> None:
        """Give both ends back."""
        self.link.stop()
        self.ours.close()
        self._theirs.close()


def play(story: Callable[[Stage], Awaitable[None]]) -> None:
    """Run `story` with an open link."""

    async def run() -> None:
        stage = Stage()
        stage.link.open()
        try:
            async with asyncio.timeout(20):
                await story(stage)
        finally:
            stage.close()

    asyncio.run(run())


def test_packets_arrive_whole_and_in_order() -> None:
    """Both ways."""

    async def story(stage: Stage) -> None:
        stage.link.send(protocol.NodeUp(b"i" * 16))
        stage.link.send(protocol.OpenRound(1, 2))
        assert await stage.read_all() == [protocol.NodeUp(b"i" * 16), protocol.OpenRound(1, 2)]
        for packet in (protocol.Welcome(5, off_clean=True), protocol.Off(3)):
            stage.ours.send(protocol.pack(packet))
        assert await stage.next_event() == GuardianReady(5, off_clean=True)
        assert await stage.next_event() == Off(3)

    play(story)


def test_end_of_the_guardian_is_an_event_once() -> None:
    """Sending afterwards is harmless: the process is about to end."""

    async def story(stage: Stage) -> None:
        stage.ours.close()
        stage.link.send(protocol.CheckReady(1))
        assert await stage.next_event() == GuardianLost()
        stage.link.send(protocol.CheckReady(2))
        await stage.inbox.wait(0.05)
        assert stage.inbox.take() is None

    play(story)


def test_full_socket_keeps_packets_in_order_for_later() -> None:
    """A guardian that was stopped for a moment misses nothing that fits the queue."""

    async def story(stage: Stage) -> None:
        count = 0
        while not stage.link.waiting:
            count += 1
            stage.link.send(protocol.Extend(count, 1, 1, 1, S))
        stage.link.send(protocol.Deescalate(count + 1, "x"))
        packets = await stage.read_all()
        numbers = [p.n for p in packets if isinstance(p, protocol.Extend | protocol.Deescalate)]
        assert numbers == list(range(1, count + 2))

    play(story)


def test_stopped_guardian_loses_the_oldest_prolongations_and_no_command() -> None:
    """When it wakes it must go off, and must not be prolonged by what is stale."""

    async def story(stage: Stage) -> None:
        sent = stage.fill()
        stage.link.send(protocol.Deescalate(sent + 1, "lease"))
        packets = await stage.read_all()
        assert packets[-1] == protocol.Deescalate(sent + 1, "lease")
        assert len(packets) == sent - stage.link.dropped + 1

    play(story)


def test_even_a_queue_of_commands_has_room_for_going_off() -> None:
    """The bound holds whatever is queued; the newest Deescalate is always in it."""

    async def story(stage: Stage) -> None:
        stage.fill()
        for number in range(3 * QUEUE_MAX):
            stage.link.send(protocol.Deescalate(1000 + number, "x"))
        stage.link.send(protocol.CheckReady(1))
        assert stage.link.waiting == QUEUE_MAX
        assert (await stage.read_all())[-1] == protocol.Deescalate(1000 + 3 * QUEUE_MAX - 1, "x")

    play(story)
