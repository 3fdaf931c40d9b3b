"""Watches whether the cluster network is usable here: our address, on an interface with a carrier.

The kernel tells every change (rtnetlink); when it had to drop some, all is asked again.  A loopback
address is always usable.  A kernel that does not answer counts as usable: then only the silence
of the peers tells, which the election notices anyway.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Final

from watchdog.core.events import UplinkChanged
from watchdog.shell.rtnetlink import Interfaces, Kind, dump_request

_GROUPS: Final = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR."""
_READ_SIZE: Final = 65_536
_PORTION: Final = 16
_DUMPS: Final = (Kind.GET_LINK, Kind.GET_ADDRESS)


class Uplink:
    """Calls `changed` with UplinkChanged at every change; the uplink starts as up."""

    def __init__(self, address: str, changed: Callable[[UplinkChanged], None]) -> None:
        self._address = str(ipaddress.ip_address(address))
        self._changed = changed
        self._interfaces = Interfaces()
        self._socket: socket.socket | None = None
        self.is_up = True
        self.why = "not looked at yet"

    def open(self) -> None:
        """Begin to watch, on the running event loop; OSError when the kernel has no rtnetlink."""
        if ipaddress.ip_address(self._address).is_loopback:
            self.why = "a loopback address"
            return
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._socket.bind((0, _GROUPS))
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        self._ask()

    def close(self) -> None:
        """Stop watching."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

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
            self._changed(UplinkChanged(is_up, self.why))
