"""Removal of VIPs against a fake kernel: by name first, then wherever a list shows them."""

import errno
import socket
import struct
from typing import cast

import pytest

from watchdog.guardian import netlink, vip
from watchdog.guardian.netlink import Address, Netlink
from watchdog.guardian.plan import Vip
from watchdog.guardian.vip import Vips

LO = socket.if_nametoindex("lo")
ELSEWHERE = LO + 40
V4 = Vip("v4", "10.77.0.100", 24, 4, "lo")
V6 = Vip("v6", "fd77::100", 64, 6, "lo")
BYTES = {V4: bytes((10, 77, 0, 100)), V6: socket.inet_pton(socket.AF_INET6, "fd77::100")}
FAMILY = {V4: socket.AF_INET, V6: socket.AF_INET6}
STRANGER = Address(LO, socket.AF_INET, bytes((10, 77, 0, 1)), 24)


class FakeKernel:
    """Addresses behind a netlink socket; `asked` has DEL and LIST in the order they came."""

    def __init__(self, *addresses: Address) -> None:
        self.addresses = [STRANGER, *addresses]
        self.asked: list[str] = []
        self.is_torn = False
        self.refuses = 0
        """An errno for every deletion."""
        self.list_fails = 0
        """An errno at the end of every list, behind the addresses."""
        self._answer = b""

    def send(self, data: bytes) -> int:
        """One request."""
        (message,) = netlink.messages(data)
        if message.kind == netlink.RTM_DELADDR:
            self.asked.append("DEL")
            code = self._delete(netlink.parse_address(message.body))
            self._answer = _message(netlink.NLMSG_ERROR, message.seq, struct.pack("=i", -code))
        else:
            self.asked.append("LIST")
            self._answer = self._list(message.seq)
        return len(data)

    def recv(self, size: int) -> bytes:
        """The answer to the last one."""
        return self._answer[:size]

    def _delete(self, address: Address | None) -> int:
        if self.refuses:
            return self.refuses
        if address not in self.addresses:
            return errno.EADDRNOTAVAIL
        self.addresses.remove(address)
        return 0

    def _list(self, seq: int) -> bytes:
        flags = netlink.NLM_F_DUMP_INTR if self.is_torn else 0
        bodies = [netlink.address_body(address) for address in self.addresses]
        parts = [_message(netlink.RTM_NEWADDR, seq, body, flags) for body in bodies]
        done = struct.pack("=i", -self.list_fails)
        return b"".join(parts) + _message(netlink.NLMSG_DONE, seq, done, flags)


def _message(kind: int, seq: int, body: bytes, flags: int = 0) -> bytes:
    return netlink.request(kind, flags, seq, body)


def at(one: Vip, interface: int = LO, prefix: int | None = None) -> Address:
    """Where that VIP is."""
    return Address(interface, FAMILY[one], BYTES[one], prefix or one.prefix)


def vips_on(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch, *vips: Vip) -> Vips:
    """VIPs whose netlink asks that kernel."""
    link = Netlink.__new__(Netlink)
    link._socket, link._seq = cast("socket.socket", kernel), 0
    monkeypatch.setattr(vip, "Netlink", lambda: link)
    return Vips(vips or (V4, V6), lambda *_: None, lambda _: None, lambda _: None)


def test_vips_are_removed_without_a_list_that_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses that come and go all the time tear every list; the VIPs are gone all the same."""
    kernel = FakeKernel(at(V4), at(V6))
    kernel.is_torn = True
    why = vips_on(kernel, monkeypatch).remove()
    assert kernel.addresses == [STRANGER]
    assert why == "cannot list addresses: they change all the time", "nothing was read back"
    assert len(kernel.asked) < 20


def test_a_list_that_fails_at_its_end_keeps_no_vip_and_confirms_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No memory for the whole list: what came of it is used, and it is not asked for again."""
    kernel = FakeKernel(at(V4), at(V6, ELSEWHERE))
    kernel.list_fails = errno.ENOMEM
    why = vips_on(kernel, monkeypatch).remove()
    assert kernel.addresses == [STRANGER]
    assert why == "cannot list addresses: Cannot allocate memory"
    assert kernel.asked.count("LIST") == 1


@pytest.mark.parametrize("is_torn", [False, True])
def test_a_vip_on_another_interface_or_with_another_prefix_is_found_and_removed(
    monkeypatch: pytest.MonkeyPatch, is_torn: bool
) -> None:
    """What matters is that the address is nowhere here; half a list says where it is, too."""
    kernel = FakeKernel(at(V4), at(V4, ELSEWHERE), at(V6, ELSEWHERE), at(V6, prefix=128))
    kernel.is_torn = is_torn
    assert bool(vips_on(kernel, monkeypatch).remove()) == is_torn
    assert kernel.addresses == [STRANGER]


def test_deletions_come_first_and_one_whole_list_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of thousands takes longer than all else; whoever goes off has little time."""
    kernel = FakeKernel(at(V4), at(V6))
    assert vips_on(kernel, monkeypatch).remove() == ""
    assert kernel.asked == ["DEL", "DEL", "LIST"]


def test_vips_that_are_not_there_and_interfaces_that_are_not_are_no_faults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Gone is gone, however."""
    nowhere = V4._replace(interface="no-such-if")
    vips = vips_on(FakeKernel(), monkeypatch, nowhere, V6)
    assert vips.remove() == ""
    assert vips.present() == 0


def test_those_that_are_here_are_counted_wherever_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each once, strangers not at all; a list that is torn time and again is no count."""
    kernel = FakeKernel()
    vips = vips_on(kernel, monkeypatch)
    assert vips.present() == 0
    kernel.addresses += [at(V4), at(V4, ELSEWHERE)]
    assert vips.present() == 1
    kernel.addresses.append(at(V6, ELSEWHERE))
    assert vips.present() == 2
    kernel.is_torn = True
    assert vips.present() == -1


def test_a_vip_that_resists_is_named_once_with_the_kernels_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log names what an operator must remove by hand."""
    kernel = FakeKernel(at(V4))
    kernel.refuses = errno.EPERM
    assert vips_on(kernel, monkeypatch, V4).remove() == "10.77.0.100: Operation not permitted"
    kernel.is_torn = True
    why = vips_on(kernel, monkeypatch, V4).remove()
    assert why.startswith("10.77.0.100: Operation not permitted; cannot list addresses")


def test_a_refusal_without_a_vip_on_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole list that shows none is the answer, whatever was said before."""
    kernel = FakeKernel()
    kernel.refuses = errno.EPERM
    assert vips_on(kernel, monkeypatch).remove() == ""


def test_a_vip_that_always_comes_back_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else puts it there; a bound ends the race."""
    kernel = FakeKernel(at(V4))
    kernel._delete = lambda address: 0  # type: ignore[method-assign]
    assert vips_on(kernel, monkeypatch).remove() == "still there"
    assert kernel.asked.count("LIST") <= 5
