"""Bytes of a log as lines, however they arrive; pure.

Rule: of a line only the first LINE_MAX bytes are kept, so no writer can fill the memory.
"""

from typing import Final

LINE_MAX: Final = 4 * 1024
QUIET_LOOKS: Final = 2


class Lines:
    """Splits; keeps the last line until its end has come."""

    def __init__(self) -> None:
        self._partial = bytearray()
        self._skipping = False
        self._quiet_looks = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes.

        A line without its end is returned once, when nothing was added to it for QUIET_LOOKS
        looks: what a program says last before it dies is often cut short.
        """
        if not data:
            return self._unchanged()
        found = []
        self._quiet_looks = 0
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._add(piece)
            if not self._skipping:
                found.append(bytes(self._partial))
            self.drop()
        self._add(rest)
        return found

    def finish(self) -> list[bytes]:
        """Return the line without an end: the file will not be continued."""
        last = [] if self._skipping or not self._partial else [bytes(self._partial)]
        self.drop()
        return last

    def drop(self, *, skipping: bool = False) -> None:
        """Start anew; `skipping`: in the middle of a line, which is left out."""
        self._partial.clear()
        self._skipping = skipping
        self._quiet_looks = 0

    def _add(self, piece: bytes) -> None:
        self._partial += piece[: LINE_MAX - len(self._partial)]

    def _unchanged(self) -> list[bytes]:
        self._quiet_looks += 1
        said = self._quiet_looks != QUIET_LOOKS  # before it is too early, after it is a repetition
        return [] if said or self._skipping or not self._partial else [bytes(self._partial)]
