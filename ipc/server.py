"""The control socket's server: one request per connection, one injected handler.

A client can never hold up the event loop: every byte is read with a deadline, every size is
bounded, and those beyond the limits are told so and closed.  Access is by the permissions of the
socket file, SO_PEERCRED (given to the handler) and, if there is one, a key.
"""

import asyncio
import errno
import hmac
import os
import socket
import stat
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ipc.framing import Frame, FrameReader, FramingError, pack_reply, parse_body
from ipc.messages import (
    AUTH_KEY_FIELD,
    NATIVE,
    PGPOOL_REQUESTS,
    Reply,
    bad,
    find,
    timed_out,
)

PATH_SIZE_MAX: Final = 107
"""Most bytes in the path of a Unix socket (Linux sun_path, without its NUL)."""
SOCKET_UMASK: Final = 0o117
ACCEPT_PAUSE_S: Final = 0.1
CHUNK: Final = 16 * 1024
_CREDENTIALS: Final = struct.Struct("3i")


class SocketPathError(Exception):
    """The socket cannot be made at its path; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end, by SO_PEERCRED."""

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the server: clients at once (all, per uid, of root), seconds per request."""

    clients: int = 32
    per_uid: int = 8
    per_root: int = 16
    request_s: float = 2.0
    answer_s: float = 30.0


Handler = Callable[[Client, dict[str, object]], Awaitable[Reply]]
"""Answers one native request: (who asks, body) -> reply."""


@dataclass(slots=True)
class Counts:
    """What the server did, for status: requests served, and clients turned away by cause."""

    served: int = 0
    turned_away: Counter[str] = field(default_factory=Counter)


class Server:
    """Serves `handler` on the listening socket `listener` (from `bind`)."""

    def __init__(
        self,
        listener: socket.socket,
        handler: Handler,
        key: bytes | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`key`: what every request must hold as IPCAuthKey, or None."""
        self._listener = listener
        self._handler = handler
        self._key = key
        self._limits = limits or Limits()
        self._per_uid: Counter[int] = Counter()
        self.counts = Counts()

    async def run(self) -> None:
        """Serve until cancelled; a crash of the handler ends it (and so the daemon)."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as clients:
            while True:
                try:
                    connection, _ = await loop.sock_accept(self._listener)
                except OSError as error:
                    # Out of descriptors, or a client that has gone: try again, without spinning.
                    self.counts.turned_away[errno.errorcode.get(error.errno or 0, "error")] += 1
                    await asyncio.sleep(ACCEPT_PAUSE_S)
                    continue
                self._admit(clients, connection)

    def _admit(self, clients: asyncio.TaskGroup, connection: socket.socket) -> None:
        connection.setblocking(False)
        client = _client_of(connection)
        limit = self._limits.per_root if client.uid == 0 else self._limits.per_uid
        if self._per_uid.total() >= self._limits.clients or self._per_uid[client.uid] >= limit:
            self.counts.turned_away["too_many_clients"] += 1
            _say_at_once(connection, bad("too many clients of the control socket, try again"))
            connection.close()
            return
        self._per_uid[client.uid] += 1
        clients.create_task(self._serve(client, connection))

    async def _serve(self, client: Client, connection: socket.socket) -> None:
        try:
            await self._answer(client, connection)
        except TimeoutError:
            self.counts.turned_away["too_slow"] += 1
        except (FramingError, OSError) as error:
            self.counts.turned_away[type(error).__name__] += 1
        finally:
            connection.close()
            self._per_uid[client.uid] -= 1
            if not self._per_uid[client.uid]:
                del self._per_uid[client.uid]

    async def _answer(self, client: Client, connection: socket.socket) -> None:
        async with asyncio.timeout(self._limits.request_s):
            frame = await _read_frame(connection)
        if frame is None:
            return
        reply = await self._reply(client, frame)
        self.counts.served += 1
        async with asyncio.timeout(self._limits.request_s):
            data = pack_reply(reply.kind, reply.body)
            await asyncio.get_running_loop().sock_sendall(connection, data)

    async def _reply(self, client: Client, frame: Frame) -> Reply:
        if frame.kind not in PGPOOL_REQUESTS and frame.kind != NATIVE:
            return bad("unknown IPC command type")
        try:
            body = parse_body(frame.data)
        except FramingError as error:
            return bad(str(error) if self._key is None else "authentication failed: invalid data")
        if not self._has_key(body):
            self.counts.turned_away["wrong_key"] += 1
            return bad("authentication failed: invalid KEY")
        if frame.kind in PGPOOL_REQUESTS:
            return bad(f"request type '{frame.kind}' is not available in this version")
        try:
            async with asyncio.timeout(self._limits.answer_s):
                return await self._handler(client, body)
        except TimeoutError:
            return timed_out(f"no answer within {self._limits.answer_s:g} s")

    def _has_key(self, body: dict[str, object]) -> bool:
        if self._key is None:
            return True
        given = find(body, AUTH_KEY_FIELD)
        return isinstance(given, str) and hmac.compare_digest(given.encode(), self._key)


def bind(path: Path, gid: int | None = None) -> socket.socket:
    """A listening socket at `path`, mode 0660, in group `gid` if given.

    Removes a stale socket that is ours. Raises SocketPathError.
    """
    if len(os.fsencode(path)) > PATH_SIZE_MAX:
        what = f"the path of the control socket is longer than {PATH_SIZE_MAX} bytes: {path}"
        raise SocketPathError(f"{what}; set a shorter [cluster] run_dir")
    try:
        _remove_stale(path)
        return _bind(path, gid)
    except OSError as error:
        what = f"cannot make the control socket {path}: {error.strerror}"
        raise SocketPathError(f"{what}; is its directory there, and writable for us?") from error


def _bind(path: Path, gid: int | None) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    before = os.umask(SOCKET_UMASK)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    if gid is not None:
        os.chown(path, -1, gid)
    listener.listen(64)
    return listener


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    owners = (os.geteuid(), 0, path.parent.stat().st_uid)
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid not in owners:
        what = f"{path} exists and is not a socket of ours"
        raise SocketPathError(f"{what}; look at it and remove it by hand")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        # EAGAIN: somebody listens, with a full backlog.
        if probe.connect_ex(str(path)) in (0, errno.EAGAIN):
            what = f"another daemon serves {path}"
            raise SocketPathError(f"{what}; stop it first, or give this one its own run_dir")
    path.unlink()


async def _read_frame(connection: socket.socket) -> Frame | None:
    reader = FrameReader()
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(connection, CHUNK):
        if (frame := reader.feed(data)) is not None:
            return frame
    return None


def _client_of(connection: socket.socket) -> Client:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return Client(*_CREDENTIALS.unpack(raw))


def _say_at_once(connection: socket.socket, reply: Reply) -> None:
    try:
        connection.send(pack_reply(reply.kind, reply.body))
    except OSError:
        return  # it would not listen; it is closed all the same
