"""The replay window: which numbers of a sender were seen, for the newest `SIZE` of them.

A number older than the window counts as seen: what is that late may be lost.  Looking changes
nothing, so that a number is noted only after the seal of its datagram was opened.
The window of IPsec (RFC 4303, 3.4.3), as an integer whose bit n stands for `newest - n`.
"""

from typing import Final

SIZE: Final = 64


class Window:
    """Numbers seen; 0 is never new."""

    __slots__ = ("_bits", "_size", "newest")

    def __init__(self, size: int = SIZE) -> None:
        assert size > 0
        self._size = size
        self._bits = 1
        self.newest = 0

    def is_new(self, number: int) -> bool:
        """Whether `number` was not seen yet, as far as that is known."""
        age = self.newest - number
        if age < 0:
            return True
        return age < self._size and not (self._bits >> age) & 1

    def add(self, number: int) -> None:
        """Note a number that is new."""
        age = self.newest - number
        if age >= 0:
            self._bits |= 1 << age
            return
        # A jump beyond the window would only shift everything out, at a cost without bound.
        kept = self._bits << -age if -age < self._size else 0
        self._bits = (kept | 1) & ((1 << self._size) - 1)
        self.newest = number
