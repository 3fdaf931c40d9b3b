"""The uplink watch on this machine's kernel; a lost carrier is in tests/system."""

import asyncio
import errno
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.shell.disks import FakeInbox
from tests.shell.links import until
from tests.unit.watchdog.shell.test_rtnetlink import RUNNING, UP, address, link, message
from watchdog.core.events import UplinkChanged
from watchdog.shell import uplink as shell_uplink
from watchdog.shell.rtnetlink import Kind
from watchdog.shell.uplink import Uplink

ABSENT = "192.0.2.77"
DONE = message(Kind.DONE, bytes(4))


async def beside(watch: Coroutine[Any, Any, None], story: Coroutine[Any, Any, None]) -> None:
    """Run `watch` until `story` has ended."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch)
        await story
        task.cancel()


def test_an_address_that_no_interface_has_is_a_lost_uplink() -> None:
    """Told once, with the reason, after the kernel's whole picture is there."""
    inbox = FakeInbox()
    uplink = Uplink(ABSENT, inbox)
    asyncio.run(beside(uplink.run(), until(lambda: bool(inbox.events))))
    assert inbox.events == [UplinkChanged(False, f"no interface has the address {ABSENT}")]


def test_a_loopback_address_is_always_usable() -> None:
    """Three nodes on one machine have no carrier to lose."""
    for loopback in ("127.0.0.3", "::1"):
        inbox = FakeInbox()
        uplink = Uplink(loopback, inbox)
        asyncio.run(beside(uplink.run(), asyncio.sleep(0.05)))
        assert (uplink.is_up, inbox.events) == (True, [])


def test_a_kernel_that_may_not_be_asked_counts_as_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sandbox without netlink the node works; only the peers' silence tells then."""

    def forbidden() -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported")

    monkeypatch.setattr(shell_uplink, "_kernel", forbidden)
    inbox = FakeInbox()
    uplink = Uplink(ABSENT, inbox)
    asyncio.run(beside(uplink.run(), asyncio.sleep(0.05)))
    assert (uplink.is_up, inbox.events) == (True, [])
    assert uplink.why == "cannot be watched: address family not supported"


def test_nothing_is_judged_before_both_dumps_are_there_and_only_changes_are_told() -> None:
    """A half picture has no address yet: that would be a false alarm at every start."""
    inbox = FakeInbox()
    uplink = Uplink(ABSENT, inbox)
    asked: list[None] = []
    uplink._ask = lambda: asked.append(None)  # type: ignore[method-assign]
    uplink._take(link(2, UP | RUNNING) + DONE)
    assert (len(asked), inbox.events) == (1, [])
    uplink._take(address(2, ABSENT) + DONE)
    assert (uplink.is_up, inbox.events) == (True, [])
    for _ in range(3):
        uplink._take(link(2, UP))
    uplink._take(link(2, UP | RUNNING))
    assert inbox.events == [
        UplinkChanged(False, "eth2 is down or has no carrier"),
        UplinkChanged(True, f"eth2 has {ABSENT} and is up"),
    ]


class FakeKernel:
    """A netlink socket that gives what a test put in; an int is an error."""

    def __init__(self, *given: bytes | int) -> None:
        self.given = list(given)
        self.asked = 0

    def recv(self, size: int) -> bytes:
        """The next datagram."""
        if not self.given:
            raise BlockingIOError
        match self.given.pop(0):
            case int() as code:
                raise OSError(code, "injected")
            case data:
                return data

    def send(self, data: bytes) -> int:
        """A request for a dump."""
        self.asked += 1
        return len(data)


def test_after_lost_messages_everything_is_asked_again() -> None:
    """The kernel drops messages when nobody reads for long: the lost one may be ours."""
    whole = [link(2, UP | RUNNING) + DONE, address(2, ABSENT) + DONE]
    kernel = FakeKernel(*whole, errno.ENOBUFS)
    inbox = FakeInbox()
    uplink = Uplink(ABSENT, inbox)
    uplink._socket = kernel  # type: ignore[assignment]
    uplink._read()
    assert (kernel.asked, uplink.is_up) == (2, True)
    kernel.given += [link(2, UP) + DONE, address(2, ABSENT) + DONE]
    uplink._read()
    assert kernel.asked == 3
    assert inbox.events == [UplinkChanged(False, "eth2 is down or has no carrier")]
