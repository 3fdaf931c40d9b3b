"""The guardian's own durable record: the last epoch, and whether a de-escalation hook is owed.

Two slots in one file (watchdog.slots).  Rule: after a write or a sync that failed the descriptor
is never believed again; the next save opens the file anew and writes both slots.
"""

import contextlib
import errno
import os
import stat
import struct
from typing import Final

from watchdog import slots
from watchdog.guardian.actions import Ledger

FILE: Final = "guardian.ledger"
_RECORD: Final = struct.Struct(">QB")


class LedgerError(Exception):
    """The file itself cannot be used; the text says why and what to do."""


class LedgerFile:
    """`load` first; then `save` from one thread at a time."""

    def __init__(self, data_dir: str, cluster_id: bytes, node: str) -> None:
        self.path = os.path.join(data_dir, FILE)
        self._cluster_id = cluster_id
        self._node = node
        self._seq = 0
        self._slot = 0
        self._is_sound = False
        self._fd = -1

    def load(self) -> tuple[Ledger, str]:
        """What is on disk, and what an operator should know about it. Raises LedgerError."""
        try:
            self._open()
            # Before it is filled up: a file that was cut off has lost a record, and must tell.
            raw = os.pread(self._fd, slots.FILE_SIZE, 0)
            self._allocate()
        except OSError as error:
            self._close()
            raise LedgerError(f"cannot use {self.path}: {_explain(error)}") from None
        loaded = slots.choose(raw, self._cluster_id, self._node)
        if loaded.fault is slots.Fault.FOREIGN:
            raise LedgerError(
                f"{self.path}: {loaded.detail}; this node is {self._node}: give it its own "
                f"cluster.data_dir, or remove the file if that node is gone for good"
            )
        if loaded.payload is not None and len(loaded.payload) != _RECORD.size:
            raise LedgerError(
                f"{self.path}: a record of {len(loaded.payload)} bytes, not {_RECORD.size}: "
                "another version of quorumdog wrote it; run that one, or remove the file if "
                "its VIPs are off and no hook is owed"
            )
        self._seq, self._slot = loaded.seq, loaded.next_slot
        self._is_sound = loaded.fault is None
        if loaded.fault is slots.Fault.DAMAGED:
            # What it said is unknown: the epoch found is a floor, and a hook may be owed.
            epoch = _unpack(loaded.payload).last_epoch if loaded.payload else 0
            note = f"{self.path} is damaged ({loaded.detail}); it is written anew"
            return Ledger(epoch, dirty=True), note
        return (_unpack(loaded.payload) if loaded.payload else Ledger(0, dirty=False)), ""

    def save(self, ledger: Ledger) -> None:
        """Make the record durable. Raises OSError."""
        try:
            self._open()
            copies = 1 if self._is_sound else slots.SLOTS
            self._is_sound = False
            for _ in range(copies):
                self._write(_RECORD.pack(ledger.last_epoch, ledger.dirty))
            self._is_sound = True
        except OSError:
            self._close()
            raise

    def _write(self, payload: bytes) -> None:
        self._seq += 1
        data = slots.encode(self._seq, payload, self._cluster_id, self._node)
        written = os.pwrite(self._fd, data, slots.offset(self._slot))
        if written != len(data):
            raise OSError(0, "short write")
        os.fdatasync(self._fd)
        self._slot = 1 - self._slot

    def _open(self) -> None:
        if self._fd >= 0:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(self.path, flags, 0o600)
        fault = _fault_of(os.fstat(fd))
        if fault:
            os.close(fd)
            raise OSError(errno.EPERM, fault)
        self._fd = fd

    def _allocate(self) -> None:
        """All blocks now, so that a later save does not find the disk full."""
        with contextlib.suppress(OSError):
            os.posix_fallocate(self._fd, 0, slots.FILE_SIZE)

    def _close(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = -1


def _fault_of(status: os.stat_result) -> str:
    """Why a file may not be trusted: its directory is the node's, so anybody may have put it."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file; move it away"
    if status.st_uid != os.geteuid():
        owner, mine = status.st_uid, os.geteuid()
        return f"it belongs to uid {owner}, not to {mine}; chown it back if you know why"
    if status.st_mode & 0o022:
        mode = stat.S_IMODE(status.st_mode)
        return f"its mode {mode:04o} lets others change it; chmod 600 it, if it is what you expect"
    if status.st_nlink != 1:
        return f"it has {status.st_nlink} names, so it may be some other file too; remove this one"
    return ""


def _explain(error: OSError) -> str:
    match error.errno:
        case errno.ELOOP:
            return "it is a symbolic link; put the file itself there, or remove the link"
        case errno.EISDIR:
            return "it is a directory; move it away"
        case errno.EPERM if error.strerror:
            return error.strerror
        case _:
            return f"{error.strerror}; it must be a file that only this service can write"


def _unpack(payload: bytes) -> Ledger:
    last_epoch, dirty = _RECORD.unpack(payload)
    return Ledger(last_epoch, bool(dirty))
