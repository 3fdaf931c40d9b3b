"""The lifecheck process alone: a real process dies, a node hears of it, a guardian goes."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.shell.lifecheck_node import FakeNode

SLEEPER = ["/bin/sleep", "86399.5"]
PROBE: dict[str, Any] = {
    "every_ms": 2000,
    "timeout_ms": 2000,
    "fails": 1,
    "rises": 1,
    "window_ms": 0,
    "start_delay_ms": 0,
}


def document(folder: Path) -> bytes:
    """A plan that watches the sleeper, and a port where nobody listens."""
    process = {
        "prefixes": [" ".join(SLEEPER)],
        "pidfile": None,
        "exe": None,
        "unit": None,
        "absent_for_ms": 0,
        "min_count": 1,
    }
    tcp = {"host": "127.0.0.1", "port": 1, "send": None, "expect": None}
    checks = [
        {
            "name": "sleeper",
            "when": "always",
            "on_fail": {"kind": "release"},
            "probes": [{"kind": "process", "options": process, **PROBE}],
        },
        {
            "name": "port",
            "when": "always",
            "on_fail": {"kind": "veto"},
            "probes": [{"kind": "tcp", "options": tcp, **PROBE}],
        },
    ]
    lifecheck = {
        "method": "none",
        "on_loss": "ignore",
        "heartbeat": None,
        "deadtime_ms": 10_000,
        "accelerators": ["exiting_poll"],
        "checks": checks,
    }
    ipc = {"path": str(folder / "socket"), "authkey_file": None}
    return json.dumps(
        {
            "schema": 1,
            "node": "a",
            "cluster_id": "00" * 32,
            "log_json": False,
            "node_process": {"ipc": ipc},
            "lifecheck": lifecheck,
        }
    ).encode()


def memory_file(data: bytes) -> int:
    """A descriptor that can be inherited."""
    descriptor = os.memfd_create("plan")
    os.write(descriptor, data)
    return descriptor


@asynccontextmanager
async def lifecheck(
    folder: Path, guard: socket.socket, plan: bytes
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, started as the guardian starts it."""
    fds = [memory_file(plan), memory_file(b"k" * 32), guard.fileno()]
    names = ("--plan-fd", "--key-fd", "--guard-fd")
    words = [word for name, fd in zip(names, fds, strict=True) for word in (name, str(fd))]
    argv = [sys.executable, "-I", "-m", "lifecheck", *words]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*argv, pass_fds=fds, stderr=log)
    for descriptor in fds[:2]:
        os.close(descriptor)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def play(
    folder: Path,
    story: Callable[[FakeNode, asyncio.subprocess.Process, socket.socket], Awaitable[None]],
) -> str:
    """Run `story` beside the process; its log."""

    async def run() -> None:
        node = FakeNode(folder / "socket")
        await node.start()
        theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            async with lifecheck(folder, ours, document(folder)) as process:
                ours.close()
                await story(node, process, theirs)
        finally:
            theirs.close()
            await node.stop()

    asyncio.run(run())
    return (folder / "log").read_text()


def test_a_real_death_is_reported_with_its_reason(tmp_path: Path) -> None:
    """From SIGKILL to the words on the socket, by the process that runs in production."""

    async def story(
        node: FakeNode, process: asyncio.subprocess.Process, guardian: socket.socket
    ) -> None:
        sleeper = await asyncio.create_subprocess_exec(*SLEEPER)
        await node.until(lambda: node.verdicts[-1:] == ["alive"])
        await node.until(lambda: bool(node.said("report")[-1]["own"]["veto"]))
        sleeper.kill()
        await node.until(lambda: node.verdicts[-1:] == ["dead"])
        await sleeper.wait()
        own = node.said("report")[-1]["own"]
        assert own["reason"].startswith("sleeper: ")
        assert " ".join(SLEEPER) in own["reason"]
        assert own["veto"].startswith("port: ")

    log = play(tmp_path, story)
    assert "event=check_down" in log


def test_it_ends_at_once_when_told_to(tmp_path: Path) -> None:
    """The guardian waits for a second, then kills."""

    async def story(
        node: FakeNode, process: asyncio.subprocess.Process, guardian: socket.socket
    ) -> None:
        await node.until(lambda: len(node.said("report")) > 0)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 1) == 0

    assert "event=stopped" in play(tmp_path, story)


def test_it_ends_with_its_guardian(tmp_path: Path) -> None:
    """A lifecheck without a guardian would report for nobody."""

    async def story(
        node: FakeNode, process: asyncio.subprocess.Process, guardian: socket.socket
    ) -> None:
        await node.until(lambda: len(node.said("report")) > 0)
        guardian.close()
        assert await asyncio.wait_for(process.wait(), 2) == 1

    assert "event=guardian_gone" in play(tmp_path, story)


def test_a_plan_that_does_not_fit_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """Trying again at once would change nothing."""

    async def run() -> None:
        theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, ours:
            async with lifecheck(tmp_path, ours, b'{"schema": 99}') as process:
                assert await asyncio.wait_for(process.wait(), 5) == 2

    asyncio.run(run())
    assert "lifecheck: the plan does not fit" in (tmp_path / "log").read_text()


def test_a_probe_that_nobody_knows_has_it_too(tmp_path: Path) -> None:
    """After half an upgrade the plan may name what this version has not."""
    plan = document(tmp_path).replace(b'"kind": "tcp"', b'"kind": "dance"')

    async def run() -> None:
        theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, ours:
            async with lifecheck(tmp_path, ours, plan) as process:
                assert await asyncio.wait_for(process.wait(), 5) == 2

    asyncio.run(run())
    assert "event=cannot_start" in (tmp_path / "log").read_text()
