"""Saves the ledger in a thread of its own, because a disk may take seconds and the loop may not.

Rule: two pipes, one record in flight.  The thread gets the guardian's scheduling class: a thread
without it could hold the interpreter's lock while something else has the processor.
"""

import _thread
import os
import struct
from collections.abc import Callable
from typing import Final

from watchdog.guardian import scheduling
from watchdog.guardian.actions import Ledger, LedgerSaved
from watchdog.guardian.ledger import LedgerFile

STACK_SIZE: Final = 256 * 1024
ANSWER_SIZE: Final = 512
_RECORD: Final = struct.Struct(">QB")


class Saver:
    """`fd` is readable when an answer is there."""

    def __init__(self, file: LedgerFile, scheduling_class: str) -> None:
        self._file = file
        self._class = scheduling_class
        self._work, self._ask = os.pipe2(os.O_CLOEXEC)
        self.fd, self._answer = os.pipe2(os.O_CLOEXEC)
        _thread.stack_size(STACK_SIZE)
        _thread.start_new_thread(self._serve, ())

    def save(self, ledger: Ledger) -> None:
        """Begin to save; the answer comes through `fd`."""
        os.write(self._ask, _RECORD.pack(ledger.last_epoch, ledger.dirty))

    def take_answer(self, feed: Callable[[LedgerSaved], None]) -> None:
        """Read the answer that made `fd` readable."""
        why = os.read(self.fd, ANSWER_SIZE).decode(errors="replace").rstrip("\0")
        feed(LedgerSaved(not why, why))

    def _serve(self) -> None:
        scheduling.apply_to_self(self._class)
        while True:
            last_epoch, dirty = _RECORD.unpack(os.read(self._work, _RECORD.size))
            why = ""
            try:
                self._file.save(Ledger(last_epoch, bool(dirty)))
            except OSError as error:
                why = f"{self._file.path}: {error.strerror}"
            os.write(self._answer, (why.encode() or b"\0")[:ANSWER_SIZE])
