"""The kernel's messages about interfaces, made here by hand."""

import errno
import socket
import struct

from watchdog.shell.rtnetlink import Interfaces, Kind, dump_request

UP, RUNNING = 0x1, 0x40
INTERRUPTED = 0x10


def message(kind: int, body: bytes, seq: int = 0, flags: int = 0) -> bytes:
    """One netlink message, padded; the kernel's own news have the number 0."""
    size = 16 + len(body)
    return struct.pack("=IHHII", size, kind, flags, seq, 0) + body + bytes(-size % 4)


def done(seq: int, code: int = 0, flags: int = 0) -> bytes:
    """The end of the dump `seq`."""
    return message(Kind.DONE, struct.pack("=i", -code), seq, flags)


def refused(seq: int, code: int) -> bytes:
    """The kernel will not answer the question `seq`; 0 is an acknowledgement."""
    return message(Kind.ERROR, struct.pack("=i", -code) + bytes(16), seq)


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


def test_the_picture_is_whole_after_links_and_addresses() -> None:
    """One dump at a time, each with a number of its own."""
    interfaces = Interfaces()
    assert interfaces.question() == dump_request(Kind.GET_LINK, 1)
    interfaces.feed(done(1))
    assert (interfaces.done, interfaces.is_whole) == (1, False)
    assert interfaces.question() == dump_request(Kind.GET_ADDRESS, 2)
    interfaces.feed(done(2))
    interfaces.feed(done(2) + done(3) + refused(3, errno.EBUSY))
    assert (interfaces.done, interfaces.is_whole, interfaces.has_failed) == (2, True, False)
    size, kind, flags, seq = struct.unpack_from("=IHHI", dump_request(Kind.GET_ADDRESS, 2))
    assert (size, kind, flags, seq) == (32, Kind.GET_ADDRESS, 0x301, 2)


def test_the_end_of_another_dump_does_not_count() -> None:
    """The kernel may still tell the old one; its end once stood for links never told."""
    interfaces = Interfaces()
    interfaces.feed(done(0) + done(2) + done(7) + refused(2, errno.EBUSY))
    assert (interfaces.done, interfaces.has_failed) == (0, False)
    interfaces.feed(done(1) + done(1))
    assert (interfaces.done, interfaces.has_failed) == (1, False)


def test_a_refused_or_torn_dump_never_makes_a_whole_picture() -> None:
    """What it left out would look as if it were not there."""
    torn = message(Kind.NEW_LINK, link(2, UP)[16:], 1, INTERRUPTED)
    faults = (
        refused(1, errno.EBUSY),
        done(1, errno.ENOBUFS),
        done(1, flags=INTERRUPTED),
        torn,
    )
    for fault in faults:
        interfaces = Interfaces()
        interfaces.feed(fault + done(1) + done(2))
        assert (interfaces.has_failed, interfaces.is_whole) == (True, False)


def test_an_acknowledgement_is_no_failure() -> None:
    """NLMSG_ERROR with the code 0; nor is one that is too short to say anything."""
    interfaces = Interfaces()
    interfaces.feed(refused(1, 0) + message(Kind.ERROR, b"", 1))
    assert not interfaces.has_failed
