"""The gate's tables are, byte by byte, what nft would send for docs/gate.md."""

import pytest

from tests.unit.watchdog.guardian.nft import caught
from tests.unit.watchdog.guardian.nft.test_expressions import expressions_of, parts
from watchdog.guardian.nft import attributes as attribute
from watchdog.guardian.nft import batch, ruleset
from watchdog.guardian.plan import Vip

V4 = Vip("a", "10.8.0.100", 24, 4, "lo")
V6 = Vip("b", "fd00::100", 64, 6, "lo")
SETUP = ruleset.Setup("x", (V4, V6), ("v9", "lo"))


def bodies(kind: int, setup: ruleset.Setup = SETUP) -> list[str]:
    """Bytes of all messages of a kind."""
    return [r.pack(0)[16:].hex() for r in ruleset.creation(setup) if r.kind == kind]


@pytest.mark.parametrize("words", caught.RULES)
def test_there_is_this_rule(words: str) -> None:
    """The same family, chain and expressions."""
    family, chain = words.split()[:2]
    found = []
    for request in ruleset.creation(SETUP):
        if request.kind == batch.NEWRULE and batch.FAMILIES[request.family] == family:
            attributes = attribute.parse(request.attributes)
            if attribute.name(attribute.only(attributes, 2)) == chain:
                found.append(parts(attribute.only(attributes, 4)))
    assert parts(expressions_of(words)) in found


def test_chains_are_at_their_hooks_before_everything_else() -> None:
    """Priority -300: before connection tracking and any translation of addresses."""
    chains = bodies(batch.NEWCHAIN)
    assert caught.CHAIN in chains
    assert caught.DEVICES in chains
    assert len(chains) == 2 + 1 + 2


def test_sets_have_timeouts_and_the_keys_that_are_looked_up() -> None:
    """Without what nft notes for itself, and with a number of our own."""
    sets = bodies(batch.NEWSET)
    for known in (caught.LEASE_SET, caught.TICKET_SET):
        end = known.index("08000a00")
        assert known[:end] in [text[:end] for text in sets]
    assert len(sets) == 3 + 1


def test_a_table_is_removed_and_made_in_one_transaction() -> None:
    """So that making it anew never leaves a moment without it."""
    kinds = [r.kind for r in ruleset.creation(SETUP) if r.family == batch.INET][:4]
    assert kinds == [batch.NEWTABLE, batch.DELTABLE, batch.NEWTABLE, batch.NEWSET]
    assert caught.TABLE_DELETED in bodies(batch.DELTABLE)


def test_nothing_ever_drops_what_goes_to_a_vip_elsewhere_or_comes_from_there() -> None:
    """A standby is a client like any other: only these two matches per hook and family."""
    at = {12: "source", 16: "destination", 8: "source", 24: "destination", 14: "arp sender"}
    seen = set()
    for request in ruleset.creation(SETUP):
        if request.kind != batch.NEWRULE:
            continue
        attributes = attribute.parse(request.attributes)
        chain = attribute.name(attribute.only(attributes, 2))
        for name, values in parts(attribute.only(attributes, 4)):
            if name == "payload" and attribute.number(dict(values)[2]) == 1:
                offset = attribute.number(dict(values)[3])
                seen.add((batch.FAMILIES[request.family], chain, at[offset]))
    assert seen == {
        ("inet", "prerouting", "destination"),
        ("inet", "output", "source"),
        ("arp", "output", "arp sender"),
        ("netdev", "ingress", "destination"),
        ("netdev", "egress", "source"),
        ("netdev", "egress", "arp sender"),
    }


def test_without_ipv4_there_is_no_table_for_arp() -> None:
    """Fewer messages in each renewal."""
    assert ruleset.Setup("x", (V6,), ()).families == (batch.INET, batch.NETDEV)
    setup = ruleset.Setup("x", (V6,), ("lo",))
    assert batch.ARP not in {request.family for request in ruleset.creation(setup)}


def test_without_an_interface_there_are_no_chains_for_it() -> None:
    """The table is there, with its lease, and gets them later."""
    setup = SETUP._replace(interfaces=())
    kinds = [r.kind for r in ruleset.creation(setup) if r.family == batch.NETDEV]
    assert kinds == [batch.NEWTABLE, batch.DELTABLE, batch.NEWTABLE, batch.NEWSET]


def test_names_are_of_the_tag() -> None:
    """Two clusters on one machine have tables of their own."""
    assert ruleset.table_name("0123456789ab") == "quorumdog_0123456789ab"
    assert [r.kind for r in ruleset.removal("x", [1, 3])] == [batch.DELTABLE] * 2
