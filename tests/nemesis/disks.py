"""A small disk for one node's data: it can be full, hang, or fail so that it is read-only.

A file system of its own in a file (ext4 on a loop device), because only a real one turns read-only
under open files, as after an error of the hardware.
"""

import errno
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from watchdog.cli.demo.lab import LabError, run

SIZE: Final = 4 << 20
PIECE: Final = 1 << 16
_MODE: Final = 0o700


class Disk:
    """`image` is the file, `place` where it is mounted."""

    def __init__(self, image: Path, place: Path) -> None:
        self._image = image
        self._place = place
        self._is_mounted = False
        self._is_frozen = False

    def make(self) -> None:
        """Format and mount it."""
        with self._image.open("wb") as file:
            file.truncate(SIZE)
        run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(self._image)])
        self._place.mkdir(mode=_MODE)
        self.mount()

    def mount(self) -> None:
        """Put it in its place."""
        options = "loop,errors=remount-ro"
        run(["mount", "-o", options, str(self._image), str(self._place)])
        self._is_mounted = True

    def unmount(self) -> None:
        """Take it away; nothing has it open."""
        run(["umount", str(self._place)])
        self._is_mounted = False

    def repair(self) -> None:
        """What an operator does after an error: a copy on another disk, checked.

        The old one may be held by the mount namespace of somebody else for a long while.
        """
        self.unmount()
        fresh = self._image.with_name(self._image.name + "2")
        shutil.copyfile(self._image, fresh)
        self._image.unlink()
        self._image = fresh
        subprocess.run(["e2fsck", "-y", "-f", str(fresh)], capture_output=True, check=False)
        self.mount()

    def fill(self) -> int:
        """Use up every block; how many bytes that took."""
        taken = 0
        with (self._place / "filler").open("wb", buffering=0) as file:
            for _ in range(SIZE // PIECE + 1):
                try:
                    taken += file.write(bytes(PIECE)) or 0
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break
        return taken

    def empty(self) -> None:
        """Undo `fill`."""
        (self._place / "filler").unlink(missing_ok=True)

    def fail(self) -> bool:
        """An error: from now on every write is refused. Whether it is so."""
        device = run(["findmnt", "-n", "-o", "SOURCE", "--mountpoint", str(self._place)]).strip()
        trigger = Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error")
        run(["sync", "-f", str(self._place)])
        with suppress(OSError):
            trigger.write_text("1", encoding="ascii")
        try:
            (self._place / "trial").write_bytes(b"x")
        except OSError as error:
            return error.errno == errno.EROFS
        return False

    def freeze(self) -> None:
        """Every write waits."""
        run(["fsfreeze", "-f", str(self._place)])
        self._is_frozen = True

    def thaw(self) -> None:
        """Undo `freeze`."""
        if self._is_frozen:
            run(["fsfreeze", "-u", str(self._place)])
            self._is_frozen = False

    def remove(self) -> None:
        """Unmount, whatever happened."""
        with suppress(LabError):
            self.thaw()
        if self._is_mounted:
            subprocess.run(["umount", "-l", str(self._place)], capture_output=True, check=False)
