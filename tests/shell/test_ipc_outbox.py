"""Registered connections: the list at once, pushes in order, and nobody waits for a slow reader."""

import asyncio
import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ipc.framing import Frame, parse_body
from ipc.messages import Report
from ipc.outbox import BYTES_MAX
from ipc.server import Limits, Server
from tests.shell.ipc_serving import FakeCluster, RawClient, body, frame_of, message, serving


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that the server does soon (bounded by the story's time-out)."""
    for _ in range(4000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never happened")


async def register(client: RawClient, data: bytes = b"") -> Frame | None:
    """Send type 0 and return its reply."""
    client.send("0", data)
    return await asyncio.to_thread(client.read)


def pushed(frame: Frame | None) -> tuple[str, object]:
    """Type and event of a push."""
    assert frame is not None
    found = parse_body(frame.data)
    return frame.kind, found.get("Event", found.get("event"))


@pytest.mark.parametrize("data", [b"", b"\0", b"{}", b'{"Name":"watcher","x":1}'])
def test_registration_brings_the_list_and_then_every_change(tmp_path: Path, data: bytes) -> None:
    """In pgpool it crashes the watchdog ten seconds later."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        with RawClient(path) as client:
            assert body(await register(client, data))["NodeCount"] == 3
            for event in ("state", "coordinator", "quorum", "escalation", "membership"):
                cluster.push_all(event)
                assert pushed(await asyncio.to_thread(client.read)) == ("4", event)
        await until(lambda: cluster.gone_ids)
        assert cluster.channels == {}

    serving(path, story, handler=cluster)


def test_push_made_while_registering_follows_the_reply(tmp_path: Path) -> None:
    """A client may rely on the first frame being the answer to its request."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with RawClient(path) as client:
            assert body(await register(client, b'{"Native":1}'))["NodeCount"] == 3
            assert pushed(await asyncio.to_thread(client.read)) == ("q", "disarmed")

    serving(path, story)


def test_frames_on_a_registered_connection_are_answered_in_order(tmp_path: Path) -> None:
    """Many in one write, in any cut; refusals keep the connection."""
    path = tmp_path / "s"
    cluster = FakeCluster()
    report = {"verb": "report", "own": {"verdict": "dead"}, "peers": {}, "valid_ms": 100}

    async def story(server: Server) -> None:
        with RawClient(path) as client:
            await register(client)
            several = (
                frame_of("3", b'{"NodeID":1}')
                + frame_of("q", json.dumps(report).encode())
                + frame_of("0", b"")
                + frame_of("Z", b"")
                + frame_of("v", b'{"VarName":"WDState"}')
            )
            client.connection.sendall(several[:17])
            await asyncio.sleep(0.05)
            client.connection.sendall(several[17:])
            frames = [await asyncio.to_thread(client.read) for _ in range(5)]
            assert body(frames[0])["NodeCount"] == 1
            assert body(frames[1]) == {"heard": "Native"}
            assert message(frames[2]) == ("6", "this connection is registered already")
            assert message(frames[3]) == ("6", "unknown IPC command type")
            assert body(frames[4])["ValueData"] == 4

    serving(path, story, handler=cluster)
    client, request = cluster.heard[2]
    assert isinstance(getattr(request, "verb", None), Report)
    assert client.channel is not None
    assert client.channel.id == cluster.gone_ids[0]


def test_two_registered_clients_have_channels_of_their_own(tmp_path: Path) -> None:
    """Numbers are never used twice, so a desk can keep verdicts by them."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        for _ in range(2):
            with RawClient(path) as one, RawClient(path) as two:
                await register(one)
                await register(two)
                cluster.push_all("state")
                for client in (one, two):
                    assert pushed(await asyncio.to_thread(client.read)) == ("4", "state")
            await until(lambda: not cluster.channels)

    serving(path, story, handler=cluster)
    assert sorted(cluster.gone_ids) == [1, 2, 3, 4]


def test_registered_client_may_be_silent_but_not_in_the_middle(tmp_path: Path) -> None:
    """Half a frame is dropped like half a first request; silence between frames is its right."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        with RawClient(path) as quiet, RawClient(path) as half:
            await register(quiet)
            await register(half)
            half.connection.sendall(b"3\0")
            assert await asyncio.to_thread(half.read) is None
            await until(lambda: cluster.gone_ids == [2])
            quiet.send("3", b'{"NodeID":0}')
            assert body(await asyncio.to_thread(quiet.read))["NodeCount"] == 1

    serving(path, story, handler=cluster, limits=Limits(request_s=0.2))


def test_registered_client_that_never_reads_is_dropped(tmp_path: Path) -> None:
    """It costs a bounded number of bytes; the daemon pushes on as if it were not there."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        with RawClient(path) as deaf, RawClient(path) as good:
            await register(good)
            deaf.send("0")
            await until(lambda: len(cluster.channels) == 2)
            count = 0
            while len(cluster.channels) == 2 and count < 3000:
                cluster.push_all("state")
                assert pushed(await asyncio.to_thread(good.read)) == ("4", "state")
                count += 1
            assert cluster.gone_ids == [2]
            assert 100 < count < 3000
            assert server.counts.turned_away["slow_reader"] == 1

    serving(path, story, handler=cluster)


def test_client_that_stops_reading_is_dropped_after_a_time(tmp_path: Path) -> None:
    """Also when too little happens to fill its bytes; it learns it by the end of the line."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        with RawClient(path) as deaf:
            await register(deaf)
            ((_, channel),) = cluster.channels.values()
            channel.push("4", {"text": "x" * 900_000})
            await until(lambda: cluster.gone_ids)
            assert server.counts.turned_away["slow_reader"] == 1
            channel.push("4", {})

    serving(path, story, handler=cluster, limits=Limits(push_s=0.2))


def test_client_that_asks_without_reading_is_slowed_down(tmp_path: Path) -> None:
    """Its requests wait until it has taken the replies: no memory is spent on them."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        with RawClient(path) as greedy:
            await register(greedy)
            question = frame_of("3", b'{"NodeID":-1}')

            def pour() -> None:
                for _ in range(1000):
                    greedy.connection.sendall(question)

            pouring = asyncio.get_running_loop().run_in_executor(None, pour)
            await asyncio.sleep(0.3)
            assert len(cluster.heard) * 1000 < 2 * BYTES_MAX
            for _ in range(1000):
                assert body(await asyncio.to_thread(greedy.read))["NodeCount"] == 3
            await pouring

    serving(path, story, handler=cluster)


def test_long_requests_are_read_one_by_one(tmp_path: Path) -> None:
    """Each costs milliseconds, and the election runs in the same loop."""
    path = tmp_path / "s"
    turns: list[int] = []
    """Of each request: the turn of the loop in which it was understood."""
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        turn = 0
        with ExitStack() as held:
            clients = [held.enter_context(RawClient(path)) for _ in range(6)]
            for client in clients:
                await register(client)
            heard = len(cluster.heard)
            for client in clients:
                client.send("3", b'{"NodeID":-1,"x":"' + b"x" * 40_000 + b'"}')
            while len(turns) < len(clients):
                turns.extend([turn] * (len(cluster.heard) - heard - len(turns)))
                await asyncio.sleep(0)
                turn += 1
        assert len(set(turns)) == len(clients)

    serving(path, story, handler=cluster)


def test_what_a_client_asked_before_it_left_is_not_looked_at(tmp_path: Path) -> None:
    """Thousands of requests fit into a socket: to answer them all to nobody took a second."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        client = RawClient(path)
        await register(client)
        heard = len(cluster.heard)
        client.connection.setblocking(False)
        with suppress(BlockingIOError):
            for _ in range(20_000):
                client.connection.sendall(frame_of("3", b'{"NodeID":-1}'))
        client.connection.close()
        await until(lambda: cluster.gone_ids == [1])
        assert len(cluster.heard) - heard <= 2

    serving(path, story, handler=cluster)


def test_push_that_is_too_long_costs_the_channel_only(tmp_path: Path) -> None:
    """A fault of ours must not end the node."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        with RawClient(path) as client:
            await register(client)
            ((_, channel),) = cluster.channels.values()
            channel.push("4", {"text": "x" * 2_000_000})
            assert await asyncio.to_thread(client.read) is None
            await until(lambda: server.counts.turned_away["push_too_long"] == 1)

    serving(path, story, handler=cluster)


def test_registered_client_that_is_killed_is_gone(tmp_path: Path) -> None:
    """Its verdicts end with it."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        client = RawClient(path)
        await register(client)
        cluster.push_all("state")
        client.connection.close()
        await until(lambda: cluster.gone_ids == [1])

    serving(path, story, handler=cluster)


def test_wrong_key_on_a_later_frame_is_refused(tmp_path: Path) -> None:
    """Every request holds the key, also on a connection that was let in."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with RawClient(path) as client:
            assert body(await register(client, b'{"IPCAuthKey":"k"}'))["NodeCount"] == 3
            client.send("3", b'{"NodeID":-1}')
            refused = message(await asyncio.to_thread(client.read))
            assert refused == ("6", "authentication failed: invalid KEY")

    serving(path, story, key=b"k")
