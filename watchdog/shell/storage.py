"""What this node must not forget, on disk: two slots of one file, written in turn.

Rules: a record is saved when fdatasync has said so, and not before.  After any failure nothing that
the descriptor says is believed again: the next record goes to a new one.  The slot that holds the
newest record is never touched.  Damage is amnesia and heals itself; a file that is not ours to
write, or of another cluster, is refused with the way out (docs/election.md, "Persistent state").
"""

import asyncio
import contextlib
import errno
import os
import queue
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog import slots
from watchdog.core.effects import HardState
from watchdog.core.events import Saved, SaveFailed
from watchdog.shell.disk import Disk, FileFacts, kind_of
from watchdog.shell.sink import EventSink
from watchdog.wire.record import RecordError, pack_record, unpack_record

FILE_NAME: Final = "state"
QUEUE_MAX: Final = 16
"""The core has one record in flight at most; more is a bug."""


class StateFileError(Exception):
    """The state file cannot be used; the text says which, why, and what to do next."""


@dataclass(frozen=True, slots=True)
class LoadedState:
    """What the file said: a record that is only a floor when `amnesiac`; `note` is for the log."""

    record: HardState | None
    amnesiac: bool
    note: str
    is_damaged: bool = False
    """Whether something was there that could not be read: an operator should ask the disk why."""


@dataclass(slots=True)
class _Place:
    """Where the next record goes."""

    seq: int
    slot: int
    heals: bool
    """Whether the other slot must be overwritten too, because its contents were damaged."""


class Storage:
    """The state file in `directory`. `load` first; `save` never waits."""

    def __init__(
        self,
        directory: Path,
        cluster_id: bytes,
        node: str,
        inbox: EventSink,
        disk: Disk | None = None,
    ) -> None:
        self._path = directory / FILE_NAME
        self._cluster_id = cluster_id
        self._node = node
        self._inbox = inbox
        self._disk = RealDisk(directory) if disk is None else disk
        self._descriptor: int | None = None
        self._place: _Place | None = None
        self._queue: queue.Queue[tuple[int, HardState] | None] = queue.Queue(QUEUE_MAX)
        self._worker: threading.Thread | None = None

    # -- loading: before the event loop does anything else --------------------------------------

    def load(self) -> LoadedState:
        """Read the file, or make an empty one; StateFileError when it cannot be used."""
        try:
            descriptor = self._open()
            # Before it is filled up: a file that was cut off has lost a record, and must tell.
            raw = self._disk.read(descriptor, slots.FILE_SIZE + 1)
            self._fill_up(descriptor)
        except OSError as error:
            self._give_up_descriptor()
            raise StateFileError(self._open_fault(error)) from error
        except StateFileError:
            self._give_up_descriptor()
            raise
        loaded = slots.choose(raw, self._cluster_id, self._node)
        if loaded.fault is slots.Fault.FOREIGN:
            raise StateFileError(
                f"{self._path} is not this node's: {loaded.detail}; if this machine now belongs "
                f"here for good, move the file away (the node then recovers from its peers), "
                f"else correct [cluster] name, data_dir or --node"
            )
        record = self._unpack(loaded.payload)
        self._place = _Place(loaded.seq + 1, loaded.next_slot, loaded.fault is not None)
        return self._judge(loaded, record)

    def _judge(self, loaded: slots.Loaded, record: HardState | None) -> LoadedState:
        match loaded.fault:
            case slots.Fault.BLANK:
                note = f"{self._path} is blank: this node asks its peers what it must not forget"
                return LoadedState(None, amnesiac=True, note=note)
            case None if record is not None:
                return LoadedState(record, amnesiac=False, note="")
            case _:
                note = f"{self._path} is damaged ({loaded.detail}): this node asks its peers"
                return LoadedState(record, amnesiac=True, note=note, is_damaged=True)

    def _open(self) -> int:
        try:
            descriptor = self._disk.open(FILE_NAME, create=False)
        except FileNotFoundError:
            descriptor = self._disk.open(FILE_NAME, create=True)
        self._descriptor = descriptor
        self._check(self._disk.facts(descriptor))
        return descriptor

    def _fill_up(self, descriptor: int) -> None:
        """All blocks now: a later save must not find the disk full."""
        if self._disk.facts(descriptor).size >= slots.FILE_SIZE:
            return
        self._disk.allocate(descriptor, slots.FILE_SIZE)
        self._disk.sync(descriptor)
        self._disk.sync_directory()

    def _check(self, facts: FileFacts) -> None:
        if not stat.S_ISREG(facts.mode):
            raise StateFileError(f"{self._path} is {kind_of(facts.mode)}, not a file: move it away")
        if facts.uid != os.geteuid():
            raise StateFileError(
                f"{self._path} belongs to uid {facts.uid}, but this node runs as uid "
                f"{os.geteuid()}: chown {os.geteuid()} {self._path}"
            )
        if facts.mode & 0o077:
            mode = stat.S_IMODE(facts.mode)
            raise StateFileError(
                f"{self._path} has mode {mode:04o}, so others could change it: "
                f"chmod 600 {self._path}"
            )

    def _open_fault(self, error: OSError) -> str:
        where = f"{self._path}: {(error.strerror or str(error)).lower()}"
        match error.errno:
            case errno.ELOOP:
                return f"{self._path} is a symbolic link: put the file itself there"
            case errno.EISDIR:
                return f"{self._path} is a directory, not a file: move it away"
            case errno.ENXIO:
                return f"{self._path} is a socket or a device, not a file: move it away"
            case errno.ENOENT | errno.ENOTDIR:
                return f"{where}; make the directory, or correct [cluster] data_dir"
            case errno.EACCES | errno.EPERM:
                return f"{where}; it must belong to the user of this node (uid {os.geteuid()})"
            case errno.EROFS:
                return f"{where}; the node must be able to write here: remount, or set data_dir"
            case errno.ENOSPC | errno.EDQUOT:
                return f"{where}; the file needs {slots.FILE_SIZE} bytes: free some space"
            case _:
                return f"{where}; look at the disk (dmesg), or move data_dir to another one"

    def _unpack(self, payload: bytes | None) -> HardState | None:
        if payload is None:
            return None
        try:
            return unpack_record(payload)
        except RecordError as error:
            raise StateFileError(
                f"{self._path} cannot be read by this version: {error}; install the version that "
                f"wrote it, or move the file away (the node then recovers from its peers)"
            ) from error

    # -- saving: one thread, in order ------------------------------------------------------------

    def save(self, ticket: int, record: HardState) -> None:
        """Make `record` durable in the background; the inbox gets Saved or SaveFailed."""
        if self._worker is None:
            loop = asyncio.get_running_loop()
            self._worker = threading.Thread(
                target=self._work, args=(loop,), name="storage", daemon=True
            )
            self._worker.start()
        self._queue.put_nowait((ticket, record))

    def stop(self, timeout_s: float) -> None:
        """Finish what is queued, for at most `timeout_s` seconds."""
        if self._worker is not None:
            self._queue.put_nowait(None)
            self._worker.join(timeout_s)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (job := self._queue.get()) is not None:
            answer = self._answer(*job)
            # The loop may have been closed while a slow disk held us up: nobody is left to tell.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._inbox.put_local, answer)

    def _answer(self, ticket: int, record: HardState) -> Saved | SaveFailed:
        try:
            self.write(record)
        except StateFileError as error:
            return SaveFailed(ticket, str(error))
        except OSError as error:
            return SaveFailed(ticket, f"{self._path}: {(error.strerror or str(error)).lower()}")
        return Saved(ticket)

    def write(self, record: HardState) -> None:
        """Make `record` durable now; OSError or StateFileError when it may not be."""
        place = self._place
        assert place is not None, "load comes first"
        payload = pack_record(record)
        try:
            descriptor = self._reopened()
            self._write_slot(descriptor, place.slot, place.seq, payload)
            if place.heals:
                self._disk.cut(descriptor, slots.FILE_SIZE)
                # Else the next start would find the damage again, and call it amnesia again.
                self._write_slot(descriptor, 1 - place.slot, place.seq + 1, payload)
        except (OSError, StateFileError):
            self._give_up_descriptor()
            raise
        if place.heals:
            self._place = _Place(place.seq + 2, place.slot, heals=False)
        else:
            self._place = _Place(place.seq + 1, 1 - place.slot, heals=False)

    def _reopened(self) -> int:
        if self._descriptor is None:
            self._open()
        assert self._descriptor is not None
        return self._descriptor

    def _write_slot(self, descriptor: int, slot: int, seq: int, payload: bytes) -> None:
        data = slots.encode(seq, payload, self._cluster_id, self._node)
        written = self._disk.write(descriptor, data, slots.offset(slot))
        if written != len(data):
            raise OSError(errno.EIO, f"only {written} of {len(data)} bytes were written")
        self._disk.sync(descriptor)

    def _give_up_descriptor(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):  # it is gone either way
                self._disk.close(descriptor)


class RealDisk:
    """The directory `path` on the real disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, name: str, *, create: bool) -> int:
        """A descriptor to read and write; never follows a link, never blocks on a fifo."""
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        flags |= os.O_CREAT | os.O_EXCL if create else 0
        return os.open(self._path / name, flags, 0o600)

    def facts(self, descriptor: int) -> FileFacts:
        """What kind of file it is, whose, and how long."""
        status = os.fstat(descriptor)
        return FileFacts(status.st_mode, status.st_uid, status.st_size)

    def read(self, descriptor: int, size: int) -> bytes:
        """The first `size` bytes of the file, or fewer when it is shorter."""
        parts: list[bytes] = []
        offset = 0
        while offset < size and (part := os.pread(descriptor, size - offset, offset)):
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def write(self, descriptor: int, data: bytes, offset: int) -> int:
        """Write at `offset`; how many bytes were taken."""
        return os.pwrite(descriptor, data, offset)

    def allocate(self, descriptor: int, size: int) -> None:
        """Give the file its blocks, so that no later write can find the disk full."""
        os.posix_fallocate(descriptor, 0, size)

    def cut(self, descriptor: int, size: int) -> None:
        """Take away what lies beyond `size`."""
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        """Return when the file's data are durable."""
        os.fdatasync(descriptor)

    def sync_directory(self) -> None:
        """Return when the name of a new file is durable."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""
        os.close(descriptor)
