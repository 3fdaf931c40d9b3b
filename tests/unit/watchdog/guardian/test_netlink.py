"""The bytes of rtnetlink: what we ask for, and what the kernel answers."""

import errno
import socket
import struct

import pytest

from watchdog.guardian.netlink import (
    NLMSG_ERROR,
    RTM_NEWADDR,
    Address,
    address_body,
    attribute,
    error_of,
    messages,
    parse_address,
    request,
)

V4 = Address(3, socket.AF_INET, socket.inet_pton(socket.AF_INET, "10.0.0.100"), 24)
V6 = Address(4, socket.AF_INET6, socket.inet_pton(socket.AF_INET6, "fd00::100"), 64)


@pytest.mark.parametrize("address", [V4, V6])
def test_an_address_reads_back(address: Address) -> None:
    """What we send has the layout of what the kernel lists."""
    assert parse_address(address_body(address)) == address
    assert parse_address(address_body(address, lifetime_s=3)) == address


def test_the_lifetime_is_there_and_ipv6_comes_without_waiting() -> None:
    """IPv6: no duplicate address detection, and deprecated, so that nothing leaves from it."""
    assert struct.pack("=IIII", 3, 3, 0, 0) in address_body(V4, 3)
    assert struct.pack("=IIII", 0, 3, 0, 0) in address_body(V6, 3)
    assert address_body(V4)[2] == 0
    assert address_body(V6)[2] == 0x02


def test_messages_are_split_at_their_lengths() -> None:
    """One recv may hold many, each padded to four bytes."""
    one = request(RTM_NEWADDR, 0, 7, b"abcde")
    data = one + b"\0" * 3 + request(NLMSG_ERROR, 0, 8, struct.pack("=i", -errno.EEXIST))
    first, second = messages(data)
    assert (first.kind, first.seq, first.body) == (RTM_NEWADDR, 7, b"abcde")
    assert error_of(second.body) == errno.EEXIST


@pytest.mark.parametrize("size", [0, 15, 1000])
def test_an_impossible_length_is_an_error(size: int) -> None:
    """Never an endless loop."""
    data = struct.pack("=IHHII", size, RTM_NEWADDR, 0, 1, 0)
    with pytest.raises(OSError, match="impossible size"):
        list(messages(data))


def test_attributes_are_padded() -> None:
    """The next one begins at a multiple of four."""
    assert attribute(1, b"abcde") == struct.pack("=HH", 9, 1) + b"abcde\0\0\0"


def test_families_that_we_do_not_know_are_left_alone() -> None:
    """A dump lists all."""
    assert parse_address(struct.pack("=BBBBI", 99, 0, 0, 0, 1)) is None
    assert parse_address(struct.pack("=BBBBI", socket.AF_INET, 24, 0, 0, 1)) is None
    broken = struct.pack("=BBBBIHH", socket.AF_INET, 24, 0, 0, 1, 0, 2)
    assert parse_address(broken) is None


@pytest.mark.parametrize("size", [0, 7, 12, 17])
def test_an_address_that_is_cut_is_none(size: int) -> None:
    """The kernel is believed, and still not followed out of the bytes that are there."""
    assert parse_address(address_body(V6)[:size]) is None


def test_an_error_holds_a_number_that_the_kernel_gives() -> None:
    """A number that is none of its own would break whoever looks for its name."""
    assert error_of(struct.pack("=i", -errno.EEXIST)) == errno.EEXIST
    assert error_of(struct.pack("=i", -(2**31))) == error_of(struct.pack("=i", 1)) == errno.EPROTO
    with pytest.raises(OSError, match="without its number"):
        error_of(b"\0\0")
