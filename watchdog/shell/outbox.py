"""What still has to be said to a peer that is slow to take it: bounded, and never stale.

Only the newest BEACON matters, and the newest answer to one, so each takes the place of an unsent
older one at the end of the queue.  A newer HELLO takes the very place of the older: HELLO must
stay the first frame.  A peer that lets the queue grow beyond its bound is not listening: the
connection is then closed.
"""

from enum import Enum
from typing import Final

from watchdog.core.messages import Beacon, Grant, Hello, Message

OUTBOX_SIZE_MAX: Final = 256 * 1024


class Slot(Enum):
    """Kinds of frames of which the queue holds one at most."""

    HELLO = "hello"
    BEACON = "beacon"
    GRANT = "grant"


def slot_of(message: Message) -> Slot | None:
    """The slot of a message that a newer one of its kind replaces; None for all others."""
    match message:
        case Hello():
            return Slot.HELLO
        case Beacon():
            return Slot.BEACON
        case Grant(is_vote=False):
            return Slot.GRANT
        case _:
            return None


class Outbox:
    """Frames in the order in which they will be sent."""

    def __init__(self, size_max: int = OUTBOX_SIZE_MAX) -> None:
        self._size_max = size_max
        self._frames: dict[int, bytes] = {}  # by number; a dict keeps its order
        self._places: dict[Slot, int] = {}
        self._next = 0
        self.size = 0
        self.replaced = 0

    def put(self, frame: bytes, slot: Slot | None = None) -> bool:
        """Queue a frame; False when that would exceed the bound (nothing is queued then)."""
        place = None if slot is None else self._places.get(slot)
        old_size = 0 if place is None else len(self._frames[place])
        if self.size - old_size + len(frame) > self._size_max:
            return False
        self.size += len(frame) - old_size
        if place is not None:
            self.replaced += 1
            if slot is Slot.HELLO:
                self._frames[place] = frame
                return True
            del self._frames[place]
        self._frames[self._next] = frame
        if slot is not None:
            self._places[slot] = self._next
        self._next += 1
        return True

    def take(self) -> list[bytes]:
        """Everything that waits; the outbox is empty afterwards."""
        frames = list(self._frames.values())
        self._frames.clear()
        self._places.clear()
        self.size = 0
        return frames
