"""The control socket's server: reads requests, asks one injected handler, sends its replies.

A client can never hold up the event loop: every byte is read with a deadline, every size is
bounded, and those beyond the limits are told so and closed.  Access is by the permissions of the
socket file, SO_PEERCRED (given to the handler) and, if there is one, a key.
One request per connection, except after a registration (type `0`): that connection stays.
"""

import asyncio
import errno
import hmac
import itertools
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from ipc.framing import Frame, FrameReader, FramingError, pack_reply
from ipc.messages import (
    Answer,
    BadRequestError,
    Client,
    Handler,
    Native,
    Register,
    Reply,
    Report,
    Request,
    bad,
    timed_out,
)
from ipc.outbox import Outbox
from ipc.places import Places, Quota, Visit
from ipc.requests import INTERNAL, SERVED, body_of, parse_request
from ipc.reserve import Reserve
from ipc.words import AUTH_KEY_FIELD, OK, find

ACCEPT_PAUSE_S: Final = 0.1
CHUNK: Final = 16 * 1024
SHORT: Final = 8 * 1024
"""Bytes of a body that is read at once: longer ones are of nobody who is in a hurry."""
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE}
_CREDENTIALS: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the server: connections, and seconds for a request, an answer, a push."""

    quota: Quota = field(default_factory=Quota)
    request_s: float = 2.0
    answer_s: float = 30.0
    push_s: float = 10.0


@dataclass(slots=True)
class Counts:
    """What the server did, for whoever runs it: requests served, clients turned away by cause."""

    served: int = 0
    turned_away: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, eq=False)
class _Guest:
    """One connection that was let in."""

    client: Client
    connection: socket.socket
    visit: Visit
    reader: FrameReader


class Server:
    """Serves `handler` on the listening socket `listener` (from `ipc.binding.bind`)."""

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
        self._places = Places(self._limits.quota, os.geteuid())
        self._guests: dict[Visit, _Guest] = {}
        self._numbers: Iterator[int] = itertools.count(1)
        self._tasks = asyncio.TaskGroup()
        self._turn = asyncio.Lock()
        self._reserve = Reserve(0)
        self.counts = Counts()

    async def run(self) -> None:
        """Serve until cancelled; a crash of the handler ends it (and so the daemon)."""
        self._reserve = Reserve()
        try:
            async with self._tasks:
                await self._accept()
        finally:
            self._reserve.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                # Out of descriptors, or a client that has gone: try again, without spinning.
                self.counts.turned_away[errno.errorcode.get(error.errno or 0, "error")] += 1
                if error.errno in _EXHAUSTED:
                    self._turn_away()
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            self._receive(connection)
            # A connection that waits is accepted without a pause: let others run in a flood.
            await asyncio.sleep(0)

    def _turn_away(self) -> None:
        """Tell who waits to come back later, rather than leave them waiting."""
        for connection, _ in self._reserve.turn_away(self._listener):
            self.counts.turned_away["no_descriptor"] += 1
            connection.setblocking(False)
            _say_at_once(connection, bad("no free descriptor, try again"))

    def _receive(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        client = _client_of(connection)
        guest = _Guest(client, connection, Visit(client.uid), FrameReader())
        if not self._places.admit(guest.visit):
            idle = self._places.make_room(guest.visit)
            turned_away = guest if idle is None else self._guests[idle]
            self.counts.turned_away["too_many_clients"] += 1
            _say_at_once(turned_away.connection, bad("too many clients, try again"))
            if idle is None or not self._places.admit(guest.visit):
                connection.close()
                return
        self._guests[guest.visit] = guest
        self._tasks.create_task(self._serve(guest))

    async def _serve(self, guest: _Guest) -> None:
        try:
            await self._serve_one(guest)
        except TimeoutError:
            self.counts.turned_away["too_slow"] += 1
        except FramingError as error:
            self.counts.turned_away["impossible_length"] += 1
            _say_at_once(guest.connection, bad(str(error)))
        except OSError as error:
            self.counts.turned_away[type(error).__name__] += 1
        finally:
            guest.connection.close()
            self._places.leave(guest.visit)
            del self._guests[guest.visit]

    async def _serve_one(self, guest: _Guest) -> None:
        async with asyncio.timeout(self._limits.request_s):
            frame = await _read_frame(guest)
        if frame is None:
            return
        guest.visit.idle = False
        parsed = await self._in_turn(frame)
        if isinstance(parsed, Register):
            await self._keep(guest, parsed)
            return
        reply = await self._reply(guest.client, parsed)
        async with asyncio.timeout(self._limits.request_s):
            data = pack_reply(reply.kind, reply.body)
            await asyncio.get_running_loop().sock_sendall(guest.connection, data)

    async def _keep(self, guest: _Guest, request: Register) -> None:
        """Serve a registered connection until it ends."""
        if not self._places.register(guest.visit):
            self.counts.turned_away["too_many_registered"] += 1
            _say_at_once(guest.connection, bad("too many registered clients, try again"))
            return
        outbox = Outbox(next(self._numbers), guest.connection)
        client = replace(guest.client, channel=outbox)
        reply = self._handler.registered(client, request, outbox)
        self.counts.served += 1
        if reply.kind != OK:
            _say_at_once(guest.connection, reply)
            return
        outbox.open(reply)
        sender = self._tasks.create_task(outbox.run(self._limits.push_s))
        try:
            await self._converse(guest, client, outbox)
        finally:
            self._handler.gone(outbox)
            if outbox.dropped:
                self.counts.turned_away[outbox.dropped] += 1
            sender.cancel()
            await asyncio.wait([sender])

    async def _converse(self, guest: _Guest, client: Client, outbox: Outbox) -> None:
        # Of one that has left, thousands of requests may be here: nobody waits for their answers.
        while not outbox.dropped and (frame := await self._later_frame(guest)) is not None:
            parsed = await self._in_turn(frame)
            if isinstance(parsed, Register):
                parsed = bad("this connection is registered already")
            await outbox.answer(await self._reply(client, parsed))

    async def _later_frame(self, guest: _Guest) -> Frame | None:
        """The next frame; it may be long in coming, but not once it has begun."""
        frame = guest.reader.feed()
        if frame is None and not guest.reader.has_begun:
            data = await asyncio.get_running_loop().sock_recv(guest.connection, CHUNK)
            if not data:
                return None
            frame = guest.reader.feed(data)
        if frame is not None:
            return frame
        async with asyncio.timeout(self._limits.request_s):
            return await _read_frame(guest)

    async def _reply(self, client: Client, request: Request | Reply) -> Reply:
        """The answer to `request`, which may be a refusal already."""
        self.counts.served += 1
        if isinstance(request, Reply):
            self.counts.turned_away["bad_request"] += 1
            return request
        if client.channel is None and isinstance(request, Native):
            verb = request.verb
            if isinstance(verb, Report | Answer):
                name = type(verb).__name__.lower()
                return bad(f"{name} needs a registered connection: send type 0 on it first")
        try:
            async with asyncio.timeout(self._limits.answer_s):
                return await self._handler.handle(client, request)
        except TimeoutError:
            return timed_out(f"no answer within {self._limits.answer_s:g} s")

    async def _in_turn(self, frame: Frame) -> Request | Reply:
        """Long bodies one by one, with others of this process in between: each takes a while."""
        if len(frame.data) <= SHORT:
            return self._parse(frame)
        async with self._turn:
            await asyncio.sleep(0)
            return self._parse(frame)

    def _parse(self, frame: Frame) -> Request | Reply:
        """What a frame asks for, or the refusal that it gets."""
        if frame.kind not in SERVED | INTERNAL:
            return bad("unknown IPC command type")
        try:
            body = body_of(frame)
        except FramingError as error:
            return bad(str(error) if self._key is None else "authentication failed: invalid data")
        if not self._has_key(body):
            self.counts.turned_away["wrong_key"] += 1
            return bad("authentication failed: invalid KEY")
        try:
            return parse_request(frame.kind, body)
        except BadRequestError as error:
            return bad(str(error))

    def _has_key(self, body: dict[str, object]) -> bool:
        if self._key is None:
            return True
        given = find(body, AUTH_KEY_FIELD)
        return isinstance(given, str) and hmac.compare_digest(given.encode(), self._key)


async def _read_frame(guest: _Guest) -> Frame | None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(guest.connection, CHUNK):
        if (frame := guest.reader.feed(data)) is not None:
            return frame
    return None


def _client_of(connection: socket.socket) -> Client:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return Client(*_CREDENTIALS.unpack(raw))


def _say_at_once(connection: socket.socket, reply: Reply) -> None:
    """Send what fits now, and let whoever reads from it meet the end."""
    with suppress(OSError):  # it would not listen; it is closed all the same
        connection.send(pack_reply(reply.kind, reply.body))
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
