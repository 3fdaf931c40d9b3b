"""The system calls that Python does not offer."""

import os

import pytest

from tests.support import readable
from watchdog.guardian import clock, libc
from watchdog.instant import MS


def test_the_timer_fires_at_an_instant_and_is_cleared() -> None:
    """By CLOCK_BOOTTIME."""
    timer = clock.Timer()
    timer.arm(clock.now().boot_ns + 5 * MS)
    assert readable(5, timer.fd)
    timer.clear()
    timer.clear()
    assert not readable(0, timer.fd)
    timer.arm(clock.now().boot_ns + 5 * MS)
    timer.arm(None)
    assert not readable(0.02, timer.fd)
    os.close(timer.fd)


def test_a_failure_is_an_os_error() -> None:
    """With the call's name."""
    with pytest.raises(OSError, match="timerfd_settime"):
        libc.timerfd_settime(-1, 1)
