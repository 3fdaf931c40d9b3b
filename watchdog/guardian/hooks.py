"""Runs hooks: argv from the config, an environment made from nothing, one JSON object on stdin.

Rule: the deadline decides when a hook starts and when it is killed; this file only does it.
A hook is done when its first process ends; what it leaves running stays in its group.
docs/hooks.md is the contract.
"""

import contextlib
import json
import os
import resource
import signal
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from watchdog.guardian import clock, hook_files, processes, scheduling, users
from watchdog.guardian.actions import HookExited, HookKind, HooksKilled, Input, StartHook
from watchdog.guardian.hook_group import HookGroup
from watchdog.guardian.hook_output import HookOutput
from watchdog.guardian.log import Log
from watchdog.guardian.loop import Loop
from watchdog.guardian.plan import Plan
from watchdog.guardian.reaper import Reaper
from watchdog.guardian_protocol import Notify
from watchdog.instant import MS

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
JOIN: Final = 'echo 0 > "$1" && shift && exec "$@"'
"""A constant: enters the group before anything of the hook's runs. No word of it is configured."""
NOTIFIES_MAX: Final = 16
NOTIFY_CPU_S: Final = 10
CLOSING_LOOKS_MAX: Final = 200
CLOSING_PAUSE_S: Final = 0.005


class Facts(NamedTuple):
    """What a hook is told; `environment` and the JSON on stdin say the same."""

    event: str
    epoch: int = 0
    deadline_ms: int = 0
    reason: str = ""
    old_state: str = ""
    new_state: str = ""
    old_coordinator: str = ""
    new_coordinator: str = ""


class Hooks:
    """`feed` takes the answers to the deadline; `spared()` are children that are no hooks."""

    def __init__(
        self,
        plan: Plan,
        loop: Loop,
        reaper: Reaper,
        log: Log,
        feed: Callable[[Input], None],
        spared: Callable[[], set[int]],
        tag: str,
    ) -> None:
        self._plan = plan
        self._loop = loop
        self._reaper = reaper
        self._log = log
        self._feed = feed
        self._spared = spared
        self._running: dict[HookKind, int] = {}
        self._killing: int | None = None
        self._notify_pid = 0
        self._notifies: deque[tuple[str, Notify]] = deque(maxlen=NOTIFIES_MAX)
        self._account = users.find(plan.hooks.user) if plan.hooks.user else None
        self._group = HookGroup(
            f"quorumdog-hooks-{tag}", self._not_hooks, is_used=plan.policy.has_hooks
        )
        self._group.watch(loop.watch, self.look)
        self._notify_group = HookGroup(
            f"quorumdog-notify-{tag}", self._not_hooks, is_used=bool(plan.hooks.state_change)
        )

    @property
    def has_cgroup(self) -> bool:
        """Whether hooks are held in a cgroup; otherwise the guardian must be their subreaper."""
        return bool(self._group.path)

    def fault(self) -> str:
        """Why an escalation or its end would fail; empty when the hook files are in order."""
        plan = self._plan.hooks
        for argv in (plan.escalation, plan.de_escalation):
            text = self._fault_of(argv) if argv else ""
            if text:
                return text
        return ""

    def start(self, order: StartHook) -> None:
        """Start a hook; HookExited follows, at once when it cannot be started."""
        plan = self._plan.hooks
        is_up = order.kind is HookKind.ESCALATION
        argv = plan.escalation if is_up else plan.de_escalation
        facts = Facts(order.kind.value, order.epoch, order.bound_ns // MS, order.reason)
        try:
            pid = self._spawn(argv, facts, self._group)
        except OSError as error:
            self._feed(HookExited(order.kind, ok=False, detail=str(error)))
            return
        self._running[order.kind] = pid
        self._reaper.expect(pid, lambda code: self._on_exited(order.kind, code))

    def kill(self, ticket: int) -> None:
        """SIGKILL everything that hooks run or left; HooksKilled follows when it is gone."""
        self._killing = ticket
        self._kill_now()
        self.look()

    def warn(self) -> None:
        """Say at the start what would fail later."""
        plan = self._plan.hooks
        for argv in (plan.escalation, plan.de_escalation, plan.state_change):
            text = self._fault_of(argv) if argv else ""
            if text:
                self._log.warning("hook_unusable", why=text)

    def clean(self) -> None:
        """SIGKILL what a predecessor's hooks left, before anything of ours runs."""
        self._group.kill()
        self._kill_notify()

    def look(self) -> None:
        """Say that everything is killed, if it is; call when a child or the group has changed."""
        if self._killing is None or self._running:
            return
        if self._group.is_empty:
            ticket, self._killing = self._killing, None
            self._feed(HooksKilled(ticket))
        elif not self._group.path:
            self._kill_now()  # orphans have become our children meanwhile

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
            self._kill_descendants()
        self._group.remove()
        self._notify_group.remove()

    # --- inside

    def _not_hooks(self) -> set[int]:
        return self._spared() | {self._notify_pid}

    def _kill_notify(self) -> None:
        # Without a cgroup its leftovers are told from nobody's: the next de-escalation ends them.
        if self._notify_group.path:
            self._notify_group.kill()

    def _kill_descendants(self) -> None:
        """Without a cgroup: whatever is ours still. Orphans of the killed become our children."""
        for _ in range(CLOSING_LOOKS_MAX):
            found = processes.descendants(set())
            if not found:
                return
            for pid, start in found.items():
                processes.kill(pid, start)
            clock.pause(CLOSING_PAUSE_S)
            self._reaper.reap()

    def _kill_now(self) -> None:
        # The first process may not have entered the group yet; it is our child, so its number
        # is its own until we have waited for it.
        for pid in self._running.values():
            os.kill(pid, signal.SIGKILL)
        self._group.kill()

    def _on_exited(self, kind: HookKind, code: int) -> None:
        del self._running[kind]
        self._feed(HookExited(kind, ok=code == 0, detail=_explain(code)))
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
            pid = self._spawn(self._plan.hooks.state_change, facts, self._notify_group)
        except OSError as error:
            self._log.warning("hook_failed", hook="state_change", why=str(error))
            self._next_notify()
            return
        with contextlib.suppress(OSError):  # it has ended already
            resource.prlimit(pid, resource.RLIMIT_CPU, (NOTIFY_CPU_S, NOTIFY_CPU_S))
        self._notify_pid = pid
        self._reaper.expect(pid, self._on_notified)
        self._loop.call_in(bound_ns, lambda: self._time_out(pid))

    def _time_out(self, pid: int) -> None:
        if pid == self._notify_pid and self._reaper.knows(pid):
            self._kill_notify()
            os.kill(pid, signal.SIGKILL)

    def _on_notified(self, code: int) -> None:
        self._kill_notify()
        self._notify_pid = 0
        if code:
            self._log.warning("hook_failed", hook="state_change", why=_explain(code))
        self._next_notify()

    def _fault_of(self, argv: tuple[str, ...]) -> str:
        if self._plan.hooks.user and not self._account:
            return f"hooks.user: there is no user {self._plan.hooks.user}"
        owners = {0, os.geteuid()} | ({self._account.uid} if self._account else set())
        return hook_files.fault(argv, owners)

    def _spawn(self, argv: tuple[str, ...], facts: Facts, group: HookGroup) -> int:
        fault = self._fault_of(argv)
        if fault:
            raise OSError(fault)
        whose = users.prefix(self._account, keeps_nothing=False) if self._account else []
        words = ["/bin/sh", "-c", JOIN, "sh", group.join_file, *whose, *argv]
        stdin, feed = os.pipe2(os.O_CLOEXEC)
        output, stdout = os.pipe2(os.O_CLOEXEC)
        try:
            os.write(feed, self._json(facts))
            pid = os.posix_spawn(
                words[0],
                words,
                self._environment(facts),
                file_actions=[_to(stdin, 0), _to(stdout, 1), _to(stdout, 2)],
                setsid=True,
                setsigmask=(),
                setsigdef=processes.OUR_SIGNALS,
            )
        except OSError:
            os.close(output)
            raise
        finally:
            for fd in (stdin, feed, stdout):
                os.close(fd)
        scheduling.apply_to_hook(pid, self._plan.scheduling)
        processes.set_oom_score(pid, 0)
        self._capture(output, facts.event)
        return pid

    def _capture(self, fd: int, event: str) -> None:
        def line(text: str) -> None:
            self._log.info("hook_output", hook=event, text=text)

        HookOutput(fd, self._loop, line)

    def _environment(self, facts: Facts) -> dict[str, str]:
        values = {f"QUORUMDOG_{name.upper()}": str(v) for name, v in self._told(facts).items()}
        return {"PATH": PATH, "LC_ALL": "C.UTF-8", **values}

    def _told(self, facts: Facts) -> dict[str, str | int]:
        plan = self._plan
        return {
            **facts._asdict(),
            "cluster": plan.cluster,
            "node": plan.node,
            "vips": " ".join(f"{vip.address}/{vip.prefix}" for vip in plan.vips),
            "interfaces": " ".join(vip.interface for vip in plan.vips),
        }

    def _json(self, facts: Facts) -> bytes:
        return json.dumps({"schema": 1, **self._told(facts)}).encode() + b"\n"


def _to(fd: int, target: int) -> tuple[int, int, int]:
    return (os.POSIX_SPAWN_DUP2, fd, target)


def _explain(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
