"""The kernel's messages about addresses, from bytes written by hand (rtnetlink(7))."""

import struct
from ipaddress import ip_address

import pytest

from watchdog.cli.demo.observer import Change, parse

NEWADDR, DELADDR, NEWLINK = 20, 21, 16
ADDRESS, LOCAL, LABEL = 1, 2, 3


def attribute(kind: int, value: bytes) -> bytes:
    """One rtattr."""
    padding = -len(value) % 4
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(padding)


def message(kind: int, *attributes: bytes) -> bytes:
    """One message with its header."""
    body = struct.pack("=BBBBI", 2, 24, 0, 0, 2) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def ipv4(text: str) -> bytes:
    """The packed address."""
    return ip_address(text).packed


def test_an_added_address_is_told_with_its_namespace() -> None:
    """The plain case, with a label whose length needs padding."""
    raw = message(NEWADDR, attribute(LOCAL, ipv4("10.0.0.1")), attribute(LABEL, b"eth0\0"))
    assert list(parse(3, raw)) == [Change(3, True, "10.0.0.1")]


def test_the_local_address_wins_over_the_peer_address() -> None:
    """On a point-to-point link IFA_ADDRESS is the other end."""
    raw = message(DELADDR, attribute(ADDRESS, ipv4("10.0.0.9")), attribute(LOCAL, ipv4("10.0.0.1")))
    assert list(parse(0, raw)) == [Change(0, False, "10.0.0.1")]


def test_an_ipv6_address_has_no_local_attribute() -> None:
    """Kernels send IFA_ADDRESS alone."""
    raw = message(NEWADDR, attribute(ADDRESS, ip_address("fd77::100").packed))
    assert list(parse(1, raw)) == [Change(1, True, "fd77::100")]


def test_messages_of_one_datagram_keep_their_order() -> None:
    """The order is the whole point."""
    raw = message(DELADDR, attribute(LOCAL, ipv4("10.0.0.1"))) + message(
        NEWADDR, attribute(LOCAL, ipv4("10.0.0.2"))
    )
    assert [change.is_up for change in parse(1, raw)] == [False, True]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(64),
        message(NEWLINK, attribute(LOCAL, ipv4("10.0.0.1"))),
        message(NEWADDR),
        message(NEWADDR, struct.pack("=HH", 0, LOCAL)),
    ],
)
def test_what_is_no_change_of_an_address_is_passed_over(raw: bytes) -> None:
    """Other messages share the socket."""
    assert list(parse(1, raw)) == []
