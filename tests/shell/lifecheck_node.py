"""A node for lifecheck to talk to: a control socket that keeps what was said."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ipc.framing import Frame, FrameReader, pack_reply

WAIT_S = 5.0


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until it is so, for seconds at most."""
    for _ in range(5000):
        if is_so():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never was so")


class FakeLog:
    """Keeps the names of the events, and their fields."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, /, **fields: object) -> None:
        """Keep it."""
        self.lines.append((event, fields))

    warning = error = info

    @property
    def events(self) -> list[str]:
        """In the order in which they were said."""
        return [event for event, _ in self.lines]


class FakeNode:
    """One control socket; `frames` is all that came in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames: list[tuple[str, dict[str, Any]]] = []
        self.connections = 0
        self.refusal = ""
        self.busy = 0
        """So many requests are answered by 5: try again."""
        self.answers = True
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._arrived = asyncio.Event()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self) -> None:
        """Close the socket and every connection, as a node that ends does."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self.path.unlink(missing_ok=True)
        await asyncio.sleep(0)

    def push(self, kind: str, body: dict[str, object]) -> None:
        """Say something unasked on every connection."""
        for writer in self._writers:
            writer.write(pack_reply(kind, body))

    def said(self, verb: str) -> list[dict[str, Any]]:
        """Bodies of the native requests with this verb."""
        return [body for kind, body in self.frames if kind == "q" and body["verb"] == verb]

    @property
    def verdicts(self) -> list[str]:
        """What the reports said of this node."""
        return [body["own"]["verdict"] for body in self.said("report")]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for frames until it is so."""
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                self._arrived.clear()
                await self._arrived.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        frames = FrameReader()
        while data := await reader.read(1 << 16):
            frame = frames.feed(data)
            while frame is not None:
                self._take(frame, writer)
                frame = frames.feed()
        writer.close()

    def _take(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        self.frames.append((frame.kind, json.loads(frame.data)))
        self._arrived.set()
        if self.refusal:
            writer.write(pack_reply("6", {"MESSAGE": self.refusal}))
        elif self.busy:
            self.busy -= 1
            writer.write(pack_reply("5", {"MESSAGE": "too many words at once"}))
        elif self.answers:
            writer.write(pack_reply("7", {} if frame.kind == "q" else {"NodeCount": 0}))


async def with_tasks(tasks: list[Awaitable[None]], story: Callable[[], Awaitable[None]]) -> None:
    """Run `tasks` beside `story`, and end them when it ends."""

    async def run(task: Awaitable[None]) -> None:
        await task

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(run(task)) for task in tasks]
        try:
            await story()
        finally:
            for each in running:
                each.cancel()
