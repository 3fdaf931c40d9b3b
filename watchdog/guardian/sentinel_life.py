"""The sentinel's own life: it waits, and takes everything off when the guardian no longer does.

Rule: it decides nothing but that (docs/election.md, G10): the guardian is dead, or what is on has
not been taken off by `hard` - slack.  Until all is read back as gone it makes no call that others
can hold up; then, for a dead guardian only, the will, the gate's tables, and its own end, which
lets a successor go on.  A guardian that comes back finds by its own deadline what happened.
"""

import contextlib
import gc
import os
import select
import signal
import sys
from typing import Final, NamedTuple, Never

from watchdog.guardian import clock, gate, processes, scheduling
from watchdog.guardian.due import Due, wake_ns
from watchdog.guardian.leftovers import Leftovers
from watchdog.guardian.log import Log
from watchdog.guardian.page import NEVER, NOBODY, NodeRecord, Page, Watched
from watchdog.guardian.plan import Plan
from watchdog.guardian.vip import Vips
from watchdog.guardian.will import WillSender
from watchdog.guardian_protocol import ArmWill, PacketError, unpack_to_guardian
from watchdog.instant import MS, SECOND, Instant

NAME: Final = "qd-sentinel"
READY: Final = b"ready"
PRIORITY: Final = 11
"""Above the guardian's: whoever looks after it must run when it does not."""
IGNORED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)
EAGER_LOOKS: Final = 50
EAGER_NS: Final = MS
"""At first: what was killed takes a moment to end, and a service manager may kill us soon."""
RETRY_NS: Final = 50 * MS
TELL_GAP_NS: Final = SECOND
WILL_COPIES: Final = 3
WILL_GAP_S: Final = 0.02
COUNT_SIZE: Final = 8
EXIT_DONE: Final = 0
EXIT_FAULT: Final = 1


class Given(NamedTuple):
    """What it has from the guardian, by the fork."""

    plan: Plan
    tag: str
    page: Page
    wake: int
    node_lock: int
    guardian_lock: int
    guardian: int
    mark: int
    ready: int


def be_sentinel(given: Given) -> Never:
    """Never return: nothing of the guardian's program may run in this process."""
    try:
        os.close(given.guardian_lock)
        fault = _settle(given)
        log = Log(sys.stderr.fileno(), is_json=given.plan.log_json, node=given.plan.node)
        try:
            os._exit(_live(given, log, fault))
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"
            log.alarm("sentinel_failed", why=why)
            os.write(given.ready, why.encode())
            raise
    finally:
        os._exit(EXIT_FAULT)


def _settle(given: Given) -> str:
    """Become a process of its own; why it cannot run in time, empty when it can."""
    signal.set_wakeup_fd(-1)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _close_all_but({given.wake, given.node_lock, given.ready})
    os.setsid()
    gc.disable()
    with contextlib.suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write(NAME)
    scheduling.lock_memory()  # the guardian has said it when this is not permitted
    scheduling.lift_session(given.plan.scheduling)
    if given.plan.scheduling != "rt":
        return ""  # niceness was inherited
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except PermissionError:
        return f"the sentinel may not have real-time priority {PRIORITY}: {scheduling.WAYS_OUT}"
    return ""


def _close_all_but(kept: set[int]) -> None:
    """Let go of every descriptor of the guardian's; the standard ones become nothing but stderr."""
    with contextlib.suppress(OSError):
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1):
            os.dup2(nothing, standard)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > sys.stderr.fileno() and int(name) not in kept:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself
                os.close(int(name))


def _live(given: Given, log: Log, fault: str) -> int:
    if fault:
        os.write(given.ready, fault.encode())
        return EXIT_FAULT
    guardian = os.pidfd_open(given.guardian)
    if os.getppid() != given.guardian:
        return EXIT_FAULT  # it died at once, before it could do anything
    life = Life(given, guardian, log)
    os.write(given.ready, READY)
    life.run()
    return EXIT_DONE


def may_send_will(watched: Watched, now: Instant, *, has_de_escalation: bool) -> bool:
    """Whether voters may be told that all is over, everything being off.

    A de-escalation hook that is owed cannot be run here, and what it ends may live elsewhere.
    """
    if not has_de_escalation or not watched.hard_ns:
        return True
    return Due(watched.s, watched.hard_ns).is_past(now)


class Life:
    """`guardian` is its pidfd."""

    def __init__(self, given: Given, guardian: int, log: Log) -> None:
        self._plan = given.plan
        self._tag = given.tag
        self._page = given.page
        self._wake = given.wake
        self._log = log
        self._vips = Vips(given.plan.vips, lambda *_: None, lambda _: None, lambda _: None)
        self._leftovers = Leftovers(given.plan, given.tag, given.mark, given.guardian)
        self._timer = clock.Timer()
        self._guardian = guardian
        self._watched = NEVER
        self._node = NOBODY
        self._is_off = False
        """What is on by the page was read back as gone."""
        self._told: Due | None = None
        self._poll = select.poll()
        for fd in (guardian, given.wake, self._timer.fd):
            self._poll.register(fd, select.POLLIN)

    def run(self) -> None:
        """Watch until the guardian is dead and nothing of it is left."""
        while self._guardian not in self._wait():
            self._look()
        self._inherit()

    # --- while the guardian lives

    def _wait(self) -> set[int]:
        now = clock.now()
        self._timer.arm(self._wake_at(now))
        ready = {fd for fd, _ in self._poll.poll()}
        if self._timer.fd in ready:
            self._timer.clear()
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, COUNT_SIZE)  # unlike eventfd_read it goes on after a SIGSTOP
        return ready

    def _wake_at(self, now: Instant) -> int | None:
        if not self._watched.is_on:
            return None
        if self._due.is_past(now):
            return now.boot_ns + RETRY_NS
        return wake_ns(now, [self._due])

    @property
    def _due(self) -> Due:
        watched = self._watched
        return Due(watched.s, watched.hard_ns - self._plan.policy.slack_ns)

    def _look(self) -> None:
        """Is what the page says to be on older than it may be?"""
        self._read()
        if not self._watched.is_on or not self._due.is_past(clock.now()):
            self._is_off = False
            return
        # A stopped guardian that runs for a moment may finish the act in which it was stopped:
        # so also what was taken off is looked at, until the page says something else.
        why = self._take_off(self._node.pid, is_again=self._is_off)
        if why:
            self._is_off = False
            self._tell_resisting(why)
        elif not self._is_off:
            self._is_off = True
            self._log.alarm("sentinel_acted", why="the guardian did not go off in time")

    def _read(self) -> None:
        """Believe the page; what cannot be read now was so a moment ago, and ends earlier."""
        self._watched = self._page.read_watched() or self._watched
        self._node = self._page.read_node() or self._node

    def _take_off(self, node: int, *, is_again: bool) -> str:
        """Remove the VIPs, kill the hooks, and read back; what is left."""
        vip = self._vips.remove()
        rest = self._leftovers.kill(node, is_again=is_again)
        return "; ".join(fault for fault in (vip, rest) if fault)

    def _tell_resisting(self, why: str) -> None:
        now = clock.now()
        if self._told and not self._told.is_past(now):
            return
        self._told = Due(now, TELL_GAP_NS)
        self._log.alarm("sentinel_resisted", why=why)

    # --- when the guardian is dead

    def _inherit(self) -> None:
        self._read()
        looks = 0
        while why := self._end_everything():
            looks += 1
            if looks > EAGER_LOOKS:
                self._tell_resisting(why)
            clock.pause((EAGER_NS if looks <= EAGER_LOOKS else RETRY_NS) / SECOND)
        self._log.alarm("sentinel_acted", why="the guardian is dead")
        self._send_will(self._node)
        if not self._plan.vips or self._plan.gate == "none":
            return
        fault = gate.clear(self._tag)  # last of all: somebody else's rules may hold it up
        if fault:
            self._log.warning("gate_left", why=fault)

    def _end_everything(self) -> str:
        left = self._take_off(0, is_again=False)
        node = self._node
        if node.pid and not processes.end(node.pid, node.start):
            return left or f"the node process, pid {node.pid}, does not end"
        return left

    def _send_will(self, node: NodeRecord) -> None:
        policy = self._plan.policy
        if not node.will or not may_send_will(
            self._watched, clock.now(), has_de_escalation=policy.has_de_escalation
        ):
            return
        with contextlib.suppress(PacketError):  # our own guardian packed it
            will = unpack_to_guardian(node.will)
            if isinstance(will, ArmWill):
                sender = WillSender()
                for copy in range(WILL_COPIES):
                    if copy:
                        clock.pause(WILL_GAP_S)
                    sender.send(will)
