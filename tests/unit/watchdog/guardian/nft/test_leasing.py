"""Transactions of a lease: their order, their numbers, and the bytes that nft would send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.watchdog.guardian.nft import caught
from watchdog.guardian import netlink
from watchdog.guardian.nft import batch, leasing

FAMILIES = (batch.INET, batch.ARP, batch.NETDEV)


def filled(requests: list[batch.Request], *numbers: int) -> list[netlink.Message]:
    """The messages of a template with its numbers."""
    return list(netlink.messages(bytes(leasing.Template(requests).fill(*numbers))))


def without_number(caught_hex: str) -> str:
    """What was caught without the number that nft gives to its set."""
    at = caught_hex.index("08000400000000")
    return caught_hex[:at] + caught_hex[at + 16 :]


def test_elements_are_as_nft_sends_them() -> None:
    """A lease of 900 ms, the ticket of tenure 1 and round 2 with 250 ms, and their removal."""
    arming = [m.body.hex() for m in filled(leasing.arming("x", FAMILIES), 1, 2, 900)]
    assert without_number(caught.LEASE) in arming
    assert caught.LEASE_DELETED in arming
    assert arming[-2] == caught.TICKET_DELETED
    opening = [m.body.hex() for m in filled(leasing.opening("x"), 1, 2, 250)]
    assert without_number(caught.TICKET) == opening[1]


def test_a_renewal_adds_deletes_adds_in_every_table_and_spends_the_ticket_last() -> None:
    """The last add alone begins a new time; the ticket is judged after the lease was dated."""
    kinds = [(m.kind & 255, m.body[0]) for m in filled(leasing.arming("x", FAMILIES), 1, 2, 900)]
    put, gone = batch.NEWSETELEM, batch.DELSETELEM
    expected = [(kind, family) for family in FAMILIES for kind in (put, gone, put)]
    assert kinds[1:-1] == [*expected, (gone, batch.INET)]


def test_no_element_of_a_lease_is_ever_without_a_timeout() -> None:
    """It would stay for ever."""
    for message in filled(leasing.arming("x", FAMILIES), 1, 2, 900)[1:-1]:
        if message.kind & 255 == batch.NEWSETELEM:
            assert (900).to_bytes(8, "big") in message.body


def test_a_ticket_is_opened_once() -> None:
    """A second one of the same number is replaced knowingly, or not at all."""
    (opening,) = filled(leasing.opening("x"), 1, 2, 900)[1:-1]
    assert opening.flags & batch.NLM_F_EXCL
    first, second = filled(leasing.reopening("x"), 1, 2, 900)[1:-1]
    assert (first.kind & 255, second.kind & 255) == (batch.DELSETELEM, batch.NEWSETELEM)


def test_closing_names_no_element() -> None:
    """All of them go, and an empty set is no fault."""
    messages = list(netlink.messages(bytes(leasing.Template(leasing.closing("x", FAMILIES)).data)))
    assert [m.body[0] for m in messages[1:-1]] == [*FAMILIES, batch.INET]
    assert all(m.kind & 255 == batch.DELSETELEM for m in messages[1:-1])
    assert not any(b"\x03\x80" in m.body for m in messages[1:-1])


@given(st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1), st.integers(10, 600_000))
def test_a_template_filled_is_the_batch_made_anew(no: int, round_no: int, timeout_ms: int) -> None:
    """Whatever it was filled with before."""
    template = leasing.Template(leasing.reopening("x"))
    template.fill(7, 7, 7777)
    data = bytes(template.fill(no, round_no, timeout_ms))
    ticket = leasing.element(leasing.ticket_key(no, round_no))
    timed = leasing.element(leasing.ticket_key(no, round_no), timeout_ms)
    assert leasing.elements("x", "tickets", ticket) in data
    assert leasing.elements("x", "tickets", timed) in data
    assert len(data) == len(batch.batch(leasing.reopening("x")))


@pytest.mark.parametrize("timeout_ms", [0, 9, 600_001, -1])
def test_a_timeout_that_may_be_none_is_an_error(timeout_ms: int) -> None:
    """An element without a timeout would stay for ever."""
    with pytest.raises(AssertionError, match="a timeout of"):
        leasing.Template(leasing.opening("x")).fill(1, 1, timeout_ms)


def test_rounds_of_other_tenures_have_other_tickets() -> None:
    """Both numbers are in the key; they are cut only where they never get."""
    keys = {leasing.ticket_key(no, number) for no in (1, 2, 2**31) for number in (1, 2, 2**31)}
    assert len(keys) == 9
    assert leasing.ticket_key(2**64 - 1, 2**32 + 5) == leasing.ticket_key(2**32 - 1, 5)
