"""What waits for a slow peer."""

from dataclasses import replace

from tests.shell.links import hello
from watchdog.core.messages import Beacon, Grant, StateRequest, Tenure
from watchdog.instant import Instant
from watchdog.shell.outbox import OUTBOX_SIZE_MAX, Outbox, Slot, slot_of


def test_the_newest_beacon_takes_the_place_of_an_unsent_one_at_the_end() -> None:
    """A stale beacon asks for grants that no longer count."""
    outbox = Outbox()
    for frame, slot in ((b"b1", Slot.BEACON), (b"x", None), (b"b2", Slot.BEACON), (b"y", None)):
        assert outbox.put(frame, slot)
    assert outbox.replaced == 1
    assert outbox.take() == [b"x", b"b2", b"y"]


def test_a_newer_hello_keeps_the_place_of_the_older_one() -> None:
    """HELLO is the first frame of a connection."""
    outbox = Outbox()
    for frame, slot in ((b"h1", Slot.HELLO), (b"x", None), (b"h2", Slot.HELLO)):
        assert outbox.put(frame, slot)
    assert outbox.take() == [b"h2", b"x"]


def test_the_outbox_refuses_what_exceeds_its_bound_and_keeps_the_rest() -> None:
    """A peer that never reads costs 256 KiB and not a byte more."""
    outbox = Outbox()
    frame = bytes(1024)
    assert all(outbox.put(frame) for _ in range(OUTBOX_SIZE_MAX // 1024))
    assert not outbox.put(b"x")
    assert outbox.size == OUTBOX_SIZE_MAX
    assert len(outbox.take()) == OUTBOX_SIZE_MAX // 1024


def test_a_million_beacons_take_the_room_of_one() -> None:
    """Only the size of the newest counts."""
    outbox = Outbox(size_max=100)
    for size in (60, 80, 20):
        assert outbox.put(bytes(size), Slot.BEACON)
        assert outbox.size == size


def test_taking_empties_the_outbox() -> None:
    """What was sent once is not sent again, and does not replace later frames."""
    outbox = Outbox()
    outbox.put(b"b1", Slot.BEACON)
    outbox.take()
    outbox.put(b"b2", Slot.BEACON)
    assert (outbox.take(), outbox.take(), outbox.size, outbox.replaced) == ([b"b2"], [], 0, 0)


def test_only_hello_beacon_and_their_answers_are_replaced() -> None:
    """Every other message says something that a later one does not repeat."""
    tenure = Tenure("alpha", b"i" * 16, 1)
    beacon = Beacon(1, tenure, 1, Instant(1, 1), 1200, b"d" * 32, 1)
    answer = Grant(1, tenure, 1, Instant(1, 1), b"j" * 16, is_vote=False)
    assert slot_of(beacon) is Slot.BEACON
    assert slot_of(answer) is Slot.GRANT
    assert slot_of(replace(answer, is_vote=True)) is None
    assert slot_of(hello(b"i" * 16)) is Slot.HELLO
    assert slot_of(StateRequest(1, 1)) is None
