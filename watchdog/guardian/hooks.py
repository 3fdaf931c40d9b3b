"""Runs hooks, and what else must end with the node's tenure: a guest of the hooks' group.

Rule: the deadline decides when a hook starts and when it is killed; this file only does it.
A hook is done when its first process ends; what it leaves running stays in its group and keeps
its pipe, unless it was a state_change hook: nothing of that may last.  No guest runs beside the
de-escalation hook.  docs/hooks.md is the contract.
"""

import contextlib
import os
import resource
import signal
from collections import deque
from collections.abc import Callable
from typing import Final

from watchdog.guardian import clock, processes
from watchdog.guardian.actions import HookExited, HookKind, HooksKilled, Input, StartHook
from watchdog.guardian.due import Due
from watchdog.guardian.hook_group import HookGroup
from watchdog.guardian.hook_output import HookOutput
from watchdog.guardian.hook_start import Facts, HookStarter
from watchdog.guardian.log import Log
from watchdog.guardian.loop import Loop
from watchdog.guardian.plan import Plan
from watchdog.guardian.reaper import Reaper
from watchdog.guardian.wakes import Wakes
from watchdog.guardian_protocol import Notify
from watchdog.instant import MS

NOTIFIES_MAX: Final = 16
NOTIFY_CPU_S: Final = 10
SCAN_GAP_NS: Final = 5 * MS
"""Without a cgroup: all processes of the machine are looked at no more often than this."""
CLOSING_LOOKS_MAX: Final = 200
CLOSING_PAUSE_S: Final = 0.005


class Hooks:
    """`feed` takes the answers to the deadline; `is_spared(pid)`: a child that is no hook."""

    def __init__(
        self,
        plan: Plan,
        loop: Loop,
        reaper: Reaper,
        log: Log,
        feed: Callable[[Input], None],
        starter: HookStarter,
        is_spared: Callable[[int], bool],
        tag: str,
    ) -> None:
        self._plan = plan
        self._loop = loop
        self._reaper = reaper
        self._log = log
        self._feed = feed
        self._starter = starter
        self._is_spared = is_spared
        self._running: dict[HookKind, int] = {}
        self._guests: set[int] = set()
        self._waiting: StartHook | None = None
        self._killing: int | None = None
        self._scan_ns = 0
        self._is_scan_due = False
        self._notify_pid = 0
        self._notify_output: HookOutput | None = None
        self._notify_due: Due | None = None
        self._notify_wakes = Wakes(loop, self._notify_dues, self._time_out)
        self._notifies: deque[tuple[str, Notify]] = deque(maxlen=NOTIFIES_MAX)
        self._group = HookGroup(
            f"quorumdog-hooks-{tag}", self._is_no_hook, is_used=plan.policy.has_hooks
        )
        self._group.watch(loop.watch, self.look)
        self._notify_group = HookGroup(
            f"quorumdog-notify-{tag}", self._is_no_hook, is_used=bool(plan.hooks.state_change)
        )

    @property
    def has_cgroup(self) -> bool:
        """Whether hooks are held in a cgroup; otherwise the guardian must be their subreaper."""
        return bool(self._group.path)

    def fault(self) -> str:
        """Why an escalation or its end would fail; empty when the hook files are in order."""
        plan = self._plan.hooks
        for argv in (plan.escalation, plan.de_escalation):
            text = self._starter.fault(argv) if argv else ""
            if text:
                return text
        return ""

    def start(self, order: StartHook) -> None:
        """Start a hook; HookExited follows, at once when it cannot be started."""
        if self._guests and order.kind is HookKind.DE_ESCALATION:
            self._waiting = order
            for pid in self._guests:
                kill_session(pid)
            return
        plan = self._plan.hooks
        is_up = order.kind is HookKind.ESCALATION
        argv = plan.escalation if is_up else plan.de_escalation
        facts = Facts(order.kind.value, order.epoch, order.bound_ns // MS, order.reason)
        try:
            pid = self._starter.start(argv, facts, self._group)
        except OSError as error:
            self._feed(HookExited(order.kind, ok=False, detail=str(error)))
            return
        self._running[order.kind] = pid
        self._reaper.expect(pid, lambda code: self._on_exited(order.kind, code))

    def kill(self, ticket: int) -> None:
        """SIGKILL everything that hooks run or left; HooksKilled follows when it is gone."""
        self._killing, self._waiting = ticket, None
        # The first process may not have entered the group yet; it is our child, so its number
        # is its own until we have waited for it.
        for pid in (*self._running.values(), *self._guests):
            os.kill(pid, signal.SIGKILL)
        if self._group.path or self._running or self._guests:
            self._group.kill()
        self.look()

    def warn(self) -> None:
        """Say at the start what would fail later."""
        plan = self._plan.hooks
        for argv in (plan.escalation, plan.de_escalation, plan.state_change):
            text = self._starter.fault(argv) if argv else ""
            if text:
                self._log.warning("hook_unusable", why=text)

    def clean(self) -> None:
        """SIGKILL what a predecessor's hooks left, before anything of ours runs."""
        self._group.kill()
        self._kill_notify()

    def look(self) -> None:
        """Say that everything is killed, if it is; call when a child or the group has changed."""
        if self._killing is None or self._running or self._guests:
            return
        if self._group.is_empty if self._group.path else self._is_rest_killed():
            ticket, self._killing = self._killing, None
            self._feed(HooksKilled(ticket))

    def _is_rest_killed(self) -> bool:
        """Look at all processes, for orphans become our children; not for every child that ends."""
        now_ns = clock.now().boot_ns
        if now_ns >= self._scan_ns:
            self._scan_ns = now_ns + SCAN_GAP_NS
            return self._group.kill_the_rest()
        if not self._is_scan_due:
            self._is_scan_due = True
            self._loop.call_in(self._scan_ns - now_ns, self._scan_again)
        return False

    def _scan_again(self) -> None:
        self._is_scan_due = False
        self.look()

    def run_guest(self, argv: tuple[str, ...], facts: Facts, ended: Callable[[int], None]) -> int:
        """Pid of something else that must end with the tenure, as hooks must. Raises OSError."""
        pid = self._starter.start(argv, facts, self._group)
        self._guests.add(pid)
        self._reaper.expect(pid, lambda code: self._on_guest_exited(pid, code, ended))
        return pid

    def notify(self, packet: Notify, event: str) -> None:
        """Run the state_change hook, one after the other; the oldest of too many is left out."""
        if not self._plan.hooks.state_change:
            return
        if len(self._notifies) == NOTIFIES_MAX:
            self._log.warning("state_change_skipped", event_left_out=self._notifies[0][0])
        self._notifies.append((event, packet))
        self._next_notify()

    def close(self) -> None:
        """Kill what still runs and take the cgroups away; the last call, when no node is left."""
        self._notifies.clear()
        self._kill_notify()
        if not self._notify_group.path:
            self._notify_pid, self._notify_due = 0, None  # one that still runs is spared no more
            self._kill_descendants()
        self._group.remove()
        self._notify_group.remove()

    # --- inside

    def _is_no_hook(self, pid: int) -> bool:
        return pid == self._notify_pid or self._is_spared(pid)

    def _on_guest_exited(self, pid: int, code: int, ended: Callable[[int], None]) -> None:
        self._guests.discard(pid)
        ended(code)
        order = self._waiting
        if order and not self._guests:
            self._waiting = None
            self.start(order)
        self.look()

    def _kill_notify(self) -> None:
        # Without a cgroup its leftovers are told from nobody's: the next de-escalation ends them.
        if self._notify_group.path:
            self._notify_group.kill()

    def _kill_descendants(self) -> None:
        """Without a cgroup: whatever is ours still. Orphans of the killed become our children."""
        for _ in range(CLOSING_LOOKS_MAX):
            found = processes.descendants(self._is_no_hook)
            if not found:
                return
            for pid, start in found.items():
                processes.kill(pid, start)
            clock.pause(CLOSING_PAUSE_S)
            self._reaper.reap()

    def _on_exited(self, kind: HookKind, code: int) -> None:
        del self._running[kind]
        self._feed(HookExited(kind, ok=code == 0, detail=explain(code)))
        self.look()

    def _next_notify(self) -> None:
        if self._notify_pid or not self._notifies:
            return
        event, packet = self._notifies.popleft()
        old, new, old_coordinator, new_coordinator, epoch, reason = packet
        bound_ns = self._plan.policy.escalation_timeout_ns
        facts = Facts(
            event,
            epoch,
            bound_ns // MS,
            reason,
            old,
            new,
            old_coordinator,
            new_coordinator,
        )
        try:
            started = self._starter.begin(self._plan.hooks.state_change, facts, self._notify_group)
        except OSError as error:
            self._log.warning("hook_failed", hook="state_change", why=str(error))
            self._next_notify()
            return
        with contextlib.suppress(OSError):  # it has ended already
            resource.prlimit(started.pid, resource.RLIMIT_CPU, (NOTIFY_CPU_S, NOTIFY_CPU_S))
        self._notify_pid, self._notify_output = started
        self._notify_due = Due(clock.now(), bound_ns)
        self._reaper.expect(started.pid, self._on_notified)
        self._notify_wakes.arm()

    def _notify_dues(self) -> list[Due]:
        return [self._notify_due] if self._notify_due else []

    def _time_out(self) -> None:
        if self._notify_pid and self._notify_due and self._notify_due.is_past(clock.now()):
            self._notify_due = None
            self._kill_notify()
            os.kill(self._notify_pid, signal.SIGKILL)

    def _on_notified(self, code: int) -> None:
        self._kill_notify()
        if self._notify_output:  # not when its pipe closes: what it left may hold that for ever
            self._notify_output.finish()
        self._notify_pid, self._notify_output, self._notify_due = 0, None, None
        if code:
            self._log.warning("hook_failed", hook="state_change", why=explain(code))
        self._next_notify()


def kill_session(pid: int) -> None:
    """SIGKILL the process group that a started process leads; it must not be waited for yet."""
    with contextlib.suppress(ProcessLookupError):  # not a leader yet: then it is alone
        os.killpg(pid, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


def explain(code: int) -> str:
    """An exit code or signal in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
