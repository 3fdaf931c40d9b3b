"""The kernel's own gate of the VIPs: their traffic passes only while a lease lives in the kernel.

Rule: nobody waits for the kernel but this class's own thread, because somebody else's ruleset may
hold a call for long; what is asked for is answered through `fd`, every ticket and every arm
exactly once and in their order.  No lease is ever put without the ticket of its round
(docs/gate.md).
"""

import _thread
import contextlib
import errno
import os
from collections import deque
from collections.abc import Callable
from typing import Final

from watchdog.guardian import actions as act
from watchdog.guardian import scheduling
from watchdog.guardian.nft import ruleset, tables
from watchdog.guardian.nft.backlog import Backlog, End, Job
from watchdog.guardian.nft.kernel import Kernel
from watchdog.guardian.nft.leasing import TIMEOUT_MAX_MS, TIMEOUT_MIN_MS
from watchdog.guardian.plan import Vip
from watchdog.instant import MS

STACK_SIZE: Final = 256 * 1024
END_S: Final = 2.0
COUNT_SIZE: Final = 8
TRIAL_MS: Final = 1000
_TRIAL: Final = "_trial"
_TRIAL_VIPS: Final = {4: ("192.0.2.1", 32), 6: ("2001:db8::1", 128)}
"""Addresses for documentation: a trial drops nobody's packets, also beside a node that is on."""
_ABSENT: Final = (errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.EINVAL)
"""What a kernel without nf_tables says to a question."""


def trial(vips: tuple[Vip, ...], tag: str) -> str:
    """Why the gate cannot be had on this machine; empty when it can. Leaves nothing behind.

    All hooks on the loopback interface, a ticket, a lease, and a second one that must be refused.
    """
    kinds = sorted({vip.family for vip in vips})
    harmless = tuple(Vip(f"v{kind}", *_TRIAL_VIPS[kind], kind, "lo") for kind in kinds)
    kernel = Kernel()
    made = tables.Tables(ruleset.table_name(tag) + _TRIAL, harmless, kernel)
    try:
        made.make()
        why = made.open(1, 1, TRIAL_MS).why or made.arm(1, 1, TRIAL_MS).why
        if not why and not made.arm(1, 1, TRIAL_MS).why:
            why = "a spent ticket armed the gate again"
        made.remove()
    except OSError as error:
        return f"nf_tables: {error.strerror or error}"
    finally:
        kernel.close()
    return why


def clear(tag: str) -> str:
    """Remove the tables that a guardian of this tag may have left; empty, or the fault."""
    kernel = Kernel()
    name = ruleset.table_name(tag)
    try:
        for table in (name, name + _TRIAL):
            tables.remove(kernel, table)
    except OSError as error:
        if error.errno in _ABSENT:
            return ""
        return f"tables {name}: {error.strerror or error}; `nft list tables` shows them"
    finally:
        kernel.close()
    return ""


class Gate:
    """`fd` is readable when answers wait. No call waits for the kernel, except this one and `end`.

    Raises OSError when the tables cannot be made; they begin closed.
    """

    def __init__(self, vips: tuple[Vip, ...], tag: str, scheduling_class: str) -> None:
        self._kernel = Kernel()
        self._tables = tables.Tables(ruleset.table_name(tag), vips, self._kernel)
        self._tables.make()
        self._class = scheduling_class
        self._backlog = Backlog()
        self._lock = _thread.allocate_lock()
        self._answers: deque[act.Input] = deque()
        self._running = _thread.allocate_lock()
        self._running.acquire()
        self._is_done = False
        self._is_ended = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        _thread.stack_size(STACK_SIZE)
        _thread.start_new_thread(self._serve, ())

    def open_ticket(self, no: int, round_no: int, timeout_ns: int) -> None:
        """Begin to put the ticket of a round into the kernel; answered by TicketOpened."""
        self._ask(act.OpenTicket(no, round_no, timeout_ns))

    def arm(self, no: int, round_no: int, timeout_ns: int) -> None:
        """Begin to spend the ticket of a round for a lease; answered by GateArmed."""
        self._ask(act.ArmGate(no, round_no, timeout_ns))

    def close_lease(self) -> None:
        """Begin to end the lease and void all tickets, before everything that waits."""
        self._ask(act.CloseGate())

    def check(self) -> None:
        """Begin to look whether the gate is still there; GateChecked only if it was not."""
        self._ask(act.CheckMachine())

    def take_answers(self, feed: Callable[[act.Input], None]) -> None:
        """Hand over what has been answered so far."""
        if not self._is_ended:
            with contextlib.suppress(BlockingIOError):
                os.read(self.fd, COUNT_SIZE)
        for _ in range(len(self._answers)):
            feed(self._answers.popleft())

    def end(self) -> None:
        """Remove the tables; a kernel that does not answer in time keeps them, closed soon."""
        if self._is_ended:
            return
        self._ask(End())
        self._is_ended = self._running.acquire(timeout=END_S)
        if self._is_ended:
            os.close(self._wake)
            os.close(self.fd)

    def _ask(self, job: Job) -> None:
        if self._is_ended:
            return
        with self._lock:
            self._backlog.put(job)
        os.eventfd_write(self._wake, 1)

    # --- in the thread

    def _serve(self) -> None:
        try:
            scheduling.apply_to_self(self._class)
            while self._turn():
                pass
            self._is_done = True
        finally:
            self._kernel.close()
            if not self._is_done:
                self._answer(act.GateChecked(False, "the gate's thread has failed"))
            self._running.release()

    def _turn(self) -> bool:
        """Do one thing, or wait for one; False at the end."""
        with self._lock:
            job = self._backlog.take()
            refused = list(self._backlog.refused)
            self._backlog.refused.clear()
        for dropped, why in refused:
            self._reply(dropped, why)
        match job:
            case None:
                os.read(self._wake, COUNT_SIZE)  # unlike eventfd_read it goes on after a SIGSTOP
            case act.OpenTicket() | act.ArmGate():
                self._spend(job)
            case act.CloseGate():
                self._report(self._tables.close())
            case act.CheckMachine():
                self._report(self._tables.check())
            case End():
                self._remove()
                return False
        return True

    def _spend(self, job: act.OpenTicket | act.ArmGate) -> None:
        timeout_ms = job.timeout_ns // MS
        if not TIMEOUT_MIN_MS <= timeout_ms <= TIMEOUT_MAX_MS:
            self._reply(job, f"a timeout of {timeout_ms} ms cannot be had")
            return
        if isinstance(job, act.OpenTicket):
            outcome = self._tables.open(job.no, job.round, timeout_ms)
        else:
            outcome = self._tables.arm(job.no, job.round, timeout_ms)
        self._report(outcome)
        self._reply(job, outcome.why)

    def _reply(self, job: act.OpenTicket | act.ArmGate, why: str) -> None:
        """Answer a job; `why` it was refused, or empty."""
        answer = act.TicketOpened if isinstance(job, act.OpenTicket) else act.GateArmed
        self._answer(answer(job.no, job.round, not why, why))

    def _report(self, outcome: tables.Outcome) -> None:
        if outcome.is_lost:
            self._answer(act.GateChecked(False, outcome.why))
        elif outcome.remade:
            self._answer(act.GateChecked(True, outcome.remade))

    def _remove(self) -> None:
        try:
            self._tables.remove()
        except OSError as error:
            self._answer(act.GateChecked(False, f"not removed: {error.strerror or error}"))

    def _answer(self, answer: act.Input) -> None:
        self._answers.append(answer)
        os.eventfd_write(self.fd, 1)
