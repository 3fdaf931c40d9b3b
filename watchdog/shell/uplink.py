"""Watches whether the cluster network is usable here: our address, on an interface with a carrier.

The kernel tells every change (rtnetlink); when it had to drop some, all is asked again.  A loopback
address is always usable.  A kernel that does not answer counts as usable: then only the silence
of the peers tells, which the election notices anyway.
"""

import asyncio
import ipaddress
import socket
from typing import Final

from watchdog.core.events import UplinkChanged
from watchdog.shell.rtnetlink import Interfaces, Kind, dump_request
from watchdog.shell.sink import EventSink

_GROUPS: Final = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR."""
_READ_SIZE: Final = 65_536
_PORTION: Final = 16
_DUMPS: Final = (Kind.GET_LINK, Kind.GET_ADDRESS)


class Uplink:
    """Puts UplinkChanged into the inbox at every change; the uplink starts as up."""

    def __init__(self, address: str, inbox: EventSink) -> None:
        self._address = str(ipaddress.ip_address(address))
        self._inbox = inbox
        self._interfaces = Interfaces()
        self._socket: socket.socket | None = None
        self.is_up = True
        self.why = "not looked at yet"

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        if ipaddress.ip_address(self._address).is_loopback:
            self.why = "a loopback address"
            await loop.create_future()
        try:
            self._socket = _kernel()
        except OSError as error:
            self.why = f"cannot be watched: {(error.strerror or str(error)).lower()}"
            await loop.create_future()
        assert self._socket is not None
        with self._socket:
            loop.add_reader(self._socket, self._read)
            try:
                self._ask()
                await loop.create_future()  # everything happens in `_read`
            finally:
                loop.remove_reader(self._socket)

    def _ask(self) -> None:
        """Ask for the next part of the whole picture: the kernel does one dump at a time."""
        assert self._socket is not None
        self._socket.send(dump_request(_DUMPS[self._interfaces.done], 1))

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(_PORTION):
            try:
                data = self._socket.recv(_READ_SIZE)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: messages were lost
                self._interfaces = Interfaces()
                self._ask()
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        dumps = self._interfaces.done
        self._interfaces.feed(data)
        if self._interfaces.done < len(_DUMPS):
            if self._interfaces.done != dumps:
                self._ask()
            return
        is_up, self.why = self._interfaces.judge(self._address)
        if is_up != self.is_up:
            self.is_up = is_up
            self._inbox.put_local(UplinkChanged(is_up, self.why))


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
