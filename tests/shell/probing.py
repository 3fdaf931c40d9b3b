"""Running probes of lifecheck: once, until cancelled, and looking for what they leave behind."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from lifecheck.detector import DETAIL_MAX
from lifecheck.plan import ProbePlan
from lifecheck.probes import Means, Outcome, Probe, make

NO_MEANS: Final = Means(None, None)
PATIENCE_S: Final = 5.0

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def probe(kind: str, means: Means = NO_MEANS, **options: Any) -> Probe:
    """Return the probe of a kind, as lifecheck makes it."""
    plan = ProbePlan(kind, 1000, 1000, 1, 1, 0, 0, options)
    return make(plan, means)


async def look(subject: Probe) -> Outcome:
    """Run once; what is said must be fit to be shown."""
    async with asyncio.timeout(PATIENCE_S):
        outcome = await subject.run()
    assert outcome.detail.isprintable()
    assert 0 < len(outcome.detail) <= DETAIL_MAX
    return outcome


async def cancelled(subject: Probe, after_s: float = 0.1) -> str:
    """Run, and cancel after a while, as lifecheck does at the time-out; return what it was at."""
    try:
        async with asyncio.timeout(after_s):
            outcome = await subject.run()
    except TimeoutError:
        assert subject.doing.isprintable()
        return subject.doing
    raise AssertionError(f"ended by itself: {outcome}")


def once(subject: Probe) -> Outcome:
    """Run once in a loop of its own, and let go of everything."""
    try:
        return asyncio.run(look(subject))
    finally:
        subject.close()


def sockets_to(port: int) -> list[int]:
    """The descriptors of this process that are connected, or connecting, to a port."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            line = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:  # no socket
            continue
        with line, contextlib.suppress(OSError):
            if line.family == socket.AF_INET and line.getpeername()[1] == port:
                found.append(int(entry.name))
    return found


def descriptors() -> list[str]:
    """What this process has open (the listing itself too)."""
    return [entry.name for entry in Path("/proc/self/fd").iterdir()]


def children() -> set[int]:
    """The processes of ours that nobody has collected."""
    pid = os.getpid()
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that must come soon and cannot say so by itself."""
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(PATIENCE_S / 1000)
    raise AssertionError("it did not come")


@contextlib.asynccontextmanager
async def listening(talk: Talk, **tls: Any) -> AsyncIterator[int]:
    """Listen on a port of 127.0.0.1 and talk to whoever comes; yields the port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            tasks.discard(task)
            writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, **tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing for longer than anybody waits."""
    await asyncio.sleep(60)


def saying(*pieces: bytes) -> Talk:
    """Return a talk that says these pieces and closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()

    return talk
