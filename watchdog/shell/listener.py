"""The door: accepts connections one after the other, and turns away who comes in crowds.

One accept at a time on the event loop, which is given back between two of them, so that a flood
slows the door and not the beacons.  Without a free descriptor it turns away who waits, by means of
a few that are kept for that, and rests for 100 ms.
"""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Final

from ipc.reserve import Reserve
from watchdog.shell.admission import Admission
from watchdog.shell.connection import Connection, set_options
from watchdog.shell.refusals import Refusal, Refusals

BACKLOG: Final = 1024
"""A crowd waits here, and a peer that returns waits behind it instead of being turned away."""
PAUSE_S: Final = 0.1
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_IP_FREEBIND: Final = 15
_IPV6_FREEBIND: Final = 78


class ListenError(Exception):
    """The peer port cannot be had; the text says why and what to do."""


def canonical(address: str) -> str:
    """The form in which the kernel names a numeric address, so that both can be compared."""
    return str(ipaddress.ip_address(address))


def family_of(address: str) -> socket.AddressFamily:
    """The family of a numeric address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def bound_socket(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """A non-blocking socket on our address, also while the interface does not have it yet."""
    sock = socket.socket(family_of(address), kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind is socket.SOCK_STREAM))
        if sock.family is socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        sock.bind((address, port))
        if kind is socket.SOCK_STREAM:
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        hint = ""
        if error.errno == errno.EADDRINUSE:
            hint = "; another daemon runs here, or set [cluster] port to a free one on all nodes"
        elif error.errno == errno.EACCES:
            hint = "; ports below 1024 need root: set [cluster] port"
        reason = (error.strerror or str(error)).lower()
        raise ListenError(f"cannot listen on {address} port {port}: {reason}{hint}") from error
    return sock


class Listener:
    """Hands admitted connections to `make`; `open` first, then `run` for ever."""

    def __init__(
        self,
        address: str,
        port: int,
        admission: Admission,
        refusals: Refusals,
        make: Callable[[str], Connection],
        user_timeout_ms: int,
    ) -> None:
        self._address = address
        self._port = port
        self._admission = admission
        self._refusals = refusals
        self._make = make
        self._user_timeout_ms = user_timeout_ms
        self._socket: socket.socket | None = None
        self._reserve = Reserve(0)
        self.exhausted = 0

    def open(self) -> None:
        """Bind and listen; ListenError when the port cannot be had."""
        if self._socket is None:
            self._socket = bound_socket(self._address, self._port, socket.SOCK_STREAM)
            self._reserve = Reserve()

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._reserve.close()

    async def run(self) -> None:
        """Accept until cancelled."""
        self.open()
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, name = await loop.sock_accept(self._socket)
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self.exhausted += 1
                    self._turn_away(self._socket)
                    await asyncio.sleep(PAUSE_S)
                else:
                    await asyncio.sleep(0)
                continue
            await self._welcome(sock, name[0])
            await asyncio.sleep(0)

    def _turn_away(self, listener: socket.socket) -> None:
        """A peer that is closed at once dials again; one that waits in vain does not know why."""
        for _, address in self._reserve.turn_away(listener):
            self._refusals.note(Refusal.TOO_MANY, address, "no free descriptor")

    async def _welcome(self, sock: socket.socket, address: str) -> None:
        if not self._admission.admit(address):
            sock.close()
            self._refusals.note(Refusal.TOO_MANY, address, "too many unauthenticated connections")
            return
        try:
            set_options(sock, self._user_timeout_ms)
        except OSError:  # it is gone already
            sock.close()
            self._admission.release(address)
            return
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: self._make(address), sock)
