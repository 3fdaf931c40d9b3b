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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog import slots
from watchdog.core.effects import HardState
from watchdog.core.events import Saved, SaveFailed
from watchdog.shell.disk import Disk, FileFacts, RealDisk, kind_of
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


@dataclass(slots=True)
class _Place:
    """Where the next record goes."""

    seq: int
    slot: int
    heals: bool
    """Whether the other slot must be overwritten too, because its contents were damaged."""


class Storage:
    """The state file in `directory`. `load` once, then `start`; `save` never waits."""

    def __init__(
        self,
        directory: Path,
        cluster_id: bytes,
        node: str,
        disk: Disk | None = None,
    ) -> None:
        self._path = directory / FILE_NAME
        self._cluster_id = cluster_id
        self._node = node
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
            raw = self._disk.read(descriptor, slots.FILE_SIZE + 1)
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
                return LoadedState(record, amnesiac=True, note=note)

    def _open(self) -> int:
        try:
            descriptor = self._disk.open(FILE_NAME, create=False)
        except FileNotFoundError:
            descriptor = self._disk.open(FILE_NAME, create=True)
        self._descriptor = descriptor
        facts = self._disk.facts(descriptor)
        self._check(facts)
        if facts.size < slots.FILE_SIZE:
            # All blocks now: a later save must not find the disk full.
            self._disk.allocate(descriptor, slots.FILE_SIZE)
            self._disk.sync(descriptor)
            self._disk.sync_directory()
        return descriptor

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

    def start(self, answer: Callable[[Saved | SaveFailed], None]) -> None:
        """Start the thread; `answer` is called on the running event loop, once for each save."""
        loop = asyncio.get_running_loop()

        def deliver(event: Saved | SaveFailed) -> None:
            # The loop may have been closed while a slow disk held us up: nobody is left to tell.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(answer, event)

        self._worker = threading.Thread(
            target=self._work, args=(deliver,), name="storage", daemon=True
        )
        self._worker.start()

    def save(self, ticket: int, record: HardState) -> None:
        """Make `record` durable in the background; answered by Saved or SaveFailed."""
        self._queue.put_nowait((ticket, record))

    def stop(self, timeout_s: float) -> None:
        """Finish what is queued, for at most `timeout_s` seconds."""
        if self._worker is not None:
            self._queue.put_nowait(None)
            self._worker.join(timeout_s)

    def _work(self, deliver: Callable[[Saved | SaveFailed], None]) -> None:
        while (job := self._queue.get()) is not None:
            ticket, record = job
            try:
                self.write(record)
            except StateFileError as error:
                deliver(SaveFailed(ticket, str(error)))
            except OSError as error:
                why = f"{self._path}: {(error.strerror or str(error)).lower()}"
                deliver(SaveFailed(ticket, why))
            else:
                deliver(Saved(ticket))

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
