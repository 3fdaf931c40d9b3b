"""The hardware watchdog: a timer outside our reach that resets this machine unless it is petted.

Rule: opened at the first pet, because opening arms it, and closed with the magic `V`, which
disarms it.  When to pet is decided elsewhere (docs/election.md, I5).  Theory: the kernel's
Documentation/watchdog/watchdog-api; a device without magic close is disarmed by every close, one
with `nowayout` by none.
"""

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

GETSUPPORT: Final = 0x80285700
SETTIMEOUT: Final = 0xC0045706
GETTIMEOUT: Final = 0x80045707
CAN_SET_TIMEOUT: Final = 0x0080
CAN_MAGIC_CLOSE: Final = 0x0100
MAGIC: Final = b"V"
CLASSES: Final = "/sys/class/watchdog"
_INFO: Final = struct.Struct("=II32s")
_SECONDS: Final = struct.Struct("=i")
_LEGACY: Final = (10, 130)
"""Numbers of /dev/watchdog, another name of /dev/watchdog0."""

Control = Callable[[int, int, bytes], bytes]
"""As fcntl.ioctl with bytes: the request's argument in, and out."""


def _ioctl(fd: int, request: int, argument: bytes) -> bytes:
    return fcntl.ioctl(fd, request, argument)


control: Control = _ioctl
"""Asks a device; another one only in tests, where no device is."""


class HardwareWatchdog:
    """One device; every method returns what is wrong, or an empty text."""

    def __init__(self, path: str, timeout_s: int, classes: str = CLASSES) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._classes = classes
        self._fd = -1

    @property
    def is_armed(self) -> bool:
        """Whether the machine is reset unless somebody pets."""
        return self._fd >= 0

    def pet(self) -> str:
        """Put the reset off by the timeout, from now; arm it first if it is not armed."""
        fault = "" if self.is_armed else self._arm()
        if fault:
            return fault
        try:
            os.write(self._fd, b"\0")
        except OSError as error:
            return f"{self._path} cannot be petted: {error.strerror}; it will reset this machine"
        return ""

    def close(self) -> str:
        """Disarm it, if it is armed."""
        if not self.is_armed:
            return ""
        fd, self._fd = self._fd, -1
        fault = _disarm(fd)
        if fault:
            return f"{self._path} cannot be disarmed: {fault}; it will reset this machine"
        if _attribute(self._path, "nowayout", self._classes) == "1":
            return f"{self._path} has nowayout: it goes on, and will reset this machine"
        return ""

    def _arm(self) -> str:
        """Open it and set its timeout; what cannot do that is disarmed again."""
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            return f"{self._path} cannot be opened: {_why_not_opened(error)}"
        fault = _set_up(fd, self._timeout_s)
        if fault:
            left = _disarm(fd)
            return f"{self._path} {fault}" + (
                f"; and it cannot be disarmed: {left}" if left else ""
            )
        self._fd = fd
        return ""


def trial(path: str, timeout_s: int, classes: str = CLASSES) -> str:
    """Why this device cannot be used, or an empty text.

    It is opened for a moment where the kernel says that it can be disarmed again; elsewhere only
    the first pet will tell.
    """
    fault = _node_fault(path) or _class_fault(path, timeout_s, classes)
    if fault:
        return f"{path} {fault}"
    if _attribute(path, "nowayout", classes) != "0":
        return ""
    device = HardwareWatchdog(path, timeout_s, classes)
    fault = device.pet()
    left = device.close()
    return fault or left


def _node_fault(path: str) -> str:
    """What can be seen of the file alone."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return (
            f"is not there ({error.strerror}); load the driver of the machine's watchdog "
            f"(`wdctl` shows what there is; softdog is the kernel's own, in software)"
        )
    if not stat.S_ISCHR(mode):
        return "is no device"
    if not os.access(path, os.W_OK):
        return "may not be written to by this user; run the guardian as root"
    return ""


def _class_fault(path: str, timeout_s: int, classes: str) -> str:
    """What the kernel says of the device without it being opened."""
    if _attribute(path, "nowayout", classes) == "1":
        return (
            "has nowayout: once armed it cannot be disarmed, so every orderly step down would "
            "reset this machine; load its driver with nowayout=0"
        )
    least, most = (_attribute(path, name, classes) for name in ("min_timeout", "max_timeout"))
    if least.isdecimal() and int(least) > timeout_s:
        return _wrong_timeout(timeout_s, int(least))
    if most.isdecimal() and 0 < int(most) < timeout_s:
        return _wrong_timeout(timeout_s, int(most))
    return ""


def _attribute(path: str, name: str, classes: str) -> str:
    """What the kernel says of the device, or an empty text where it says nothing."""
    try:
        folder = _folder(path, Path(classes))
        return (folder / name).read_text(encoding="ascii").strip() if folder else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _folder(path: str, classes: Path) -> Path | None:
    device = os.stat(path).st_rdev
    numbers = os.major(device), os.minor(device)
    if numbers == _LEGACY:
        return classes / "watchdog0"
    wanted = f"{numbers[0]}:{numbers[1]}"
    for folder in classes.iterdir():
        if (folder / "dev").read_text(encoding="ascii").strip() == wanted:
            return folder
    return None


def _set_up(fd: int, timeout_s: int) -> str:
    """Set the timeout of an open device; why it cannot be used."""
    try:
        options, _, _ = _INFO.unpack(control(fd, GETSUPPORT, bytes(_INFO.size)))
        if not options & CAN_MAGIC_CLOSE:
            return (
                "has no magic close: were the guardian killed, the device would be disarmed with "
                "it and reset nothing; use another device"
            )
        if options & CAN_SET_TIMEOUT:
            _set_timeout(fd, timeout_s)
        (found_s,) = _SECONDS.unpack(control(fd, GETTIMEOUT, bytes(_SECONDS.size)))
    except OSError as error:
        return f"does not answer as a watchdog does: {error.strerror}"
    return "" if found_s == timeout_s else _wrong_timeout(timeout_s, found_s)


def _set_timeout(fd: int, timeout_s: int) -> None:
    try:
        control(fd, SETTIMEOUT, _SECONDS.pack(timeout_s))
    except OSError:
        return  # what it has instead is read next, and said


def _wrong_timeout(wanted_s: int, found_s: int) -> str:
    return (
        f"cannot do a timeout of {wanted_s} s, it has {found_s} s; write cluster.watchdog_timeout "
        f'= "{found_s}s" on all nodes (`hard` follows), or use another device'
    )


def _disarm(fd: int) -> str:
    """Close it with the magic character; it is closed in any case."""
    try:
        os.write(fd, MAGIC)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        os.close(fd)
    return ""


def _why_not_opened(error: OSError) -> str:
    if error.errno == errno.EBUSY:
        return (
            "somebody else has it, and a watchdog has one owner; look at RuntimeWatchdogSec= in "
            "/etc/systemd/system.conf, at watchdogd and sbd"
        )
    return error.strerror or str(error)
