"""Batches: their frame, their numbers, and what the kernel says of them."""

import errno
import struct

import pytest

from watchdog.guardian import netlink
from watchdog.guardian.nft import attributes as attribute
from watchdog.guardian.nft import batch

ONE = batch.Request(batch.DELTABLE, 0, batch.INET, attribute.text(1, "x"))
TWO = batch.Request(batch.NEWTABLE, batch.NLM_F_CREATE, batch.ARP, attribute.text(1, "y"))


def outcome(seq: int, code: int) -> bytes:
    """What the kernel sends of a message."""
    body = struct.pack("=i", -code) + bytes(16)
    return netlink.request(netlink.NLMSG_ERROR, 0, seq, body)


def test_a_batch_is_framed_and_numbered_and_only_its_last_is_acknowledged() -> None:
    """linux/netfilter/nfnetlink.h: BEGIN and END name the subsystem in network order."""
    begin, one, two, end = netlink.messages(batch.batch([ONE, TWO]))
    assert (begin.kind, begin.flags, begin.seq, begin.body.hex()) == (0x10, 1, 0, "0000000a")
    assert (one.kind, one.flags, one.seq) == (0xA02, 1, 1)
    assert one.body.hex() == "01000000" + "0600010078000000"
    assert (two.kind, two.flags, two.seq) == (0xA00, 0x405, 2)
    assert two.body[:4].hex() == "03000000"
    assert (end.kind, end.flags, end.seq, end.body.hex()) == (0x11, 1, 3, "0000000a")


def test_outcomes_tell_the_messages_apart() -> None:
    """Which one failed, and of what."""
    data = outcome(1, errno.ENOENT) + outcome(2, 0)
    assert batch.outcome(data) == [(1, errno.ENOENT), (2, 0)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        netlink.request(netlink.NLMSG_ERROR, 0, 1, b"ab"),
        netlink.request(0xA00, 0, 1, bytes(16)),
        struct.pack("=IHHII", 9999, 2, 0, 1, 0),
    ],
)
def test_what_is_no_outcome_is_an_error(data: bytes) -> None:
    """Never taken for success."""
    with pytest.raises(ValueError, match=r"nf_tables|netlink"):
        batch.outcome(data)


def test_answers_come_until_the_end() -> None:
    """A list ends with DONE, one thing with an acknowledgement."""
    thing = netlink.request(0xA00, 0, 7, b"\x01\0\0\0" + attribute.text(1, "x"))
    expected = batch.Answer(batch.NEWTABLE, batch.INET, attribute.text(1, "x"))
    assert batch.answers(thing, 7) == ([expected], False)
    done = netlink.request(netlink.NLMSG_DONE, 0, 7, bytes(4))
    assert batch.answers(thing + thing + done, 7) == ([expected] * 2, True)
    assert batch.answers(outcome(7, 0), 7) == ([], True)
    with pytest.raises(FileNotFoundError):
        batch.answers(outcome(7, errno.ENOENT), 7)


@pytest.mark.parametrize(
    "data",
    [
        netlink.request(0xA00, 0, 8, bytes(4)),
        netlink.request(0xA00, 0, 7, b"ab"),
        netlink.request(0x300, 0, 7, bytes(4)),
        b"",
    ],
)
def test_what_is_no_answer_is_an_error(data: bytes) -> None:
    """Another number, another subsystem, no family."""
    with pytest.raises(ValueError, match="nf_tables"):
        batch.answers(data, 7)


def test_a_list_that_changed_meanwhile_says_so() -> None:
    """It is asked for again."""
    whole = netlink.request(0xA00, 0, 7, bytes(4))
    torn = netlink.request(0xA00, netlink.NLM_F_DUMP_INTR, 7, bytes(4))
    assert not batch.was_torn(whole)
    assert batch.was_torn(whole + torn)
