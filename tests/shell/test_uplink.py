"""The uplink watch on this machine's kernel; a lost carrier is in tests/system."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.shell.disks import FakeInbox
from tests.shell.links import until
from tests.unit.watchdog.shell.test_rtnetlink import RUNNING, UP, address, done, link, refused
from watchdog.core.events import UplinkChanged
from watchdog.shell import uplink as shell_uplink
from watchdog.shell.rtnetlink import Kind, dump_request
from watchdog.shell.uplink import Uplink

ABSENT = "192.0.2.77"
LINKS, ADDRESSES = dump_request(Kind.GET_LINK, 1), dump_request(Kind.GET_ADDRESS, 2)
GOOD = [[link(2, UP | RUNNING) + done(1)], [address(2, ABSENT) + done(2)]]
"""What a kernel answers that has our address on a running interface."""
DOWN = [[link(2, UP) + done(1)], [address(2, ABSENT) + done(2)]]
IS_UP = f"eth2 has {ABSENT} and is up"
IS_DOWN = "eth2 is down or has no carrier"


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


Answers = Sequence[Sequence[bytes | int]]
Story = Callable[[Uplink], Coroutine[Any, Any, None]]


class FakeKernel:
    """A netlink socket whose answers to each question are written before; an int is an error."""

    def __init__(self, answers: Answers) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ours.setblocking(False)
        self._answers = [list(answer) for answer in answers]
        self._errors: list[int] = []
        self.asked: list[bytes] = []
        self.refuses = 0

    def say(self, *said: bytes | int) -> None:
        """Put datagrams and errors into the queue."""
        for one in said:
            if isinstance(one, int):
                self._errors.append(one)
            self._theirs.send(b"" if isinstance(one, int) else one)

    def fileno(self) -> int:
        """For the event loop."""
        return self._ours.fileno()

    def recv(self, size: int) -> bytes:
        """The next datagram."""
        data = self._ours.recv(size)
        if not data:
            raise OSError(code := self._errors.pop(0), os.strerror(code))
        return data

    def send(self, data: bytes) -> int:
        """A question."""
        if self.refuses:
            raise OSError(self.refuses, os.strerror(self.refuses))
        self.asked.append(data)
        if self._answers:
            self.say(*self._answers.pop(0))
        return len(data)

    def close(self) -> None:
        """Both ends."""
        self._ours.close()
        self._theirs.close()


class Kernels:
    """The sockets that an uplink gets, one after the other; an int is a failure to get one."""

    def __init__(self, *given: FakeKernel | int) -> None:
        self.given = list(given)

    def __call__(self) -> FakeKernel:
        """The next."""
        match self.given.pop(0):
            case int() as code:
                raise OSError(code, os.strerror(code))
            case kernel:
                return kernel


def watch(
    monkeypatch: pytest.MonkeyPatch, story: Story, *given: FakeKernel | int
) -> list[UplinkChanged]:
    """What an uplink on these sockets tells while `story` goes; then they all are closed."""
    monkeypatch.setattr(shell_uplink, "_kernel", Kernels(*given))
    inbox = FakeInbox()
    uplink = Uplink(ABSENT, inbox)
    with ExitStack() as stack:
        for kernel in given:
            if isinstance(kernel, FakeKernel):
                stack.callback(kernel.close)
        asyncio.run(beside(uplink.run(), story(uplink)))
    return [event for event in inbox.events if isinstance(event, UplinkChanged)]


def test_nothing_is_judged_before_both_dumps_are_there_and_only_changes_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A half picture has no address yet: that would be a false alarm at every start."""
    kernel = FakeKernel([[link(2, UP | RUNNING) + done(1)]])

    async def story(uplink: Uplink) -> None:
        await until(lambda: kernel.asked == [LINKS, ADDRESSES])
        assert uplink.why == "not looked at yet"
        kernel.say(address(2, ABSENT) + done(2))
        await until(lambda: uplink.why == IS_UP)
        kernel.say(link(2, UP), link(2, UP), link(2, UP), link(2, UP | RUNNING))
        kernel.say(address(2, ABSENT, Kind.DELETE_ADDRESS))
        await until(lambda: uplink.why.startswith("no interface"))

    assert watch(monkeypatch, story, kernel) == [
        UplinkChanged(False, IS_DOWN),
        UplinkChanged(True, IS_UP),
        UplinkChanged(False, f"no interface has the address {ABSENT}"),
    ]


def test_after_lost_messages_everything_is_asked_again_on_a_new_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel drops messages when nobody reads for long: the lost one may be ours."""
    first, second = FakeKernel(GOOD), FakeKernel(DOWN)

    async def story(uplink: Uplink) -> None:
        await until(lambda: uplink.why == IS_UP)
        first.say(errno.ENOBUFS)
        await until(lambda: first.fileno() == -1)
        assert uplink.is_up, "the last known state stands"
        await until(lambda: not uplink.is_up)

    assert watch(monkeypatch, story, first, second) == [UplinkChanged(False, IS_DOWN)]
    assert second.asked == [LINKS, ADDRESSES]


def test_a_dump_that_outlives_lost_messages_takes_no_healthy_node_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked again on the same socket, the kernel says EBUSY, and then ends the old dump."""
    old = [refused(1, errno.EBUSY) + address(2, ABSENT), done(1) + done(2)]
    first = FakeKernel([GOOD[0], [errno.ENOBUFS], old, [address(2, ABSENT) + done(1)]])
    second = FakeKernel(GOOD)

    async def story(uplink: Uplink) -> None:
        await until(lambda: uplink.why in {IS_UP, IS_DOWN, "interface 2 is down or has no carrier"})

    assert watch(monkeypatch, story, first, second) == []
    assert first.asked == [LINKS, ADDRESSES]
    assert second.asked == [LINKS, ADDRESSES]


@pytest.mark.parametrize(
    "answers",
    [
        [[refused(1, errno.EBUSY)]],
        [[link(2, UP) + done(1, errno.ENOBUFS)]],
        [GOOD[0], [refused(2, errno.ENOBUFS)]],
        [[errno.ENOBUFS]],
        [[link(2, UP)]],
    ],
    ids=["links refused", "links cut", "addresses refused", "lost", "never an end"],
)
def test_what_was_not_told_whole_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, answers: Answers
) -> None:
    """Without a second try the node would be blind from then on."""
    monkeypatch.setattr(shell_uplink, "_ANSWER_S", 0.2)

    async def story(uplink: Uplink) -> None:
        await until(lambda: uplink.why == IS_UP)

    assert watch(monkeypatch, story, FakeKernel(answers), FakeKernel(GOOD)) == []


def test_a_whole_picture_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first answer has a deadline; afterwards the kernel speaks when there are news."""
    monkeypatch.setattr(shell_uplink, "_ANSWER_S", 0.05)
    kernel = FakeKernel(GOOD)

    async def story(uplink: Uplink) -> None:
        await until(lambda: uplink.why == IS_UP)
        await asyncio.sleep(0.2)

    assert watch(monkeypatch, story, kernel) == []
    assert kernel.asked == [LINKS, ADDRESSES]


def test_failing_to_open_or_to_ask_is_tried_again_ever_more_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No descriptors, no memory: that passes, and the retries must not be the next load."""
    mute, late = FakeKernel([]), FakeKernel([GOOD[0]])
    mute.refuses = errno.ENOBUFS
    pauses: list[float] = []

    async def story(uplink: Uplink) -> None:
        await until(lambda: bool(late.asked))
        pauses.append(uplink._pause_s)
        late.refuses = errno.ENOBUFS
        await until(lambda: uplink.why == IS_DOWN)
        pauses.append(uplink._pause_s)

    monkeypatch.setattr(shell_uplink, "_PAUSE_S", 0.01)
    given = (errno.EMFILE, errno.ENOMEM, mute, late, FakeKernel(DOWN))
    assert watch(monkeypatch, story, *given) == [UplinkChanged(False, IS_DOWN)]
    assert pauses == [0.08, 0.01]


def test_the_pause_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a night without descriptors the uplink is still looked at soon."""
    monkeypatch.setattr(shell_uplink, "_PAUSE_S", 0.001)
    monkeypatch.setattr(shell_uplink, "_PAUSE_MAX_S", 0.003)

    async def story(uplink: Uplink) -> None:
        await until(lambda: uplink.why == IS_UP)

    assert watch(monkeypatch, story, *[errno.EMFILE] * 50, FakeKernel(GOOD)) == []


def test_a_node_that_is_out_stays_out_until_the_new_picture_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither way may a half picture tell anything."""
    first, second = FakeKernel(DOWN), FakeKernel(GOOD)

    async def story(uplink: Uplink) -> None:
        await until(lambda: not uplink.is_up)
        first.say(errno.ENOBUFS)
        await until(lambda: uplink.is_up)

    assert watch(monkeypatch, story, first, second) == [
        UplinkChanged(False, IS_DOWN),
        UplinkChanged(True, IS_UP),
    ]
