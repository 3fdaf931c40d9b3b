"""Descriptors kept back for the moment when there are no others: who waits is then turned away.

Without one, a connection that cannot be accepted stays in the queue, its client waits in vain, and
the listening socket is readable for ever.  Used by the control socket and by the peer port.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

KEPT: Final = 16
TURNED_AWAY_MAX: Final = 256
"""Of one look; the rest waits for the next one."""


class Reserve:
    """`count` descriptors, which are nobody's until `turn_away` needs them."""

    def __init__(self, count: int = KEPT) -> None:
        """Take them now."""
        self._count = count
        self._kept: list[int] = []
        self.fill()

    @property
    def kept(self) -> int:
        """How many there are at present."""
        return len(self._kept)

    def fill(self) -> None:
        """Take back as many as can be had."""
        with suppress(OSError):  # still none to be had: the next time
            while len(self._kept) < self._count:
                self._kept.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    def close(self) -> None:
        """Give all of them back."""
        while self._kept:
            os.close(self._kept.pop())

    def turn_away(self, listener: socket.socket) -> Iterator[tuple[socket.socket, str]]:
        """Accept who waits, with the address; each is closed before the next one comes.

        The reserve is there again afterwards, as far as possible.
        """
        self.close()
        try:
            for _ in range(TURNED_AWAY_MAX):
                try:
                    connection, address = listener.accept()
                except OSError:  # nobody waits, or there is still no descriptor
                    return
                with connection:
                    yield connection, address[0] if isinstance(address, tuple) else ""
        finally:
            self.fill()
