"""What is in the kernel of our tables, as far as it tells whether somebody has changed them.

Rule: handles.  The kernel gives a new one to whatever is made or replaced, and never an old one
again; so the same handles in the same order, on the same hooks, are the same rules.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from watchdog.guardian import netlink
from watchdog.guardian.nft import attributes as attribute
from watchdog.guardian.nft.batch import (
    FAMILIES,
    GETCHAIN,
    GETGEN,
    GETRULE,
    GETSET,
    GETTABLE,
    INET,
    NETDEV,
    NEWCHAIN,
    NEWGEN,
    NEWRULE,
    NEWSET,
    NEWTABLE,
    Answer,
    Request,
)
from watchdog.guardian.nft.ruleset import LEASE, TICKETS, chains

GENERATION: Final = Request(GETGEN, 0, 0, b"")


class _Shape(NamedTuple):
    word: str
    name: int
    handle: int
    other: tuple[int, ...]
    """What else must not have changed: flags and number of chains and sets; hook and policy."""


_SHAPES: Final = {
    NEWTABLE: _Shape("table", 1, 4, (2, 3)),
    NEWCHAIN: _Shape("chain", 3, 2, (4, 5)),
    NEWSET: _Shape("set", 2, 16, ()),
    NEWRULE: _Shape("rule in chain", 2, 3, ()),
}
_TABLE: Final = 1


class Thing(NamedTuple):
    """One table, chain, set or rule: where and what it is, and by what it is known again."""

    text: str
    known_by: tuple[bytes, ...]


def questions(table: str, families: Sequence[int], interfaces: Sequence[str]) -> list[Request]:
    """Everything to ask for."""
    found = []
    of_table = attribute.text(_TABLE, table)
    for family in families:
        sets = (LEASE, TICKETS) if family == INET else (LEASE,)
        names = () if family == NETDEV and not interfaces else chains(family)
        found += [Request(GETCHAIN, 0, family, of_table + attribute.text(3, n)) for n in names]
        found += [Request(GETSET, 0, family, of_table + attribute.text(2, n)) for n in sets]
        found.append(Request(GETRULE, netlink.NLM_F_DUMP, family, of_table))
        found.append(table_question(table, family))  # the last: what is more than its number
    return found


def table_question(table: str, family: int) -> Request:
    """Ask for one table."""
    return Request(GETTABLE, 0, family, attribute.text(_TABLE, table))


def things(answers: Sequence[Answer], table: str) -> list[Thing]:
    """Everything of one of our tables. Raises ValueError."""
    found = []
    for answer in answers:
        if answer.kind not in _SHAPES:
            raise ValueError(f"nf_tables: an answer of kind {answer.kind}")
        shape = _SHAPES[answer.kind]
        attributes = attribute.parse(answer.attributes)
        if attribute.name(attribute.only(attributes, _TABLE)) != table:
            continue
        handle = attribute.only(attributes, shape.handle)
        other = tuple(attribute.only(attributes, kind) for kind in shape.other)
        found.append(Thing(_text(answer.kind, answer.family, attributes), (handle, *other)))
    return found


def generation(answers: Sequence[Answer]) -> int:
    """Number of the rules' generation. Raises ValueError."""
    for answer in answers:
        if answer.kind == NEWGEN:
            return attribute.number(attribute.only(attribute.parse(answer.attributes), 1))
    raise ValueError("nf_tables: no generation")


def difference(made: Sequence[Thing], found: Sequence[Thing]) -> str:
    """What to say of tables that are not as they were made."""
    if not found:
        return "all its tables are gone"
    for thing in made:
        if thing not in found:
            return f"its {thing.text} is gone or was changed"
    return "something was added to its tables"


def describe(request: Request) -> str:
    """What a request was about, for a text of its failure."""
    if request.kind not in _SHAPES:
        return f"{FAMILIES[request.family]}, request {request.kind}"
    return _text(request.kind, request.family, attribute.parse(request.attributes))


def _text(kind: int, family: int, attributes: Sequence[tuple[int, bytes]]) -> str:
    shape = _SHAPES[kind]
    name = attribute.name(attribute.only(attributes, shape.name))
    return f"{FAMILIES.get(family, family)} {shape.word} {name}"
