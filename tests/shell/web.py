"""A health port in this process, and a node that answers it as the test wants."""

import asyncio
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from ipc.framing import FrameReader, pack_reply
from tests.unit.watchdog.web import samples
from watchdog.web.log import Log
from watchdog.web.run import serve

PATIENCE_S: Final = 20.0


class FakeNode:
    """A control socket whose answer is `reply`; while `is_hung` it takes questions in silence."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reply: bytes = b""
        self.is_hung = False
        self.gate = asyncio.Event()
        """Closed, it holds answers back until it is opened."""
        self.gate.set()
        self.asked: list[bytes] = []
        self._server: asyncio.Server | None = None
        self.says(samples.body())

    def says(self, body: dict[str, Any], kind: str = "7") -> None:
        """What it answers from now on."""
        self.reply = pack_reply(kind, body)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    def stop(self) -> None:
        """Be gone, as a dead process is."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader()
        while data := await reader.read(65536):
            if (frame := frames.feed(data)) is not None:
                self.asked.append(frame.data)
                if self.is_hung:
                    continue
                await self.gate.wait()
                writer.write(self.reply)
                break
        writer.close()


class Response(NamedTuple):
    """What came back."""

    code: int
    headers: dict[str, str]
    body: str


class Stage:
    """The health port on a loopback port, the node behind it, and its log."""

    def __init__(self, folder: Path) -> None:
        self.node = FakeNode(folder / "node.sock")
        self.log_file = folder / "log"
        self._descriptor = os.open(self.log_file, os.O_CREAT | os.O_RDWR | os.O_APPEND)
        self.log = Log("alpha", fd=self._descriptor)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]

    async def run(self) -> None:
        """Serve until cancelled."""
        await serve(self.listener, self.node.path, None, self.log)

    def close(self) -> None:
        """Leave nothing."""
        self.node.stop()
        self.listener.close()
        os.close(self._descriptor)

    async def connect(
        self, source: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that has said nothing."""
        return await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(source, 0) if source else None
        )

    async def ask(self, path: str, method: str = "GET", source: str = "127.0.0.1") -> Response:
        """One request on a connection of its own."""
        reader, writer = await self.connect(source)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        try:
            return parse(await reader.read())
        finally:
            await closed(writer)


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close a connection that may be broken already."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def parse(data: bytes) -> Response:
    """One response, which is all of `data`."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Response(int(first.split()[1]), headers, body.decode())


async def until(fact: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for something that must come true."""
    for _ in range(round(seconds * 100)):
        if fact():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def play(story: Callable[[Stage], Awaitable[None]]) -> None:
    """Run `story` against a port whose node answers."""

    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="qweb-") as folder:
            stage = Stage(Path(folder))
            try:
                await stage.node.start()
                async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                    port = tasks.create_task(stage.run())
                    await story(stage)
                    port.cancel()
            finally:
                stage.close()

    asyncio.run(run())
