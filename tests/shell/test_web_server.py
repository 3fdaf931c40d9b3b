"""The port among strangers: floods, the slow, the silent and the loud stop no health check."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.shell.web import Stage, closed, parse, play, until
from watchdog.web import question, server, visitors
from watchdog.web.log import Log
from watchdog.web.plan import WebPlan
from watchdog.web.server import LINE_SIZE_MAX, ListenError, listen
from watchdog.web.visitors import PER_SOURCE_MAX

CHECK_S = 10.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def crowd(stage: Stage, count: int, said: bytes = b"", sources: int = 1) -> list[Streams]:
    """Many connections from one address or several, which said something and wait."""
    found = []
    for number in range(count):
        streams = await stage.connect(f"127.0.1.{number % sources + 1}")
        streams[1].write(said)
        found.append(streams)
    return found


async def leave(found: list[Streams]) -> None:
    """Close them."""
    for _, writer in found:
        await closed(writer)


async def is_ended(reader: asyncio.StreamReader) -> bytes:
    """What came before the other side closed or broke the connection."""
    data = b""
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            data += chunk
    return data


@pytest.mark.parametrize("said", [b"", b"GET /leader HTTP/1.1\r\nHo"])
@pytest.mark.parametrize("sources", [1, 200])
def test_a_thousand_idle_connections_stop_no_health_check(said: bytes, sources: int) -> None:
    """Of one address or of many; silent, or in the middle of a request."""

    async def story(stage: Stage) -> None:
        found = await crowd(stage, 1000, said, sources)
        for source in ("127.0.2.1", "127.0.1.1"):
            for _ in range(20):
                async with asyncio.timeout(CHECK_S):
                    assert (await stage.ask("/leader", source=source)).code == 200
        page = (await stage.ask("/metrics")).body
        assert 'quorumdog_http_connections_ended_total{reason="displaced"}' in page
        await leave(found)

    play(story)


def test_a_health_check_is_answered_during_a_storm_of_connections() -> None:
    """Connections that come as fast as they can, and are never closed by their side."""

    async def story(stage: Stage) -> None:
        storm: list[Streams] = []

        async def rage() -> None:
            while len(storm) < 3000:
                storm.append(await stage.connect("127.0.1.1"))

        async with asyncio.TaskGroup() as tasks:
            raging = tasks.create_task(rage())
            checks = 0
            while not raging.done():
                async with asyncio.timeout(CHECK_S):
                    checks += (await stage.ask("/leader", source="127.0.2.1")).code == 200
        assert checks >= 10
        await leave(storm)

    play(story)


def test_when_all_places_are_being_answered_the_next_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The node hangs, and a client asks again and again without waiting for its answers."""
    monkeypatch.setattr(question, "TIMEOUT_S", 60.0)

    async def story(stage: Stage) -> None:
        stage.node.is_hung = True
        ask = b"GET /leader HTTP/1.1\r\nHost: x\r\n\r\n"
        found = await crowd(stage, PER_SOURCE_MAX, ask)
        await until(lambda: len(stage.node.asked) == 1)
        await asyncio.sleep(0.5)
        async with asyncio.timeout(CHECK_S):
            refused = await stage.ask("/leader", source="127.0.1.1")
        assert (refused.code, refused.body) == (503, "no: too many connections, try again\n")
        async with asyncio.timeout(CHECK_S):
            assert (await stage.ask("/livez")).code == 200
        await leave(found)

    play(story)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /leader HTTP/1.1\r\nHost: x\r\n",
        b"POST /leader HTTP/1.1\r\nHost: x\r\nContent-Length: 9",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_quiet_connection_is_ended(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """Silent, in the middle of a request, or after its answer."""
    monkeypatch.setattr(visitors, "QUIET_S", 0.3)
    monkeypatch.setattr(server, "SWEEP_S", 0.05)

    async def story(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(said)
        async with asyncio.timeout(20):
            data = await is_ended(reader)
        assert (parse(data).code if data else None) in (None, 200)
        await closed(writer)

    play(story)


def test_a_slow_writer_does_not_keep_its_place_by_writing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Slowloris: a byte now and then is not a request."""
    monkeypatch.setattr(visitors, "QUIET_S", 0.5)
    monkeypatch.setattr(server, "SWEEP_S", 0.05)

    async def story(stage: Stage) -> None:
        reader, writer = await stage.connect()
        loop = asyncio.get_running_loop()
        begin = loop.time()
        with suppress(ConnectionError):
            for byte in b"GET /leader HTTP/1.1\r\n" + b"x: y\r\n" * 100:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)
        assert loop.time() - begin < 20
        assert await is_ended(reader) == b""
        await closed(writer)

    play(story)


def test_a_slow_reader_loses_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for big pages without end and reads nothing."""
    monkeypatch.setattr(visitors, "QUIET_S", 0.5)
    monkeypatch.setattr(server, "SWEEP_S", 0.05)

    async def story(stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", stage.port))
        ask = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
        async with asyncio.timeout(20):
            with suppress(ConnectionError):
                while True:  # until it is thrown out
                    await loop.sock_sendall(connection, ask)
        connection.close()
        assert 'reason="idle"} 1.0' in (await stage.ask("/metrics")).body

    play(story)


def test_requests_in_one_go_are_answered_in_order() -> None:
    """Pipelining: a hundred at once, on one connection."""

    async def story(stage: Stage) -> None:
        reader, writer = await stage.connect()
        paths = ("/leader", "/nowhere") * 50
        for path in paths:
            writer.write(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with asyncio.timeout(30):
            codes = [parse(await reader.readuntil(b"\r\n\r\n")).code for _ in paths]
        assert codes == [200, 404] * 50
        await closed(writer)

    play(story)


@pytest.mark.parametrize(
    "said",
    [
        b"GET /" + b"x" * LINE_SIZE_MAX + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * (LINE_SIZE_MAX + 1) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: y\r\n" % n for n in range(100)) + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_what_is_no_request_is_400_and_is_counted(said: bytes) -> None:
    """TLS at the wrong port, scanners, headers without end: one answer, and no log line."""

    async def story(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(said)
        async with asyncio.timeout(20):
            assert b" 400 " in (await is_ended(reader)).partition(b"\r\n")[0]
        await closed(writer)
        assert "quorumdog_http_bad_requests_total 1.0\n" in (await stage.ask("/metrics")).body
        assert stage.log_file.read_bytes() == b""

    play(story)


def test_a_body_is_not_read() -> None:
    """Two gigabytes are announced and begun: the answer comes, and the connection ends."""

    async def story(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(b"GET /leader HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000000\r\n\r\n")
        writer.write(bytes(1 << 20))
        async with asyncio.timeout(20):
            data = await is_ended(reader)
        assert data.startswith(b"HTTP/1.1 200 OK")
        await closed(writer)

    play(story)


def test_a_client_of_http_1_0_is_answered_and_closed() -> None:
    """As HAProxy asks by default."""

    async def story(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(b"OPTIONS /leader HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(20):
            assert parse(await reader.read()).code == 200
        await closed(writer)

    play(story)


def plan_at(address: str, port: int) -> WebPlan:
    """A plan that listens there."""
    return WebPlan("alpha", False, address, port, Path("/nowhere"), None)


def listening(address: str, port: int, log: Log) -> socket.socket:
    """The listening socket."""

    async def run() -> socket.socket:
        async with asyncio.timeout(30):
            return await listen(plan_at(address, port), log)

    return asyncio.run(run())


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_any_own_address_can_be_listened_on(address: str) -> None:
    """`::` takes IPv4 as well."""
    with listening(address, 0, Log("alpha")) as listener:
        port = listener.getsockname()[1]
        to = {"::": "127.0.0.1", "0.0.0.0": "127.0.0.1"}.get(address, address)
        socket.create_connection((to, port), timeout=5).close()


def test_a_taken_port_is_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    """A restart meets the old process, or somebody else has the port for a while."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(listen(plan_at("127.0.0.1", port), Log("alpha")))
                await asyncio.sleep(0.5)
                assert not waiting.done()
                taken.close()
        waiting.result().close()

    asyncio.run(run())
    lines = capfd.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["event=port_taken"] * 2
    assert "Address already in use" in lines[0]


@pytest.mark.parametrize(
    ("address", "port"), [("no.such.name.invalid", 8780), ("1.2.3.4.5", 1), ("127.0.0.1", 70000)]
)
def test_an_impossible_address_is_said_at_once(address: str, port: int) -> None:
    """Trying again would change nothing."""
    with pytest.raises(ListenError, match=r"cannot listen on .*; see \[http\] listen"):
        listening(address, port, Log("alpha"))
