"""The few system calls that the state file needs, behind an interface that tests can break.

`storage.RealDisk` is the real one.  Every method may raise OSError.
"""

import stat
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What fstat says about the file."""

    mode: int
    uid: int
    size: int


class Disk(Protocol):
    """One directory and the files in it, by name."""

    def open(self, name: str, *, create: bool) -> int:
        """A descriptor to read and write; never follows a link, never blocks on a fifo."""

    def facts(self, descriptor: int) -> FileFacts:
        """What kind of file it is, whose, and how long."""

    def read(self, descriptor: int, size: int) -> bytes:
        """The first `size` bytes of the file, or fewer when it is shorter."""

    def write(self, descriptor: int, data: bytes, offset: int) -> int:
        """Write at `offset`; how many bytes were taken."""

    def allocate(self, descriptor: int, size: int) -> None:
        """Give the file its blocks, so that no later write can find the disk full."""

    def cut(self, descriptor: int, size: int) -> None:
        """Take away what lies beyond `size`."""

    def sync(self, descriptor: int) -> None:
        """Return when the file's data are durable."""

    def sync_directory(self) -> None:
        """Return when the name of a new file is durable."""

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""


def kind_of(mode: int) -> str:
    """The kind of file in words, for a message to an operator."""
    if stat.S_ISDIR(mode):
        return "a directory"
    if stat.S_ISFIFO(mode):
        return "a fifo"
    if stat.S_ISSOCK(mode):
        return "a socket"
    if stat.S_ISREG(mode):
        return "a file"
    return "a device"
