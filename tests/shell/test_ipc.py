"""The control socket under good and hostile clients, on a real Unix socket."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ipc.client import RefusedError, UnreachableError, call
from ipc.framing import HEADER, REPLY_SIZE_MAX, Frame, FrameReader, parse_body
from ipc.messages import Reply, ok
from ipc.server import Client, Handler, Limits, Server, bind


async def echo(client: Client, body: dict[str, object]) -> Reply:
    """A handler that tells who asked what."""
    return ok({"uid": client.uid, "body": body})


async def never(client: Client, body: dict[str, object]) -> Reply:
    """A handler that waits for ever."""
    await asyncio.Event().wait()
    return ok()


def serving(
    path: Path,
    story: Callable[[Server], Awaitable[None]],
    *,
    handler: Handler = echo,
    key: bytes | None = None,
    limits: Limits | None = None,
) -> None:
    """Run `story` beside a server at `path`."""

    async def run() -> None:
        with bind(path) as listener:
            server = Server(listener, handler, key, limits)
            async with asyncio.TaskGroup() as tasks:
                serve = tasks.create_task(server.run())
                async with asyncio.timeout(20):
                    await story(server)
                serve.cancel()

    asyncio.run(run())


def connect(path: Path) -> socket.socket:
    """A blocking client connection."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


def read_reply(connection: socket.socket) -> Frame | None:
    """One reply, or None at the end of the connection."""
    reader = FrameReader(REPLY_SIZE_MAX)
    while data := connection.recv(65536):
        if (frame := reader.feed(data)) is not None:
            return frame
    return None


async def until_served(path: Path) -> None:
    """Ask until the server has a place for us (bounded by the story's time-out)."""
    for _ in range(1000):
        try:
            await asyncio.to_thread(call, path, "ping")
        except (RefusedError, UnreachableError):
            await asyncio.sleep(0.01)
        else:
            return
    pytest.fail("the server never served anybody again")


def ask(path: Path, *pieces: bytes) -> Frame | None:
    """Write `pieces` one by one, then read the reply."""
    with connect(path) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return read_reply(connection)


def message(frame: Frame | None) -> tuple[str, object]:
    """Type and MESSAGE of a refusal."""
    assert frame is not None
    return frame.kind, parse_body(frame.data)["MESSAGE"]


def test_client_and_server_understand_each_other(tmp_path: Path) -> None:
    """The ordinary case, with our own client."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        answer = await asyncio.to_thread(call, path, "ping", {"n": 1})
        assert answer["body"] == {"verb": "ping", "n": 1}
        assert server.counts.served == 1

    serving(path, story)


def test_request_in_single_bytes_is_answered(tmp_path: Path) -> None:
    """Pgpool's clients write three pieces; the worst is one byte each."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        raw = HEADER.pack(b"q", 2) + b"{}"
        frame = await asyncio.to_thread(ask, path, *[bytes([byte]) for byte in raw])
        assert frame is not None
        assert frame.kind == "7"
        assert frame.data.endswith(b"\0")

    serving(path, story)


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        (HEADER.pack(b"Z", 0), "unknown IPC command type"),
        (HEADER.pack(b"\xff", 0), "unknown IPC command type"),
        (HEADER.pack(b"3", 2) + b"{}", "request type '3' is not available in this version"),
        (HEADER.pack(b"q", 0), "the body is not JSON"),
        (HEADER.pack(b"q", 4) + b"\xff\x00\xff\x00", "the body is not JSON"),
    ],
)
def test_bad_request_gets_a_sentence(tmp_path: Path, raw: bytes, reply: str) -> None:
    """`{}` under type 3 kills pgpool's watchdog."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        assert message(await asyncio.to_thread(ask, path, raw)) == ("6", reply)

    serving(path, story)


@pytest.mark.parametrize("length", [-1, 2**31 - 1])
def test_impossible_length_closes_the_connection(tmp_path: Path, length: int) -> None:
    """Nothing is read, nothing is answered, and the cause is counted."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        assert await asyncio.to_thread(ask, path, HEADER.pack(b"q", length)) is None
        assert server.counts.turned_away["FramingError"] == 1

    serving(path, story)


def test_half_a_request_is_dropped_and_holds_nobody_up(tmp_path: Path) -> None:
    """One byte and silence freezes pgpool's whole watchdog."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with connect(path) as mute:
            mute.sendall(b"q")
            assert await asyncio.to_thread(call, path, "ping")
            assert await asyncio.to_thread(mute.recv, 1) == b""
        assert server.counts.turned_away["too_slow"] == 1

    serving(path, story, limits=Limits(request_s=0.3))


def test_client_that_does_not_read_its_reply_is_dropped(tmp_path: Path) -> None:
    """A full socket buffer must cost one client, for a bounded time."""
    path = tmp_path / "s"

    async def long(client: Client, body: dict[str, object]) -> Reply:
        return ok({"text": "x" * 900_000})

    async def story(server: Server) -> None:
        with connect(path) as deaf:
            deaf.sendall(HEADER.pack(b"q", 2) + b"{}")
            await until_served(path)
            await asyncio.sleep(0.5)
            assert server.counts.turned_away["too_slow"] == 1

    serving(path, story, handler=long, limits=Limits(request_s=0.2))


def test_clients_beyond_the_limit_are_told_so(tmp_path: Path) -> None:
    """The places free themselves when the idle ones time out or go."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with ExitStack() as held:
            for _ in range(3):
                held.enter_context(await asyncio.to_thread(connect, path))
            with pytest.raises(RefusedError, match="too many clients"):
                await asyncio.to_thread(call, path, "ping")
        await until_served(path)

    serving(path, story, limits=Limits(clients=3, request_s=10))


def test_one_user_cannot_take_every_place(tmp_path: Path) -> None:
    """A second bound per uid keeps places for others."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with ExitStack() as held:
            for _ in range(2):
                held.enter_context(await asyncio.to_thread(connect, path))
            with pytest.raises(RefusedError, match="too many clients"):
                await asyncio.to_thread(call, path, "ping")

    serving(path, story, limits=Limits(per_uid=2, per_root=2, request_s=10))


def test_thousands_of_connections_do_nothing(tmp_path: Path) -> None:
    """They are accepted, told, closed; a real client gets its answer afterwards."""
    path = tmp_path / "s"

    def flood() -> None:
        for _ in range(3000):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(str(path))
                with suppress(BrokenPipeError):
                    connection.send(b"q")

    async def story(server: Server) -> None:
        await asyncio.to_thread(flood)
        await until_served(path)

    serving(path, story)


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (b"{}", "authentication failed: invalid KEY"),
        (b'{"IPCAuthKey":"wrong"}', "authentication failed: invalid KEY"),
        (b'{"IPCAuthKey":7}', "authentication failed: invalid KEY"),
        (b"", "authentication failed: invalid data"),
    ],
)
def test_wrong_key_is_refused_in_pgpools_words(tmp_path: Path, body: bytes, reply: str) -> None:
    """The key is a second check beside the peer's credentials."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        raw = HEADER.pack(b"q", len(body)) + body
        assert message(await asyncio.to_thread(ask, path, raw)) == ("6", reply)

    serving(path, story, key=b"secret")


def test_right_key_is_served(tmp_path: Path) -> None:
    """And with our own client."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        assert await asyncio.to_thread(lambda: call(path, "ping", key="secret"))

    serving(path, story, key=b"secret")


def test_handler_that_takes_too_long_is_answered_for(tmp_path: Path) -> None:
    """A verb that waits for other nodes must not hold a place for ever."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with pytest.raises(RefusedError) as caught:
            await asyncio.to_thread(call, path, "ping")
        assert caught.value.kind == "8"

    serving(path, story, handler=never, limits=Limits(answer_s=0.1))


def test_silent_server_times_the_client_out(tmp_path: Path) -> None:
    """The command line must not hang on a stopped daemon."""
    with bind(tmp_path / "s"), pytest.raises(UnreachableError, match=r"within 0\.2 s"):
        call(tmp_path / "s", "ping", timeout_s=0.2)
