"""The hardware watchdog, on a terminal that plays the device and a function that plays its driver.

No test opens a real one.
"""

import fcntl
import os
from pathlib import Path

import pytest

from tests.shell.watchdog_device import device
from watchdog.guardian import hardware_watchdog as hw
from watchdog.guardian.hardware_watchdog import HardwareWatchdog, trial


def test_nothing_is_opened_before_the_first_pet() -> None:
    """Opening arms it, and a node that is off must not be reset."""
    with device() as made:
        dog = HardwareWatchdog(made.path, 2)
        assert not dog.is_armed
        assert dog.close() == ""
        assert not made.is_open()
        assert made.told() == b""


def test_the_first_pet_arms_with_the_timeout_of_the_file() -> None:
    """The timeout of the driver is a minute: by then another node has been on for long."""
    with device() as made:
        dog = HardwareWatchdog(made.path, 2)
        assert dog.pet() == ""
        assert dog.is_armed
        assert made.timeout_s == 2
        assert dog.pet() == ""
        assert made.told() == b"\0\0"
        dog.close()


def test_it_is_closed_with_the_magic_character_and_may_be_armed_again() -> None:
    """Off is off: the machine goes on, and the next escalation is guarded anew."""
    with device() as made:
        dog = HardwareWatchdog(made.path, 2)
        dog.pet()
        assert dog.close() == ""
        assert not dog.is_armed
        assert not made.is_open()
        assert made.told() == b"\0V"
        assert dog.pet() == ""
        assert dog.close() == ""
        assert made.told() == b"\0V"


def test_no_child_inherits_it() -> None:
    """A hook that held it open would keep the close from disarming it."""
    with device() as made:
        dog = HardwareWatchdog(made.path, 2)
        dog.pet()
        flags = fcntl.fcntl(dog._fd, fcntl.F_GETFD)
        assert flags & fcntl.FD_CLOEXEC
        assert fcntl.fcntl(dog._fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
        dog.close()


@pytest.mark.parametrize(
    ("least_s", "most_s", "options", "sentence"),
    [
        (5, 60, 0x8180, 'it has 5 s; write cluster.watchdog_timeout = "5s" on all nodes'),
        (1, 1, 0x8180, 'it has 1 s; write cluster.watchdog_timeout = "1s" on all nodes'),
        (1, 60, 0x8100, "cannot do a timeout of 2 s, it has 60 s"),
        (1, 60, 0x8080, "has no magic close: were the guardian killed"),
    ],
)
def test_a_device_that_cannot_do_it_is_refused_and_disarmed(
    least_s: int, most_s: int, options: int, sentence: str
) -> None:
    """A reset that comes later than `hard` protects nobody; one that is not asked for, neither."""
    with device(least_s, most_s, options) as made:
        dog = HardwareWatchdog(made.path, 2)
        fault = dog.pet()
        assert fault.startswith(f"{made.path} ")
        assert sentence in fault
        assert not dog.is_armed
        assert not made.is_open()
        assert made.told() == b"V"


def test_a_device_with_a_fixed_timeout_is_used_if_it_fits() -> None:
    """Not every driver can set it."""
    with device(most_s=2, options=0x8100) as made:
        dog = HardwareWatchdog(made.path, 2)
        assert dog.pet() == ""
        dog.close()


def test_what_is_no_watchdog_is_refused() -> None:
    """The real ioctl, on a terminal."""
    with device() as made:
        hw.control = hw._ioctl
        assert (
            "does not answer as a watchdog does: Inappropriate ioctl"
            in HardwareWatchdog(made.path, 2).pet()
        )


def test_a_device_that_is_not_there_is_a_fault_and_asked_again(tmp_path: Path) -> None:
    """A driver may be loaded later; a pet never raises."""
    dog = HardwareWatchdog(str(tmp_path / "watchdog"), 2)
    assert "cannot be opened: No such file" in dog.pet()
    assert "cannot be opened: No such file" in dog.pet()
    assert not dog.is_armed


def test_a_device_that_somebody_else_has_is_named_with_who_that_may_be() -> None:
    """systemd takes it when RuntimeWatchdogSec is set."""
    why = hw._why_not_opened(OSError(16, "Device or resource busy"))
    assert "RuntimeWatchdogSec=" in why


def test_a_pet_that_fails_says_what_will_happen() -> None:
    """It is armed, and nobody can put it off any more."""
    with device() as made:
        dog = HardwareWatchdog(made.path, 2)
        dog.pet()
        os.close(dog._fd)
        assert "cannot be petted: Bad file descriptor; it will reset" in dog.pet()
        assert dog.is_armed
        dog._fd = os.open("/dev/full", os.O_WRONLY)
        assert "cannot be disarmed: No space left" in dog.close()
        assert not dog.is_armed


def test_a_device_that_goes_on_after_its_close_is_told(tmp_path: Path) -> None:
    """Somebody loaded the driver anew, with nowayout."""
    with device() as made:
        dog = HardwareWatchdog(made.path, 2, made.class_folder(tmp_path, nowayout="1"))
        dog.pet()
        assert "has nowayout: it goes on" in dog.close()


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"nowayout": "1"}, "once armed it cannot be disarmed"),
        ({"nowayout": "0", "min_timeout": "3", "max_timeout": "9"}, "it has 3 s"),
        ({"nowayout": "0", "min_timeout": "0", "max_timeout": "1"}, "it has 1 s"),
    ],
)
def test_what_the_kernel_says_is_enough_to_refuse_without_opening(
    attributes: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    """At the start, so that nobody learns of it in the first failover."""
    with device() as made:
        fault = trial(made.path, 2, made.class_folder(tmp_path, **attributes))
        assert sentence in fault
        assert made.told() == b""


def test_a_start_tries_a_device_that_can_be_disarmed_again(tmp_path: Path) -> None:
    """Whether somebody else has it shows only when it is opened."""
    with device() as made:
        sysfs = made.class_folder(tmp_path, nowayout="0", min_timeout="1", max_timeout="0")
        assert trial(made.path, 2, sysfs) == ""
        assert made.told() == b"\0V"
        assert not made.is_open()
        made.options = 0x8080
        assert "has no magic close" in trial(made.path, 2, sysfs)
        assert made.told() == b"V"


def test_a_start_opens_nothing_where_the_kernel_does_not_say_that_it_can_be_disarmed(
    tmp_path: Path,
) -> None:
    """With nowayout the trial itself would be the reset."""
    with device() as made:
        assert trial(made.path, 2, str(tmp_path)) == ""
        assert trial(made.path, 2, str(tmp_path / "none")) == ""
        assert made.told() == b""


def test_a_start_refuses_what_is_no_device(tmp_path: Path) -> None:
    """A path that was misspelt, and one of another kind of file."""
    assert "is not there (No such file" in trial(str(tmp_path / "watchdgo"), 2)
    (tmp_path / "file").touch()
    assert "is no device" in trial(str(tmp_path / "file"), 2)
