"""The kernel's messages about interfaces, made here by hand."""

import socket
import struct

from watchdog.shell.rtnetlink import Interfaces, Kind, dump_request

UP, RUNNING = 0x1, 0x40


def message(kind: int, body: bytes) -> bytes:
    """One netlink message, padded."""
    size = 16 + len(body)
    return struct.pack("=IHHII", size, kind, 0, 1, 0) + body + bytes(-size % 4)


def attribute(number: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def link(index: int, flags: int, kind: int = Kind.NEW_LINK, family: int = 0) -> bytes:
    """Interface `index`, called eth<index>."""
    head = struct.pack("=BxHiII", family, 1, index, flags, 0)
    return message(kind, head + attribute(3, f"eth{index}\0".encode()))


def address(index: int, text: str, kind: int = Kind.NEW_ADDRESS) -> bytes:
    """`text` on interface `index`."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    head = struct.pack("=BBBBI", family, 24, 0, 0, index)
    return message(kind, head + attribute(1, socket.inet_pton(family, text)))


def test_an_address_on_a_running_interface_is_usable() -> None:
    """The ordinary case, both families, several messages in one datagram."""
    interfaces = Interfaces()
    interfaces.feed(link(2, UP | RUNNING) + address(2, "10.0.0.11") + address(2, "fd00::11"))
    assert interfaces.judge("10.0.0.11") == (True, "eth2 has 10.0.0.11 and is up")
    assert interfaces.judge("fd00::11")[0]


def test_a_lost_carrier_makes_it_unusable_until_it_is_back() -> None:
    """A pulled cable leaves the interface up, but not running."""
    interfaces = Interfaces()
    interfaces.feed(link(2, UP | RUNNING) + address(2, "10.0.0.11"))
    interfaces.feed(link(2, UP))
    assert interfaces.judge("10.0.0.11") == (False, "eth2 is down or has no carrier")
    interfaces.feed(link(2, UP | RUNNING))
    assert interfaces.judge("10.0.0.11")[0]


def test_a_removed_address_or_interface_makes_it_unusable() -> None:
    """An operator's `ip addr del`, a hot-unplugged card."""
    interfaces = Interfaces()
    interfaces.feed(link(2, UP | RUNNING) + address(2, "10.0.0.11"))
    interfaces.feed(address(2, "10.0.0.11", Kind.DELETE_ADDRESS))
    assert interfaces.judge("10.0.0.11") == (False, "no interface has the address 10.0.0.11")
    interfaces.feed(address(2, "10.0.0.11"))
    interfaces.feed(link(2, 0, Kind.DELETE_LINK))
    assert not interfaces.judge("10.0.0.11")[0]


def test_the_local_end_of_a_point_to_point_link_is_the_address() -> None:
    """There IFA_ADDRESS is the other end's."""
    head = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, 5)
    both = attribute(1, bytes([10, 0, 0, 12])) + attribute(2, bytes([10, 0, 0, 11]))
    interfaces = Interfaces()
    interfaces.feed(link(5, UP | RUNNING) + message(Kind.NEW_ADDRESS, head + both))
    assert interfaces.judge("10.0.0.11")[0]
    assert not interfaces.judge("10.0.0.12")[0]


def test_a_bridge_ports_message_does_not_count_as_the_interfaces() -> None:
    """The bridge code sends messages of its own family about the same index."""
    interfaces = Interfaces()
    interfaces.feed(link(2, UP | RUNNING) + address(2, "10.0.0.11"))
    interfaces.feed(link(2, 0, family=socket.AF_BRIDGE))
    interfaces.feed(link(2, 0, Kind.DELETE_LINK, family=socket.AF_BRIDGE))
    assert interfaces.judge("10.0.0.11")[0]


def test_unknown_and_cut_messages_are_skipped() -> None:
    """A newer kernel may say more than we know."""
    interfaces = Interfaces()
    interfaces.feed(message(99, b"news") + link(2, UP | RUNNING) + address(2, "10.0.0.11"))
    interfaces.feed(b"\1\2\3")
    interfaces.feed(bytes(64))
    for kind in Kind:
        interfaces.feed(message(kind, b"") + message(kind, b"\0\0\0"))
    assert interfaces.judge("10.0.0.11")[0]


def test_finished_dumps_are_counted() -> None:
    """The picture is whole after links and addresses."""
    interfaces = Interfaces()
    interfaces.feed(message(Kind.DONE, bytes(4)) + message(Kind.DONE, bytes(4)))
    assert interfaces.done == 2
    size, kind = struct.unpack_from("=IH", dump_request(Kind.GET_ADDRESS, 1))
    assert (size, kind) == (len(dump_request(Kind.GET_ADDRESS, 1)), Kind.GET_ADDRESS)
