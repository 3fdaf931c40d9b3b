"""docs/protocol.md says what the code does: who writes another implementation has only the page."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support import REPOSITORY
from watchdog import slots
from watchdog.core.messages import INC_SIZE, PROTOCOL
from watchdog.instant import MS
from watchdog.shell import datagrams
from watchdog.wire import codec, fields, frames, heartbeat, limits, seal, session, ways, window
from watchdog.wire.layouts import LAYOUTS, REQUIRED, Layout

PAGE: Final = (REPOSITORY / "docs/protocol.md").read_text(encoding="utf-8")
SECTION: Final = re.compile(r"^### (\d+) (\w+)\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
ROW: Final = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)
SECTIONS: Final = {name: (int(number), text) for number, name, text in SECTION.findall(PAGE)}


def test_the_page_has_every_message_and_no_other() -> None:
    """In the order of their numbers."""
    listed = [(number, name) for name, (number, _) in SECTIONS.items()]
    assert listed == [(layout.number, layout.name) for layout in LAYOUTS]
    assert PAGE.startswith(f"# The peer protocol, version {PROTOCOL}\n")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_the_table_of_a_message_is_its_layout(layout: Layout) -> None:
    """Keys, kinds, and which of them may be missing."""
    rows = ROW.findall(SECTIONS[layout.name][1])
    written = [(key, kind, "may be missing" in meaning) for key, kind, meaning in rows]
    assert written == [(key, kind.word, d is not REQUIRED) for key, kind, d in layout.fields]


def kinds_used() -> Iterator[str]:
    """Every simple kind in the layouts, and what they are made of."""
    for layout in LAYOUTS:
        for _, kind, _ in layout.fields:
            yield from re.findall(r"\w+", kind.word.replace("array of", ""))


def test_every_kind_has_its_bounds_on_the_page() -> None:
    """A kind without bounds is a kind without limits."""
    table = PAGE.partition("### Kinds")[2].partition("## Messages")[0]
    assert set(kinds_used()) <= set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


@pytest.mark.parametrize(
    "words",
    [
        f"1 to {frames.FRAME_SIZE_MAX:,}",
        f"| payload | {frames.FRAME_SIZE_MAX:,} bytes |",
        f"| {frames.LENGTH_SIZE} | length of the payload",
        f"0 to {fields.DURATION_MS_MAX:,}",
        f"and up to {fields.NAME_SIZE_MAX - 1} more",
        f"at most {fields.TEXT_SIZE_MAX} characters",
        f"exactly {INC_SIZE}:",
        f"exactly {fields.DIGEST_SIZE}:",
        f"1 to {fields.DIGEST_SIZE}:",
        f"| `array of` | array | at most {fields.ITEMS_MAX} items |",
        f"| elements (containers, keys, values) | {limits.ELEMENTS_MAX:,} |",
        f"in payloads above {limits.SHORT_SIZE:,} bytes",
        f"| nesting | {limits.DEPTH_MAX} |",
        f"| array | {fields.ITEMS_MAX} items |",
        f"| map | {codec.KEYS_MAX} pairs |",
        f"| text, bytes | {codec.STRING_SIZE_MAX:,} bytes each |",
        f"salt `{seal.SALT.decode()}`",
        f"At most {seal.WILL_SIZE_MAX} bytes",
        f"| {seal.NONCE_SIZE} | nonce",
        f"the tag ({seal.TAG_SIZE})",
        f"At most {session.SIZE_MAX:,} bytes; what is longer goes by TCP alone",
        f"| 1 | {session.VERSION}: a round of version {session.VERSION - 128}",
        f"| {session.SESSION_TAG_SIZE} | tag",
        f"Of the newest {window.SIZE} numbers",
        f"after {datagrams.GARBAGE_MAX} of them within {datagrams.GARBAGE_NS // MS} ms",
        f"At most {heartbeat.SIZE_MAX} bytes",
        f"of how many, at most {heartbeat.WINDOW}",
        f"n from 1 to {heartbeat.NAME_SIZE_MAX}",
        f"number of echoes, at most {heartbeat.ECHOES_MAX}",
        f"`{heartbeat._LABEL.decode()}`",
        f"files of {slots.FILE_SIZE:,} bytes: two slots of {slots.SLOT_SIZE:,}",
        f"first {slots.SECTOR_SIZE} bytes",
        f"`{slots._MAGIC.decode()}`",
    ],
)
def test_every_limit_on_the_page_is_the_one_in_the_code(words: str) -> None:
    """A page with an old number is worse than none."""
    assert words in " ".join(PAGE.split())


def test_the_table_of_ways_is_the_rule() -> None:
    """Every message is in exactly one row; a GRANT in two, as it answers two kinds of question."""
    table = PAGE.partition("## Rounds by UDP")[2].partition("## Wills")[0]
    rows = re.findall(r"^\| ([A-Z]\w+.*?) \| (.+?) \|$", table, re.MULTILINE)
    found = [
        (set(re.findall(r"[A-Z]\w+", re.sub(r"\(.*?\)", "", kinds))), to) for kinds, to in rows
    ]
    expected = [
        (
            {kind.__name__ for kind in ways.ROUNDS},
            "UDP, and TCP as well unless UDP is known to work",
        ),
        ({kind.__name__ for kind in ways.DECISIONS} | {"Grant"}, "UDP and TCP"),
        ({layout.name for layout in LAYOUTS if layout.make not in ways.TWO_WAYS}, "TCP"),
    ]
    assert found == expected
