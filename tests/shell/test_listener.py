"""Strangers at the door: garbage, crowds, and those who never finish; the links go on."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.shell.handshakes import stranger
from tests.shell.links import TestNode, free_port, linked, nodes, until
from watchdog.core.messages import StateRequest
from watchdog.shell import connection
from watchdog.shell.listener import ListenError, bound_socket
from watchdog.shell.refusals import Refusal

CROWD = 1000


@contextlib.contextmanager
def knocking(node: TestNode, source: str = "127.0.0.7") -> Iterator[socket.socket]:
    """A TCP connection to `node` from an address that is no member's."""
    with socket.socket() as sock:
        sock.bind((source, 0))
        sock.connect((node.plan.listen, node.plan.port))
        sock.setblocking(False)
        yield sock


async def say(node: TestNode, data: bytes) -> bytes:
    """Send `data`, return everything that comes back until the end."""
    loop = asyncio.get_running_loop()
    with knocking(node) as sock:
        answer = b""
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(sock, data)
            while part := await loop.sock_recv(sock, 4096):
                answer += part
        return answer


async def shake(node: TestNode, context: ssl.SSLContext) -> None:
    """Try a TLS handshake, and wait for its end."""
    with knocking(node) as sock, contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection(
            sock=sock.dup(), ssl=context, server_hostname="x"
        )
        try:
            await reader.read(1)
        finally:
            writer.close()


def test_garbage_is_counted_and_gets_no_answer_but_an_alert() -> None:
    """The parser of messages is behind the authentication."""

    async def story() -> None:
        alpha = nodes("alpha", "beta")["alpha"]
        async with alpha.running():
            assert len(await say(alpha, b"GET / HTTP/1.1\r\n\r\n")) <= 7
            assert len(await say(alpha, bytes(70_000))) <= 7
            await until(lambda: alpha.refusals.count(Refusal.NOT_TLS) == 2)
            assert alpha.refusals.snapshot()["not_tls"]["last_address"] == "127.0.0.7"
        assert alpha.core.events == []

    asyncio.run(story())


@pytest.mark.parametrize(
    ("context", "kind"),
    [
        (stranger(), Refusal.WRONG_KEY),
        (stranger(certificate=False), Refusal.NO_CERTIFICATE),
        (stranger(version=ssl.TLSVersion.TLSv1_2), Refusal.TLS_VERSION),
    ],
    ids=lambda value: value.value if isinstance(value, Refusal) else "",
)
def test_a_stranger_with_tls_is_counted_under_its_kind(
    context: ssl.SSLContext, kind: Refusal
) -> None:
    """The three ways to fail that `status` must tell apart."""

    async def story() -> None:
        alpha = nodes("alpha", "beta")["alpha"]
        async with alpha.running():
            await shake(alpha, context)
            await until(lambda: alpha.refusals.count(kind) == 1)
            assert list(alpha.refusals.snapshot()) == [kind.value]

    asyncio.run(story())


def test_who_never_finishes_a_handshake_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slowloris: silence, or one byte at a time."""
    monkeypatch.setattr(connection, "HANDSHAKE_TIMEOUT_S", 0.3)

    async def story() -> None:
        alpha = nodes("alpha", "beta")["alpha"]
        async with alpha.running():
            with knocking(alpha) as silent, knocking(alpha) as slow:
                for byte in b"\x16\x03\x01":
                    slow.send(bytes([byte]))
                    await asyncio.sleep(0.01)
                await until(lambda: alpha.refusals.count(Refusal.HANDSHAKE_TIMEOUT) == 2)
                loop = asyncio.get_running_loop()
                for sock in (silent, slow):
                    with contextlib.suppress(ConnectionResetError):
                        assert await loop.sock_recv(sock, 10) == b""

    asyncio.run(story())


def test_who_leaves_in_the_middle_is_counted_and_a_port_scan_is_not() -> None:
    """A scan says nothing at all; who began to speak and left is worth a line."""

    async def story() -> None:
        alpha = nodes("alpha", "beta")["alpha"]
        async with alpha.running():
            with knocking(alpha):
                pass
            with knocking(alpha) as sock:
                sock.send(b"\x16\x03")
                await asyncio.sleep(0.05)
            await until(lambda: alpha.refusals.count(Refusal.GAVE_UP) == 1)
            assert list(alpha.refusals.snapshot()) == ["gave_up"]

    asyncio.run(story())


def test_a_thousand_idle_connections_do_no_harm_to_a_live_peer() -> None:
    """At most four of one address are kept; messages go on, and a lost link comes back."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        loop = asyncio.get_running_loop()
        async with alpha.running(), beta.running():
            await linked(alpha, beta)
            with contextlib.ExitStack() as crowd:
                for number in range(CROWD):
                    idler = crowd.enter_context(socket.socket())
                    idler.setblocking(False)
                    idler.bind((f"127.0.1.{number % 50 + 1}", 0))
                    await loop.sock_connect(idler, (alpha.plan.listen, alpha.plan.port))
                    if number % 50 == 0:
                        beta.say("alpha", StateRequest(number, 1))
                await until(lambda: alpha.refusals.count(Refusal.TOO_MANY) >= CROWD - 64)
                assert alpha.peers._admission.total <= 64
                alpha.peers.close("beta", "to see it return through the crowd")
                await linked(alpha, beta)
            said = [event.message for event in alpha.core.messages("beta")]
            assert [m.rid for m in said if isinstance(m, StateRequest)] == [*range(0, CROWD, 50)]

    asyncio.run(story())


def test_without_a_free_descriptor_the_door_rests_and_opens_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """EMFILE must not spin, and must not end the node."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        accept, failures = loop.sock_accept, iter([errno.EMFILE, errno.ECONNABORTED, errno.ENFILE])

        async def failing(sock: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
            if (code := next(failures, None)) is not None:
                raise OSError(code, "injected")
            return await accept(sock)

        monkeypatch.setattr(loop, "sock_accept", failing)
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            assert alpha.peers._listener.exhausted + beta.peers._listener.exhausted == 2

    asyncio.run(story())


def test_a_port_that_is_taken_is_refused_with_the_way_out() -> None:
    """The commonest reason is a second daemon."""
    port = free_port()
    taken = r"127\.0\.0\.1 port .* in use; another daemon"
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with (
            bound_socket("127.0.0.1", port, kind),
            pytest.raises(ListenError, match=taken),
        ):
            bound_socket("127.0.0.1", port, kind)


def test_an_address_that_is_not_here_yet_can_be_listened_on() -> None:
    """The daemon may start before the network does."""
    bound_socket("192.0.2.1", free_port(), socket.SOCK_STREAM).close()
    bound_socket("2001:db8::1", free_port(), socket.SOCK_STREAM).close()
