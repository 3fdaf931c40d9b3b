"""A disk in memory that forgets what was not synced, tears what was, and fails when told."""

import errno
import os
import stat
from dataclasses import dataclass, field

from watchdog.core.events import Event, MessageReceived
from watchdog.shell.disk import FileFacts
from watchdog.slots import SECTOR_SIZE


@dataclass
class FakeDisk:
    """One directory with at most one file; implements `watchdog.shell.disk.Disk`.

    `seen` is what a reader sees (page cache), `durable` what survives a power cut.
    `fail_at` names the call (counted from 1) that fails with `failure`; a `failure` of 0 makes
    a write take only half of its bytes.
    """

    seen: bytearray | None = None
    durable: bytearray | None = None
    fail_at: int = 0
    failure: int = errno.EIO
    calls: list[str] = field(default_factory=list)
    unsynced: list[tuple[int, bytes]] = field(default_factory=list)

    def open(self, name: str, *, create: bool) -> int:
        """A new descriptor number."""
        self._call("create" if create else "open")
        if create:
            self.seen, self.durable = bytearray(), bytearray()
        elif self.seen is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return len(self.calls)

    def facts(self, descriptor: int) -> FileFacts:
        """An ordinary file of ours."""
        self._call("facts")
        assert self.seen is not None
        return FileFacts(stat.S_IFREG | 0o600, os.geteuid(), len(self.seen))

    def read(self, descriptor: int, size: int) -> bytes:
        """As a reader sees it."""
        self._call("read")
        assert self.seen is not None
        return bytes(self.seen[:size])

    def write(self, descriptor: int, data: bytes, offset: int) -> int:
        """Into the page cache."""
        taken = len(data) // 2 if self._call("write") else len(data)
        assert self.seen is not None
        self.seen[offset : offset + taken] = data[:taken]
        self.unsynced.append((offset, data[:taken]))
        return taken

    def allocate(self, descriptor: int, size: int) -> None:
        """Zeros to the end."""
        self._call("allocate")
        for copy in (self.seen, self.durable):
            assert copy is not None
            copy.extend(bytes(size - len(copy)))

    def cut(self, descriptor: int, size: int) -> None:
        """Shorten it."""
        self._call("cut")
        for copy in (self.seen, self.durable):
            assert copy is not None
            del copy[size:]

    def sync(self, descriptor: int) -> None:
        """Make it durable; a failed sync drops what it should have written, like Linux does."""
        try:
            self._call("sync")
        except OSError:
            self.unsynced.clear()
            raise
        assert self.seen is not None
        self.durable = bytearray(self.seen)
        self.unsynced.clear()

    def sync_directory(self) -> None:
        """The name is durable at once here."""
        self._call("sync_directory")

    def close(self, descriptor: int) -> None:
        """Nothing to do."""
        self.calls.append("close")

    def sectors(self) -> list[tuple[int, bytes]]:
        """The unsynced sectors that differ from what is durable: any subset may survive."""
        assert self.durable is not None
        found = []
        for offset, data in self.unsynced:
            for start in range(0, len(data), SECTOR_SIZE):
                sector = data[start : start + SECTOR_SIZE]
                if self.durable[offset + start : offset + start + len(sector)] != sector:
                    found.append((offset + start, sector))
        return found

    def after_power_cut(self, survivors: list[tuple[int, bytes]]) -> "FakeDisk":
        """The disk that the next start finds."""
        assert self.durable is not None
        left = bytearray(self.durable)
        for offset, sector in survivors:
            left[offset : offset + len(sector)] = sector
        return FakeDisk(seen=left, durable=bytearray(left))

    def _call(self, name: str) -> bool:
        """Count the call; True when it is to be a short write."""
        self.calls.append(name)
        if len([call for call in self.calls if call != "close"]) != self.fail_at:
            return False
        if self.failure:
            raise OSError(self.failure, os.strerror(self.failure))
        return name == "write"


class FakeInbox:
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def put_local(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def put_peer(self, event: MessageReceived) -> bool:
        """Keep it."""
        self.events.append(event)
        return True
