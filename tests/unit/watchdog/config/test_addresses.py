"""Which node this machine is."""

import struct

import pytest

from watchdog.config.addresses import _read_dump, find_node, is_local
from watchdog.config.schema import Node

NODES = {
    "alpha": Node(address="10.0.0.11"),
    "beta": Node(address="fd00::12"),
    "gamma": Node(address="10.0.0.13"),
}
LOOPBACK = {"a": Node(address="127.0.0.1"), "b": Node(address="127.0.0.2")}


@pytest.mark.parametrize(
    ("machine", "name"),
    [({"127.0.0.1", "10.0.0.11"}, "alpha"), ({"::1", "fd00::12"}, "beta")],
)
def test_node_is_found_by_its_address(machine: set[str], name: str) -> None:
    """The file is the same everywhere; the machine makes the difference."""
    assert find_node(NODES, None, frozenset(machine)) == (name, None)


def test_no_match_names_both_sides() -> None:
    """Usually an address is misspelt or not up yet; both lists show which."""
    name, problem = find_node(NODES, None, frozenset({"127.0.0.1", "192.0.2.7", "fe80::1"}))
    assert name is None
    assert problem is not None
    assert "alpha 10.0.0.11, beta fd00::12" in problem.what
    assert "this machine has 127.0.0.1, 192.0.2.7)" in problem.what
    assert "--node NAME" in problem.hint


@pytest.mark.parametrize(
    ("nodes", "machine", "names"),
    [
        (NODES, {"10.0.0.11", "10.0.0.13"}, "alpha, gamma"),
        (LOOPBACK, {"127.0.0.1"}, "a, b"),
    ],
    ids=["two addresses", "loopback"],
)
def test_several_matches_need_a_name(nodes: dict[str, Node], machine: set[str], names: str) -> None:
    """All of 127/8 is this machine, so tests on one machine say which node they mean."""
    name, problem = find_node(nodes, None, frozenset(machine))
    assert name is None
    assert problem is not None
    assert f"several nodes have addresses of this machine: {names}" in problem.what
    assert f"--node {names[0]}" in problem.hint


def test_given_name_wins() -> None:
    """Without a word when the address is here, with a warning when it is not."""
    machine = frozenset({"10.0.0.11", "10.0.0.13"})
    assert find_node(NODES, "gamma", machine) == ("gamma", None)
    name, problem = find_node(NODES, "beta", machine)
    assert name == "beta"
    assert problem is not None
    assert "which this machine does not have now" in problem.what


def test_name_of_no_node_is_refused() -> None:
    """With the closest name."""
    name, problem = find_node(NODES, "gama", frozenset())
    assert name is None
    assert problem is not None
    assert problem.what == "there is no node `gama` (--node)"
    assert problem.hint == "did you mean `gamma`?"


def test_loopback_is_local_only_where_there_is_one() -> None:
    """A network namespace may have its loopback down."""
    assert is_local("127.0.0.3", {"127.0.0.1"})
    assert not is_local("127.0.0.3", {"10.0.0.1"})


def message(kind: int, body: bytes) -> bytes:
    """One netlink message."""
    size = 16 + len(body)
    return struct.pack("=IHHII", size, kind, 0, 1, 0) + body + bytes(-size % 4)


def attribute(kind: int, value: bytes) -> bytes:
    """One rtnetlink attribute."""
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)


IFADDRMSG = bytes(8)
V4 = attribute(1, bytes([10, 0, 0, 11])) + attribute(2, bytes([10, 0, 0, 12]))
V6 = attribute(1, bytes([0xFD, *[0] * 14, 1])) + attribute(3, b"eth0\0")
DUMP = message(20, IFADDRMSG + V4) + message(20, IFADDRMSG + V6)


def test_dump_of_the_kernel_is_read() -> None:
    """Point-to-point links have two addresses; names and other attributes are passed over."""
    found: set[str] = set()
    assert not _read_dump(DUMP, found)
    assert found == {"10.0.0.11", "10.0.0.12", "fd00::1"}
    assert _read_dump(message(3, bytes(4)), found)


@pytest.mark.parametrize(
    "datagram",
    [message(2, bytes(4)), struct.pack("=IHHII", 8, 20, 0, 1, 0)],
    ids=["error", "short"],
)
def test_refusal_of_the_kernel_is_an_error(datagram: bytes) -> None:
    """Not an endless loop, and not a machine without addresses."""
    with pytest.raises(OSError, match="refused"):
        _read_dump(datagram, set())


def test_attribute_of_no_length_ends_the_message() -> None:
    """A length below its own header would never advance."""
    found: set[str] = set()
    _read_dump(message(20, IFADDRMSG + struct.pack("=HH", 0, 1) + bytes(8)), found)
    assert found == set()
