"""The page of guardian and sentinel: whatever is torn, only what was whole is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import at
from watchdog.guardian.page import (
    NEVER,
    NOBODY,
    NODE_SIZE,
    NodeRecord,
    Page,
    Record,
    Watched,
    record_size,
)
from watchdog.guardian_protocol import ArmWill, pack
from watchdog.instant import SECOND

SIZE = 40


def _record() -> tuple[bytearray, Record]:
    memory = bytearray(record_size(SIZE))
    return memory, Record(memoryview(memory), SIZE)


def test_nothing_written_is_nothing_read() -> None:
    """Zeros are no payload, not even an empty one."""
    assert _record()[1].read() is None


def test_the_newest_is_read() -> None:
    """Also an empty one, and one of the full size."""
    _, record = _record()
    for payload in (b"one", b"", b"x" * SIZE, b"four"):
        record.write(payload)
        assert record.read() == payload


def test_a_write_that_stopped_anywhere_leaves_the_one_before() -> None:
    """The writer is killed after any number of bytes, from the first to the last but one."""
    memory, record = _record()
    record.write(b"first" * 8)
    record.write(b"older" * 8)
    before = bytes(memory)
    record.write(b"newer" * 8)
    after = bytes(memory)
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    for count in range(len(changed)):
        torn = bytearray(before)
        for where in changed[:count]:
            torn[where] = after[where]
        assert Record(memoryview(torn), SIZE).read() == b"older" * 8, count


@given(st.binary(max_size=SIZE), st.binary(max_size=SIZE), st.data())
def test_any_mixture_of_two_writes_is_one_of_them(
    first: bytes, second: bytes, data: st.DataObject
) -> None:
    """Bytes may become visible in any order: on some processors they do."""
    memory, record = _record()
    record.write(first)
    before = bytes(memory)
    record.write(second)
    after = bytes(memory)
    arrived = data.draw(st.lists(st.booleans(), min_size=len(before), max_size=len(before)))
    mixed = bytearray(
        new if is_new else old for old, new, is_new in zip(before, after, arrived, strict=True)
    )
    assert Record(memoryview(mixed), SIZE).read() in (first, second)


def test_an_impossible_size_is_not_followed() -> None:
    """A head of garbage must not make the reader read elsewhere."""
    memory, record = _record()
    record.write(b"whole")
    half = len(memory) // 2
    memory[:half] = b"\xff" * half
    assert record.read() == b"whole"
    memory[half:] = b"\xff" * half
    assert record.read() is None


def test_a_payload_too_long_is_our_own_fault() -> None:
    """It would run into the other slot."""
    with pytest.raises(AssertionError, match="no place"):
        _record()[1].write(b"x" * (SIZE + 1))


def test_a_page_begins_with_nothing_on_and_nobody() -> None:
    """The sentinel reads it before the guardian has said anything."""
    page = Page()
    assert page.read_watched() == NEVER
    assert page.read_node() == NOBODY


def test_a_page_gives_back_what_was_written() -> None:
    """The largest will too."""
    page = Page()
    watched = Watched(is_on=True, s=at(1000, 1001), hard_ns=SECOND)
    page.write_watched(watched)
    assert page.read_watched() == watched
    node = NodeRecord(4711, 2**40, pack(ArmWill(b"w" * 256, (("::1", 9000),) * 15)))
    page.write_node(node)
    assert page.read_node() == node
    assert len(node.will) + 16 <= NODE_SIZE
