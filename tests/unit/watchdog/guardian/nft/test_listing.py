"""What is listed is known again by its handles, and what differs is named."""

import pytest

from watchdog.guardian.nft import attributes as attribute
from watchdog.guardian.nft import batch, listing
from watchdog.guardian.nft.batch import ARP, INET, NETDEV, Answer


def table(handle: int = 1, flags: int = 0, use: int = 4, name: str = "x") -> Answer:
    """A table as the kernel lists it."""
    found = attribute.text(1, name) + attribute.u32(2, flags) + attribute.u32(3, use)
    return Answer(batch.NEWTABLE, INET, found + attribute.u64(4, handle))


def rule(handle: int, chain: str = "output", name: str = "x") -> Answer:
    """A rule."""
    found = attribute.text(1, name) + attribute.text(2, chain) + attribute.u64(3, handle)
    return Answer(batch.NEWRULE, INET, found)


def test_everything_of_every_table_is_asked_for() -> None:
    """Each chain and set by name, and all rules."""
    kinds = [(q.kind, q.family) for q in listing.questions("x", (INET, ARP, NETDEV), ("lo",))]
    assert kinds.count((batch.GETCHAIN, INET)) == 2
    assert kinds.count((batch.GETSET, INET)) == 2
    assert kinds.count((batch.GETCHAIN, NETDEV)) == 2
    assert [family for kind, family in kinds if kind == batch.GETRULE] == [INET, ARP, NETDEV]
    no_chains = [(q.kind, q.family) for q in listing.questions("x", (NETDEV,), ())]
    assert (batch.GETCHAIN, NETDEV) not in no_chains


def test_another_handle_flag_or_number_is_another_thing() -> None:
    """Dormant tables drop nothing."""
    made = listing.things([table(), rule(1)], "x")
    assert listing.things([table(), rule(1)], "x") == made
    for other in (
        [table(handle=2), rule(1)],
        [table(flags=1), rule(1)],
        [table(use=5), rule(1)],
        [table(), rule(2)],
        [table()],
    ):
        assert listing.things(other, "x") != made


def test_tables_of_others_are_passed_over() -> None:
    """A kernel may list more than it was asked for."""
    assert listing.things([table(name="y"), rule(1, name="y")], "x") == []


def test_what_differs_is_named() -> None:
    """For the operator who looks for whoever did it."""
    made = listing.things([rule(1, "prerouting"), rule(2)], "x")
    assert (
        listing.difference(made, made[:1]) == "its inet rule in chain output is gone or was changed"
    )
    assert listing.difference(made, []) == "all its tables are gone"
    more = [*made, *listing.things([rule(3)], "x")]
    assert listing.difference(made, more) == "something was added to its tables"


def test_a_generation_is_a_number() -> None:
    """Of all rules of the network namespace."""
    answer = Answer(batch.NEWGEN, 0, attribute.u32(1, 77) + attribute.u32(2, 5))
    assert listing.generation([answer]) == 77
    with pytest.raises(ValueError, match="no generation"):
        listing.generation([])


@pytest.mark.parametrize(
    "answer",
    [
        Answer(batch.NEWSETELEM, INET, b""),
        Answer(batch.NEWTABLE, INET, attribute.text(1, "x")),
        Answer(batch.NEWRULE, INET, b"\1"),
    ],
)
def test_an_answer_that_lacks_something_is_an_error(answer: Answer) -> None:
    """And never a table that is as it was."""
    with pytest.raises(ValueError, match=r"attribute|answer"):
        listing.things([answer], "x")


def test_a_request_is_described() -> None:
    """For the text of its failure."""
    chain = attribute.text(1, "x") + attribute.text(3, "egress")
    request = batch.Request(batch.NEWCHAIN, 0, NETDEV, chain)
    assert listing.describe(request) == "netdev chain egress"
    assert listing.describe(batch.Request(batch.NEWSETELEM, 0, ARP, b"")) == "arp, request 12"
