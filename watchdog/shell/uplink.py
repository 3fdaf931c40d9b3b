"""Watches whether the cluster network is usable here: our address, on an interface with a carrier.

The kernel tells every change (rtnetlink).  Whatever goes wrong, nobody knows what was missed: then
a new socket and an empty picture take the place of the old ones, for a question that the kernel
still answers on the old socket would mix with the new one.  Until the picture is whole, the last
known state stands.  A loopback address is always usable.  A kernel that does not answer counts as
usable: then only the silence of the peers tells, which the election notices anyway.
"""

import asyncio
import ipaddress
import socket
from typing import Final

from watchdog.core.events import UplinkChanged
from watchdog.shell.rtnetlink import Interfaces
from watchdog.shell.sink import EventSink

_GROUPS: Final = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR."""
_READ_SIZE: Final = 65_536
_PORTION: Final = 16
_ANSWER_S: Final = 2.0
"""The whole picture takes the kernel milliseconds."""
_PAUSE_S: Final = 0.1
"""Before a new socket; twice as long each time that no whole picture came, up to the maximum."""
_PAUSE_MAX_S: Final = 3.0


class Uplink:
    """Puts UplinkChanged into the inbox at every change; the uplink starts as up."""

    def __init__(self, address: str, inbox: EventSink) -> None:
        self._address = str(ipaddress.ip_address(address))
        self._inbox = inbox
        self._interfaces = Interfaces()
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pause_s = _PAUSE_S
        self.is_up = True
        self.why = "not looked at yet"

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        if ipaddress.ip_address(self._address).is_loopback:
            self.why = "a loopback address"
            await loop.create_future()
        try:
            self._open()
            await loop.create_future()  # everything happens in `_read` and at the timer
        finally:
            self._close()

    def _open(self) -> None:
        """Begin with a new socket and an empty picture, and ask."""
        loop = asyncio.get_running_loop()
        self._interfaces = Interfaces()
        try:
            self._socket = _kernel()
            loop.add_reader(self._socket, self._read)
            self._ask()
        except OSError as error:
            self._start_over(_words(error))
            return
        self._timer = loop.call_later(_ANSWER_S, self._start_over, "the kernel does not answer")

    def _close(self) -> None:
        self._rest()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_over(self, why: str) -> None:
        """Open again, a little later: in the middle of a storm the next socket is full as soon."""
        self._close()
        self.why = f"cannot be watched: {why}"
        self._timer = asyncio.get_running_loop().call_later(self._pause_s, self._open)
        self._pause_s = min(2 * self._pause_s, _PAUSE_MAX_S)

    def _ask(self) -> None:
        """Ask for the next part of the whole picture: the kernel does one dump at a time."""
        assert self._socket is not None
        self._socket.send(self._interfaces.question())

    def _read(self) -> None:
        for _ in range(_PORTION):
            if self._socket is None:
                return  # what was just taken made us start over
            try:
                data = self._socket.recv(_READ_SIZE)
            except BlockingIOError:
                return
            except OSError as error:  # ENOBUFS: messages were lost
                self._start_over(_words(error))
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        dumps = self._interfaces.done
        self._interfaces.feed(data)
        if self._interfaces.is_whole:
            self._judge()
        elif self._interfaces.has_failed:
            self._start_over("the kernel refused to tell everything, or it changed meanwhile")
        elif self._interfaces.done != dumps:
            try:
                self._ask()
            except OSError as error:
                self._start_over(_words(error))

    def _judge(self) -> None:
        self._rest()
        self._pause_s = _PAUSE_S
        is_up, self.why = self._interfaces.judge(self._address)
        if is_up != self.is_up:
            self.is_up = is_up
            self._inbox.put_local(UplinkChanged(is_up, self.why))


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _kernel() -> socket.socket:
    """A socket that is told of every change of links and addresses."""
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    kernel = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    try:
        kernel.bind((0, _GROUPS))
    except OSError:
        kernel.close()
        raise
    return kernel
