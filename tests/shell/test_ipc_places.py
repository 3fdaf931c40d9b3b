"""Many connections at once: nobody locks out root or the node's own user, and nothing stalls."""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from ipc.binding import bind
from ipc.client import RefusedError, UnreachableError, call, subscribe
from ipc.framing import parse_body
from ipc.messages import Client, Reply, Request, ok
from ipc.places import Quota
from ipc.server import Limits, Server
from tests.shell.ipc_serving import Answering, FakeCluster, RawClient, serving

NOBODY = 65534

HOLD = """
import os, resource, socket, sys
folder, path, count, uid = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
os.chdir(folder)
if uid:
    os.setuid(uid)
held = []
for number in range(count):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    held.append(connection)
    del held[:-2000]
print("connected", flush=True)
sys.stdin.read()
"""
"""Makes `count` connections that say nothing, keeps the newest 2,000 until its input ends."""


def test_idle_connections_give_way_to_the_newest(tmp_path: Path) -> None:
    """Whoever says nothing keeps nobody out, and is told why it was closed."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with ExitStack() as held:
            idle = [held.enter_context(RawClient(path)) for _ in range(4)]
            assert await asyncio.to_thread(call, path, "ping")
            frame = await asyncio.to_thread(idle[0].read)
            assert frame is not None
            assert parse_body(frame.data) == {"MESSAGE": "too many clients, try again"}
            assert await asyncio.to_thread(idle[0].read) is None

    quota = Quota(per_user=2, others=2)
    serving(path, story, limits=Limits(quota, request_s=10))


def test_busy_connections_do_not(tmp_path: Path) -> None:
    """A switchover that waits for other nodes is not thrown out by newcomers."""
    path = tmp_path / "s"
    hold = asyncio.Event()

    async def wait(client: Client, request: Request) -> Reply:
        await hold.wait()
        return ok()

    async def story(server: Server) -> None:
        with ExitStack() as held:
            busy = [held.enter_context(RawClient(path)) for _ in range(4)]
            for client in busy:
                client.send("q", b'{"verb":"form"}')
            await asyncio.sleep(0.1)
            with pytest.raises(RefusedError, match="too many clients"):
                await asyncio.to_thread(call, path, "ping")
            hold.set()
            for client in busy:
                frame = await asyncio.to_thread(client.read)
                assert frame is not None
                assert frame.kind == "7"

    quota = Quota(per_user=2, others=2)
    serving(path, story, handler=Answering(wait), limits=Limits(quota, request_s=10))


def test_registered_clients_leave_room_for_a_question(tmp_path: Path) -> None:
    """The one that is too many is refused; `status` still works."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with ExitStack() as held:
            for _ in range(2 * 8 - 2 if os.geteuid() == 0 else 8 - 2):
                held.enter_context(await asyncio.to_thread(subscribe, path))
            with pytest.raises(RefusedError, match="too many registered clients"):
                await asyncio.to_thread(subscribe, path)
            assert await asyncio.to_thread(call, path, "ping")

    serving(path, story)


def test_queue_of_connections_is_accepted_one_by_one(tmp_path: Path) -> None:
    """Others get a turn after each of them: the election runs in the same loop."""
    path = tmp_path / "s"

    async def run() -> int:
        server = Server(listener, FakeCluster(), None, Limits(Quota(per_user=2, others=2)))
        async with asyncio.TaskGroup() as tasks:
            serve = tasks.create_task(server.run())
            turns = 0
            while server.counts.turned_away["too_many_clients"] < 50 and turns < 10_000:
                await asyncio.sleep(0)
                turns += 1
            serve.cancel()
        return turns

    with bind(path) as listener, ExitStack() as held:
        for _ in range(60):
            held.enter_context(RawClient(path))
        assert 50 <= asyncio.run(run()) < 10_000


def asked(path: Path) -> bool:
    """Whether one question was answered; "try again" is an answer that does not count."""
    try:
        return bool(call(path, "ping"))
    except (RefusedError, UnreachableError):
        return False


def hold_connections(path: Path, count: int, uid: int) -> subprocess.Popen[str]:
    """A process with `count` silent connections; 0: of our own user."""
    return subprocess.Popen(
        [sys.executable, "-I", "-c", HOLD, str(path.parent), path.name, str(count), str(uid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def longest_pause_s(ended: asyncio.Event) -> float:
    """How long other work of the loop had to wait, at most."""
    worst = 0.0
    while not ended.is_set():
        start = time.monotonic()
        await asyncio.sleep(0.001)
        worst = max(worst, time.monotonic() - start - 0.001)
    return worst


@pytest.mark.parametrize("uid", [0, NOBODY] if os.geteuid() == 0 else [0])
def test_ten_thousand_connections_lock_nobody_out(tmp_path: Path, uid: int) -> None:
    """Neither lifecheck, which is registered, nor a new one, nor `status`; the loop goes on."""
    tmp_path.chmod(0o711)
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        path.chmod(0o666)
        ended = asyncio.Event()
        with await asyncio.to_thread(subscribe, path, "lifecheck") as lifecheck:
            async with asyncio.TaskGroup() as tasks:
                pause = tasks.create_task(longest_pause_s(ended))
                with hold_connections(path, 10_000, uid) as flood:
                    assert flood.stdout is not None
                    connected = tasks.create_task(asyncio.to_thread(flood.stdout.readline))
                    answers = 0
                    while not connected.done():
                        answers += await asyncio.to_thread(asked, path)
                    assert connected.result() == "connected\n"
                    assert await asyncio.to_thread(call, path, "ping")
                    with await asyncio.to_thread(subscribe, path, "lifecheck") as second:
                        assert await asyncio.to_thread(second.call, "ping")
                    assert await asyncio.to_thread(lifecheck.call, "ping")
                    assert flood.stdin is not None
                    flood.stdin.close()
                ended.set()
            print(f"{answers} answers, the loop paused for {pause.result() * 1000:.1f} ms at most")
            assert answers > 0
            assert pause.result() < 5

    serving(path, story)
