"""The health port: listens, lets visitors in, and has their requests answered by `Pages`.

Rule: a stranger costs a bounded place and nothing else.  Connections are accepted one at a time,
so that a flood and the requests of those inside take turns; headers are short; whoever is quiet
or does not read loses the connection (see visitors.py).
"""

import asyncio
import errno
import socket
from typing import Final

from aiohttp import web

from watchdog.web import clock
from watchdog.web.log import Log
from watchdog.web.pages import Pages
from watchdog.web.plan import WebPlan
from watchdog.web.visitors import QUIET_S, Visit, Visitors

BACKLOG: Final = 512
LINE_SIZE_MAX: Final = 2048
"""Bytes of a request line, and of one header."""
HEADERS_MAX: Final = 24
RECEIVE_SIZE: Final = 16 * 1024
"""Bytes that the kernel keeps for a connection, about: requests are short."""
SWEEP_S: Final = 1.0
ACCEPT_PAUSE_S: Final = 0.1
RETRY_MIN_S: Final = 0.1
RETRY_MAX_S: Final = 5.0
NOT_NOW: Final = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)
"""The port may become free, and the address may come; anything else stays as it is."""
_FULL_WHY: Final = b"no: too many connections, try again\n"
FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_FULL_WHY), _FULL_WHY)
)


class ListenError(Exception):
    """The port cannot be opened, now or later; the text says why and what to do."""


async def listen(plan: WebPlan, log: Log) -> socket.socket:
    """The listening socket; waits while the port is taken. Raises ListenError."""
    where, pause_s, attempt = f"{plan.address} port {plan.port}", RETRY_MIN_S, 0
    while True:
        attempt += 1
        try:
            return _bind(plan.address, plan.port)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            if not isinstance(error, OSError) or error.errno not in NOT_NOW:
                raise ListenError(f"cannot listen on {where}: {why}; see [http] listen") from error
        if attempt & (attempt - 1) == 0:  # the 1st, 2nd, 4th, 8th, ...
            log.warning("port_taken", where=where, why=why, attempts=attempt)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, RETRY_MAX_S)


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_SIZE)
        if address == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError):
        listener.close()
        raise
    return listener


class Front(web.Server):
    """aiohttp's server, which knows here whose connection each protocol is."""

    def __init__(self, pages: Pages, visitors: Visitors) -> None:
        """Answers come from `pages`."""
        super().__init__(
            self._answer,
            access_log=None,
            keepalive_timeout=QUIET_S,
            lingering_time=0,
            max_line_size=LINE_SIZE_MAX,
            max_field_size=LINE_SIZE_MAX,
            max_headers=HEADERS_MAX,
        )
        self._pages = pages
        self._visitors = visitors
        self._visits: dict[web.RequestHandler, Visit] = {}

    async def receive(self, connection: socket.socket, visit: Visit) -> None:
        """Serve a connection that was let in."""
        handler = self()
        self._visits[handler] = visit
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: handler, connection)
        except OSError:
            connection.close()
            self.connection_lost(handler)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """From now on the visit can be ended; perhaps it was meanwhile."""
        super().connection_made(handler, transport)
        visit = self._visits[handler]
        visit.end = transport.abort
        if visit.is_over:
            transport.abort()

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """The place is free again."""
        super().connection_lost(handler, exc)
        if (visit := self._visits.pop(handler, None)) is not None:
            self._visitors.leave(visit)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        visit = self._visits.get(request.protocol)
        if visit is None:  # it left before its request was looked at
            return web.Response()
        visit.is_answered = True
        if request.transport is not None:
            # What else the client sends stays in the kernel until this is answered.
            request.transport.pause_reading()
        try:
            return await self._pages.respond(request.method, request.path)
        finally:
            visit.is_answered, visit.quiet_since_s = False, clock.boot_s()
            request.protocol.resume_reading(resume_parser=False)


async def accept(listener: socket.socket, front: Front, visitors: Visitors, log: Log) -> None:
    """Let visitors in until cancelled."""
    loop, faults = asyncio.get_running_loop(), 0
    async with asyncio.TaskGroup() as tasks:
        while True:
            try:
                connection, address = await loop.sock_accept(listener)
            except OSError as error:
                # Out of descriptors, or a client that has gone: try again, without spinning.
                faults += 1
                if faults & (faults - 1) == 0:
                    log.warning("accept_failed", why=error.strerror or str(error), count=faults)
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            visit = visitors.enter(address[0], clock.boot_s())
            if visit is None:
                _turn_away(connection)
            else:
                tasks.create_task(front.receive(connection, visit))
            # A connection that waits is accepted without a pause: let others run in a flood.
            await asyncio.sleep(0)


async def sweep(visitors: Visitors) -> None:
    """End quiet connections until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_S)
        visitors.sweep(clock.boot_s())


def _turn_away(connection: socket.socket) -> None:
    with connection:
        try:
            connection.send(FULL)
        except OSError:
            return  # it would not listen; it is closed all the same
