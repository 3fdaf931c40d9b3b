"""Each expression has the bytes that nft sends for the same words."""

from tests.unit.watchdog.guardian.nft.caught import RULES
from watchdog.guardian.nft import attributes as attribute
from watchdog.guardian.nft import expressions as on

VIP = bytes((10, 8, 0, 100))


def expressions_of(words: str) -> bytes:
    """The bytes of a rule's expressions as they were caught."""
    body = bytes.fromhex(RULES[words])[4:]
    return attribute.only(attribute.parse(body), 4)


def parts(data: bytes) -> list[tuple[str, list[tuple[int, bytes]]]]:
    """Name and attributes of each expression, without the number of a set."""
    found = []
    for _, expression in attribute.parse(data):
        name, attributes = (value for _, value in attribute.parse(expression))
        kept = [a for a in attribute.parse(attributes) if (name, a[0]) != (b"lookup\0", 4)]
        found.append((attribute.name(name), kept))
    return found


def test_every_kind_of_expression_is_as_nft_sends_it() -> None:
    """In one rule that has all of them."""
    ours = (
        on.meta(on.META_NFPROTO, b"\x02")
        + on.payload(on.NETWORK, 16, VIP)
        + on.is_to_this_machine()
        + on.unless_in("lease")
        + on.drop()
    )
    caught = expressions_of("inet prerouting ip daddr 10.8.0.100 fib daddr type local")
    assert parts(ours) == parts(caught)
    names = " ".join(name for name, _ in parts(ours))
    assert names == "meta cmp payload cmp fib cmp meta bitwise lookup immediate"


def test_a_lookup_is_inverted_and_its_key_depends_on_nothing() -> None:
    """The mark and no bit of it: whatever the packet, the key is ZERO."""
    expressions = dict(parts(on.unless_in("lease")))
    assert (5, (1).to_bytes(4, "big")) in expressions["lookup"]
    assert expressions["bitwise"][-2:] == [(4, on.value(on.ZERO)), (5, on.value(on.ZERO))]
