"""The VIPs of this node: all of them or none, and gone means read back as gone.

Rule: removal first removes by name, without a list, which may fail when it matters; then it looks
at every interface of the machine, not only at the configured one, because what matters is that the
address is *nowhere* here.  Announcements never fail an escalation: the address works without
them, only later.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from typing import Final

from watchdog.guardian.link import Link
from watchdog.guardian.netlink import Address, Netlink
from watchdog.guardian.plan import Vip

_GONE: Final = (errno.EADDRNOTAVAIL, errno.ENODEV)
_LOOKS_MAX: Final = 5
_NEEDED: Final = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13}


class Vips:
    """`watch(fd, callback)` and `forget(fd)` are the loop's; `claimed(detail)` hears of others."""

    def __init__(
        self,
        vips: tuple[Vip, ...],
        watch: Callable[[int, Callable[[], None]], None],
        forget: Callable[[int], None],
        claimed: Callable[[str], None],
    ) -> None:
        self._vips = vips
        self._watch = watch
        self._forget = forget
        self._claimed = claimed
        self._links: dict[tuple[str, int], Link] = {}
        self._netlink = Netlink() if vips else None

    def add(self, lifetime_s: int) -> str:
        """Add all; on a fault take back what was added, and say why."""
        done: list[Address] = []
        for vip in self._vips:
            try:
                address = _resolve(vip)
                self._kernel.add(address, lifetime_s)
                done.append(address)
            except OSError as error:
                for address in done:
                    self._remove_one(address)
                return _explain(vip, error)
        return ""

    def refresh(self, lifetime_s: int) -> str:
        """Renew the lifetime of all; say what failed."""
        for vip in self._vips:
            try:
                self._kernel.refresh(_resolve(vip), lifetime_s)
            except OSError as error:
                return _explain(vip, error)
        return ""

    def remove(self) -> str:
        """Remove all from every interface and read back; say what is still there.

        Only a whole list that shows none is an answer, but every list says where to remove.
        """
        if not self._netlink:
            return ""
        faults, unsure = self._remove_each(self._configured()), ""
        for _ in range(_LOOKS_MAX):
            seen = self._netlink.look(self._ours)
            if not (seen.addresses or seen.is_torn):
                return ""
            left = self._remove_each(seen.addresses)
            if left and not seen.is_torn:
                return "; ".join(left)
            faults = left or faults
            why = seen.fault or "they change all the time"
            unsure = f"cannot list addresses: {why}" if seen.is_torn else ""
            if seen.fault:
                break  # not again: it may have been two seconds of waiting
        return "; ".join([*faults, *filter(None, [unsure])]) or "still there"

    def present(self) -> int:
        """How many of them are on an interface here; -1 when that cannot be found out."""
        if not self._netlink:
            return 0
        try:
            return len({found.packed for found in self._netlink.addresses(self._ours)})
        except OSError:
            return -1

    def open_links(self) -> str:
        """Open what is needed to announce and to listen; say which interface is missing."""
        faults = []
        for vip in self._vips:
            try:
                self._link(vip)
            except OSError as error:
                faults.append(_explain(vip, error))
        return "; ".join(faults)

    def announce(self) -> str:
        """Tell the neighbourhood; say what failed."""
        return self._each_link(lambda link: link.announce())

    def probe(self) -> str:
        """Ask the neighbourhood; answers come to `claimed`. Say what failed."""
        return self._each_link(lambda link: link.probe())

    @property
    def _kernel(self) -> Netlink:
        assert self._netlink, "no VIP is configured"
        return self._netlink

    @property
    def _ours(self) -> set[bytes]:
        return {_packed(vip) for vip in self._vips}

    def _configured(self) -> list[Address]:
        """Where each should be; one without its interface is not there."""
        found: list[Address] = []
        for vip in self._vips:
            with contextlib.suppress(OSError):
                found.append(_resolve(vip))
        return found

    def _remove_each(self, addresses: list[Address]) -> list[str]:
        return [fault for address in addresses if (fault := self._remove_one(address))]

    def _remove_one(self, address: Address) -> str:
        try:
            self._kernel.remove(address)
        except OSError as error:
            if error.errno not in _GONE:
                return f"{_text(address.packed)}: {error.strerror}"
        return ""

    def _each_link(self, act: Callable[[Link], None]) -> str:
        faults = []
        for key in {(vip.interface, vip.family): vip for vip in self._vips}.values():
            try:
                act(self._link(key))
            except OSError as error:
                self._close(key)
                faults.append(_explain(key, error))
        return "; ".join(faults)

    def _link(self, vip: Vip) -> Link:
        key = (vip.interface, vip.family)
        if key not in self._links:
            addresses = [_packed(v) for v in self._vips if (v.interface, v.family) == key]
            link = self._links[key] = Link(vip.interface, addresses)
            self._watch(link.fd, lambda: self._hear(vip, link))
        return self._links[key]

    def _hear(self, vip: Vip, link: Link) -> None:
        try:
            claims = link.claims()
        except OSError:
            self._close(vip)  # the interface went away; the next use opens it again
            return
        for claim in claims:
            owner = claim.mac.hex(":")
            self._claimed(f"{_text(claim.packed)} is claimed by {owner} on {vip.interface}")

    def _close(self, vip: Vip) -> None:
        link = self._links.pop((vip.interface, vip.family), None)
        if link:
            self._forget(link.fd)
            link.close()


def missing_capabilities() -> list[str]:
    """Which of the capabilities that VIPs need this process does not have."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("CapEff:"))
    held = int(line.split()[1], 16)
    return [name for name, bit in _NEEDED.items() if not held >> bit & 1]


def _packed(vip: Vip) -> bytes:
    return socket.inet_pton(_family(vip), vip.address)


def _family(vip: Vip) -> socket.AddressFamily:
    return socket.AF_INET if vip.family == 4 else socket.AF_INET6


def _text(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _resolve(vip: Vip) -> Address:
    index = socket.if_nametoindex(vip.interface)
    return Address(index, _family(vip), _packed(vip), vip.prefix)


def _explain(vip: Vip, error: OSError) -> str:
    # if_nametoindex has no text of its own, and ENODEV or ENXIO by number helps nobody.
    what = error.strerror or os.strerror(error.errno or 0)
    if error.errno == errno.EEXIST:
        what = "the address is already there; remove it (`ip addr del`) or what puts it there"
    if error.errno in (errno.ENODEV, errno.ENXIO) or "no interface" in str(error):
        what = "there is no such interface; see `ip link`"
    if error.errno in (errno.EPERM, errno.EACCES):
        what = "not permitted; the guardian needs root or CAP_NET_ADMIN and CAP_NET_RAW"
    return f"VIP {vip.name} {vip.address}/{vip.prefix} on {vip.interface}: {what}"
