"""Calls that may hang, and a loop and a process that do not."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from lifecheck.probes.offload import NAME, HangingError, Offload
from tests.shell.probing import until
from tests.support import REPOSITORY


def _threads(but: set[threading.Thread]) -> int:
    return sum(thread.name == NAME and thread not in but for thread in threading.enumerate())


def test_what_the_call_returns_or_raises_comes_back() -> None:
    """The errors of the machine, and of what was found there."""

    def missing() -> int:
        raise FileNotFoundError(2, "x")

    async def story() -> None:
        offload: Offload[int] = Offload("looking")
        assert await offload.call(lambda: 7) == 7
        with pytest.raises(FileNotFoundError):
            await offload.call(missing)
        with pytest.raises(ValueError, match="invalid literal"):
            await offload.call(lambda: int("x"))
        assert await offload.call(lambda: 8) == 8

    asyncio.run(story())


def test_while_a_call_hangs_no_other_is_begun() -> None:
    """A dead mount must not collect a thread for every run."""
    release = threading.Event()

    async def story() -> None:
        before = set(threading.enumerate())  # of other tests, about to end
        offload: Offload[bool] = Offload("looking at /mount")
        for _ in range(3):
            with pytest.raises((TimeoutError, HangingError)):
                async with asyncio.timeout(0.02):
                    await offload.call(release.wait)
            assert _threads(before) == 1
        with pytest.raises(HangingError, match=r"looking at /mount has been hanging for 0 s"):
            await offload.call(release.wait)
        release.set()
        await until(lambda: _threads(before) == 0)
        assert await offload.call(release.wait), "it works again"
        await until(lambda: _threads(before) == 0)

    asyncio.run(story())


def test_what_comes_afterwards_waits_for_the_thread_and_nobody_for_it() -> None:
    """A descriptor belongs to the thread until it has come back."""
    release, closed = threading.Event(), threading.Event()

    async def story() -> None:
        offload: Offload[bool] = Offload("looking")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await offload.call(release.wait)
        offload.afterwards(closed.set)
        assert not closed.wait(0.05)
        release.set()
        assert closed.wait(5)

    asyncio.run(story())


def test_a_thread_that_comes_back_after_the_loop_has_ended_is_no_fault() -> None:
    """It finds nobody to tell."""
    release = threading.Event()

    async def story() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await Offload[bool]("looking").call(release.wait)

    asyncio.run(story())
    release.set()
    for thread in threading.enumerate():
        if thread.name == NAME:
            thread.join(5)


PROGRAM = """
import asyncio, time
from lifecheck.probes.offload import Offload

async def story():
    try:
        async with asyncio.timeout(0.05):
            await Offload("looking").call(lambda: time.sleep(60))
    except TimeoutError:
        print("left")

asyncio.run(story())
"""


def test_a_call_that_hangs_does_not_hold_the_end_of_the_process() -> None:
    """Executors wait for their threads at exit; a daemon thread is left behind."""
    start = time.monotonic()
    words = [sys.executable, "-c", PROGRAM]
    ran = subprocess.run(words, cwd=REPOSITORY, capture_output=True, timeout=30, check=True)
    assert ran.stdout == b"left\n"
    assert time.monotonic() - start < 20
