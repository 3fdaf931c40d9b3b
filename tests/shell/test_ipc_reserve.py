"""Without a free descriptor nobody is left waiting, nothing spins, and the reserve comes back."""

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

from ipc.binding import bind
from ipc.messages import Channel, Client, Register, Reply, Request, ok
from ipc.reserve import KEPT, Reserve
from ipc.server import Server
from tests.shell.links import PATIENCE_S, TestNode, nodes
from watchdog.shell.refusals import Refusal

WAITING = 40


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing can be opened; what is open stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(file.name) for file in Path("/proc/self/fd").iterdir())
    fillers: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, hard))
    try:
        with contextlib.suppress(OSError):
            fillers.extend(os.dup(0) for _ in range(highest + 2))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in fillers:
            os.close(fd)


async def ends(clients: list[socket.socket]) -> list[bytes]:
    """What each of them hears until its connection is closed."""
    loop, heard = asyncio.get_running_loop(), []
    for client in clients:
        said = b""
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(PATIENCE_S):
                while part := await loop.sock_recv(client, 4096):
                    said += part
        heard.append(said)
    return heard


def crowd(family: socket.AddressFamily, stack: contextlib.ExitStack) -> list[socket.socket]:
    """Clients that have their descriptors already."""
    made = [stack.enter_context(socket.socket(family)) for _ in range(WAITING)]
    for client in made:
        client.setblocking(False)
    return made


def test_who_waits_is_handed_out_one_by_one_and_the_reserve_is_there_again() -> None:
    """Sixteen are kept; one of them is enough for any crowd."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.setblocking(False)
        reserve = Reserve()
        assert reserve.kept == KEPT == 16
        with contextlib.ExitStack() as stack:
            clients = crowd(socket.AF_INET, stack)
            for client in clients:
                client.connect_ex(listener.getsockname())
            with no_descriptors():
                turned_away = [address for _, address in reserve.turn_away(listener)]
                assert reserve.kept == KEPT
            assert turned_away == ["127.0.0.1"] * WAITING
            assert all(client.recv(1) == b"" for client in clients)
        reserve.close()
        assert reserve.kept == 0


def test_the_peer_port_turns_a_crowd_away_and_does_not_spin() -> None:
    """Ten looks in a second, however many wait; a peer gets in again afterwards."""

    async def story() -> None:
        alpha = nodes("alpha", "beta")["alpha"]
        async with alpha.running():
            with contextlib.ExitStack() as stack:
                clients = crowd(socket.AF_INET, stack)
                with no_descriptors():
                    for client in clients:
                        client.connect_ex((alpha.plan.listen, alpha.plan.port))
                    assert await ends(clients) == [b""] * WAITING
                    before = alpha.peers._listener.exhausted
                    await asyncio.sleep(0.5)
                    assert alpha.peers._listener.exhausted - before <= 6
            assert alpha.refusals.count(Refusal.TOO_MANY) == WAITING
            assert alpha.peers._admission.total == 0
            await is_served(alpha)

    asyncio.run(story())


async def is_served(node: TestNode) -> None:
    """Somebody who knocks is let in to a handshake again."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, (node.plan.listen, node.plan.port))
        await loop.sock_sendall(client, b"GET / HTTP/1.0\r\n\r\n")
        await ends([client])
    assert node.refusals.count(Refusal.NOT_TLS) == 1


class Echo:
    """Answers everything with OK."""

    async def handle(self, client: Client, request: Request) -> Reply:
        """Whatever it is."""
        return ok()

    def registered(self, client: Client, request: Register, channel: Channel) -> Reply:
        """Whoever it is."""
        return ok()

    def gone(self, channel: Channel) -> None:
        """Not looked at."""


def test_the_control_socket_says_that_it_has_no_descriptor(tmp_path: Path) -> None:
    """An operator's command then says why, instead of hanging."""

    async def story() -> None:
        with bind(tmp_path / "socket") as listener:
            server = Server(listener, Echo())
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(server.run())
                await asyncio.sleep(0)
                with contextlib.ExitStack() as stack:
                    clients = crowd(socket.AF_UNIX, stack)
                    with no_descriptors():
                        for client in clients:
                            client.connect(str(tmp_path / "socket"))
                        heard = await ends(clients)
                assert all(b"no free descriptor, try again" in said for said in heard)
                assert server.counts.turned_away["no_descriptor"] == WAITING
                assert server.counts.turned_away["EMFILE"] <= 3
                task.cancel()

    asyncio.run(story())
