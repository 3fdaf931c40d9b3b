"""A watchdog without hardware: a terminal takes the bytes, a function answers as its driver.

A terminal, because it is a character device that anybody may make, and its other side sees what
was written and that it was closed.
"""

import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import readable
from watchdog.guardian import hardware_watchdog as hw


class Device:
    """What the hardware knows: its timeout, and what it was told."""

    def __init__(self, least_s: int = 1, most_s: int = 60, options: int = 0x8180) -> None:
        self._far, self._near = os.openpty()
        tty.setraw(self._far)
        self.path = os.ttyname(self._near)
        self.least_s, self.most_s, self.options = least_s, most_s, options
        self.timeout_s = most_s
        self.is_silent = False

    def control(self, _fd: int, request: int, argument: bytes) -> bytes:
        """Answer as a driver does: rounding, or not at all."""
        if self.is_silent:
            raise OSError(25, "Inappropriate ioctl for device")
        if request == hw.GETSUPPORT:
            return self.options.to_bytes(4, "little") + bytes(36)
        if request == hw.SETTIMEOUT:
            wanted = int.from_bytes(argument, "little")
            self.timeout_s = min(self.most_s, max(self.least_s, wanted))
        else:
            assert request == hw.GETTIMEOUT
        return self.timeout_s.to_bytes(4, "little")

    def told(self) -> bytes:
        """Everything written since the last look."""
        found = b""
        while readable(0.05, self._far):
            found += os.read(self._far, 100)
        return found

    def is_open(self) -> bool:
        """Whether this process has it open beside our own descriptor."""
        links = list(Path("/proc/self/fd").iterdir())
        return sum(link.is_symlink() and str(link.readlink()) == self.path for link in links) > 1

    def class_folder(self, folder: Path, **attributes: str) -> str:
        """What /sys/class/watchdog would have of it."""
        there = folder / "watchdog7"
        there.mkdir()
        rdev = Path(self.path).stat().st_rdev
        numbers = {"dev": f"{os.major(rdev)}:{os.minor(rdev)}"}
        for name, value in {**numbers, **attributes}.items():
            (there / name).write_text(f"{value}\n", encoding="ascii")
        return str(folder)

    def close(self) -> None:
        """Pull it out."""
        os.close(self._near)
        os.close(self._far)


@contextmanager
def device(least_s: int = 1, most_s: int = 60, options: int = 0x8180) -> Iterator[Device]:
    """A device whose driver the module asks instead of the kernel."""
    made, before = Device(least_s, most_s, options), hw.control
    hw.control = made.control
    try:
        yield made
    finally:
        hw.control = before
        made.close()
