"""The sentinel, as the guardian sees it: forked before anything else, told by memory alone.

It takes everything off when the guardian is dead, or stopped for so long that the end of a tenure
has come (`sentinel_life` is what it does).  Rule: this is the only file that forks, and it does so
before there is a thread or another child.
"""

import contextlib
import gc
import os
import select
import signal
from typing import Final

from watchdog.guardian import locks, marks, processes, scheduling
from watchdog.guardian.page import NOBODY, NodeRecord, Page, Watched
from watchdog.guardian.plan import Plan
from watchdog.guardian.sentinel_life import READY, Given, be_sentinel
from watchdog.guardian_protocol import ArmWill, pack
from watchdog.instant import Instant

READY_WITHIN_MS: Final = 10_000
FAULT_SIZE_MAX: Final = 4096
END_WITHIN_MS: Final = 2000


class SentinelError(Exception):
    """The sentinel could not be started; the text says why."""


def is_needed(plan: Plan) -> bool:
    """Whether there is anything that a sentinel could take off."""
    return plan.policy.has_vips or plan.policy.has_hooks


def start(the_plan: Plan, tag: str, node_lock: int, guardian_lock: int) -> "Sentinel":
    """Fork it; it is ready when this returns. Raises SentinelError."""
    page = Page()
    wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    readable, writable = os.pipe2(os.O_CLOEXEC)
    mark = marks.put_on()
    given = Given(
        plan=the_plan,
        tag=tag,
        page=page,
        wake=wake,
        node_lock=node_lock,
        guardian_lock=guardian_lock,
        guardian=os.getpid(),
        mark=mark,
        ready=writable,
    )
    gc.collect()
    gc.freeze()  # what is frozen the child's collector would not write to, and so not copy
    pid = os.fork()
    if pid == 0:
        be_sentinel(given)
    os.close(writable)
    made = Sentinel(pid, page, wake)
    fault = _fault(readable)
    if fault:
        made.end()
        raise SentinelError(fault)
    with contextlib.suppress(OSError):  # then a successor waits for it in vain, and says so
        locks.write_sentinel(the_plan.run_dir, pid, mark)
    return made


def _fault(readable: int) -> str:
    poll = select.poll()
    poll.register(readable, select.POLLIN)
    try:
        if not poll.poll(READY_WITHIN_MS):
            return f"the sentinel did not start within {READY_WITHIN_MS // 1000} s"
        said = os.read(readable, FAULT_SIZE_MAX)
    finally:
        os.close(readable)
    if said == READY:
        return ""
    return said.decode("utf-8", "replace") or "the sentinel died at its start; see the lines above"


class Sentinel:
    """The running sentinel; nothing here ever waits for it, but `end`."""

    def __init__(self, pid: int, page: Page, wake: int) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self._page = page
        self._wake = wake
        self._watched = False
        self._node = NOBODY
        self._last = (Instant(0, 0), 0)

    def watch(self, s: Instant, hard_ns: int) -> None:
        """Have all off by `s` + `hard_ns`; before the first act of going on, and as it moves."""
        self._last = (s, hard_ns)
        self._page.write_watched(Watched(is_on=True, s=s, hard_ns=hard_ns))
        if not self._watched:
            self._watched = True
            os.eventfd_write(self._wake, 1)

    def unwatch(self) -> None:
        """Take note that all is confirmed off."""
        s, hard_ns = self._last
        self._watched = False
        self._page.write_watched(Watched(is_on=False, s=s, hard_ns=hard_ns))

    def node_started(self, pid: int) -> None:
        """That child of ours is the node process; it has not been waited for yet."""
        found = processes.stat_of(pid)
        self._node = NodeRecord(pid, found.start if found else 0, b"")
        self._page.write_node(self._node)

    def node_gone(self) -> None:
        """It was waited for; its will is kept until the next one lives."""
        self._node = self._node._replace(pid=0, start=0)
        self._page.write_node(self._node)

    def arm_will(self, will: ArmWill) -> None:
        """What to send once the living node process is gone and all is off."""
        self._node = self._node._replace(will=pack(will))
        self._page.write_node(self._node)

    def end(self) -> None:
        """Have it end without acting, also when it is stopped; everything is off."""
        with contextlib.suppress(OSError):  # it is gone already
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        poll.poll(END_WITHIN_MS)
        # The reaper may have been there first.
        with contextlib.suppress(ChildProcessError), scheduling.behind_all():
            os.waitpid(self.pid, os.WNOHANG)
        os.close(self.pidfd)
        os.close(self._wake)
