"""Runs restart actions that lifecheck asks for: by the check's name, never by a command of its.

Rule: argv, bound and count are those of our own plan.  What an `always` check starts outlives a
tenure, so it is in a group of its own that no de-escalation touches; what an `escalated` check
starts is in the hooks' group, only while this node is on and settled (docs/hooks.md).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from watchdog.guardian import clock, processes
from watchdog.guardian.due import Due
from watchdog.guardian.hook_group import HookGroup
from watchdog.guardian.hook_start import Facts, HookStarter
from watchdog.guardian.hooks import Hooks, explain, kill_session
from watchdog.guardian.log import Log
from watchdog.guardian.loop import Loop
from watchdog.guardian.plan import Plan, RestartPlan
from watchdog.guardian.reaper import Reaper
from watchdog.guardian.restart_limit import RestartLimit
from watchdog.guardian.wakes import Wakes
from watchdog.guardian_protocol import RestartEnded, RestartWanted
from watchdog.instant import MS

EVENT: Final = "restart"


class _Running(NamedTuple):
    """One action under way."""

    plan: RestartPlan
    ticket: int
    pid: int
    kill_at: Due


class Restarts:
    """`is_settled()`: whether what must end with the tenure may be started now."""

    def __init__(
        self,
        plan: Plan,
        loop: Loop,
        reaper: Reaper,
        log: Log,
        hooks: Hooks,
        starter: HookStarter,
        tag: str,
    ) -> None:
        self.is_settled: Callable[[], bool] = bool
        self.epoch: Callable[[], int] = int
        self._reaper = reaper
        self._log = log
        self._hooks = hooks
        self._starter = starter
        self._plans = {restart.check: restart for restart in plan.restarts}
        self._limits = {r.check: RestartLimit(r.restarts, r.within_ns) for r in plan.restarts}
        self._running: dict[str, _Running] = {}
        self._late: set[str] = set()
        self._told: dict[str, str] = {}
        """check -> the refusal that the log has: whoever asks again makes no line."""
        self._answer: Callable[[RestartEnded], None] | None = None
        self._is_stopping = False
        self._group = HookGroup(
            f"quorumdog-restart-{tag}",
            lambda _: True,
            is_used=any(not restart.is_escalated for restart in plan.restarts),
        )
        self._wakes = Wakes(loop, self._dues, self._look)

    def keeps(self, pid: int) -> bool:
        """Whether a child of ours is, or was left by, an action that no de-escalation may end."""
        if any(pid == r.pid and not r.plan.is_escalated for r in self._running.values()):
            return True
        return processes.oom_score_of(pid) == processes.KEPT_OOM_SCORE

    def knows(self, check: str) -> bool:
        """Whether that check has a restart action."""
        return check in self._plans

    def run(self, wanted: RestartWanted, answer: Callable[[RestartEnded], None]) -> None:
        """Run the action of a check that it knows; `answer` is called once, maybe at once."""
        plan, self._answer = self._plans[wanted.check], answer
        fault = self._fault(plan)
        if not fault:
            fault = self._start(plan, wanted.ticket)
        if fault:
            if fault != self._told.get(plan.check):
                self._log.warning("restart_refused", check=plan.check, why=fault)
            self._told[plan.check] = fault
            answer(RestartEnded(wanted.ticket, ok=False, detail=fault))

    def forget_asker(self) -> None:
        """Who asked is gone: what runs goes on, and nobody hears of its end."""
        self._answer = None
        self._running = {name: r._replace(ticket=0) for name, r in self._running.items()}

    def warn(self) -> None:
        """Say at the start what would fail later."""
        for plan in self._plans.values():
            fault = self._starter.fault(plan.argv)
            if fault:
                self._log.warning("hook_unusable", check=plan.check, why=fault)

    def stop(self) -> None:
        """Start no more of them: the daemon ends."""
        self._is_stopping = True

    def close(self) -> None:
        """Kill the actions under way; what they have started and left stays."""
        for running in self._running.values():
            kill_session(running.pid)
        self._group.remove()

    # --- inside

    def _fault(self, plan: RestartPlan) -> str:
        if self._is_stopping:
            return "the daemon is being stopped"
        if plan.is_escalated and not self.is_settled():
            return "this node is not escalated, or its escalation hook has not succeeded"
        if self._starter.is_crowded:
            return "what earlier hooks left running still holds their output: let it log elsewhere"
        return self._limits[plan.check].fault(clock.now())

    def _start(self, plan: RestartPlan, ticket: int) -> str:
        now = clock.now()
        self._limits[plan.check].begin(now)
        when = "escalated" if plan.is_escalated else "always"
        facts = Facts(
            EVENT,
            epoch=self.epoch(),
            deadline_ms=plan.timeout_ns // MS,
            reason="check_down",
            check=plan.check,
            when=when,
        )
        try:
            pid = self._spawn(plan, facts)
        except OSError as error:
            self._limits[plan.check].end()
            return str(error)
        self._told.pop(plan.check, None)
        self._log.info("restart_started", check=plan.check, pid=pid)
        self._running[plan.check] = _Running(plan, ticket, pid, Due(now, plan.timeout_ns))
        self._wakes.arm()
        return ""

    def _spawn(self, plan: RestartPlan, facts: Facts) -> int:
        def ended(code: int) -> None:
            self._on_exited(plan.check, code)

        if plan.is_escalated:
            return self._hooks.run_guest(plan.argv, facts, ended)
        pid = self._starter.start(plan.argv, facts, self._group, processes.KEPT_OOM_SCORE)
        self._reaper.expect(pid, ended)
        return pid

    def _on_exited(self, check: str, code: int) -> None:
        running = self._running.pop(check)
        self._limits[check].end()
        detail = "not done within its bound; killed" if check in self._late else explain(code)
        self._late.discard(check)
        self._log.info("restart_ended", check=check, detail=detail)
        if self._answer and running.ticket:
            self._answer(RestartEnded(running.ticket, ok=code == 0, detail=detail))

    def _dues(self) -> list[Due]:
        return [r.kill_at for name, r in self._running.items() if name not in self._late]

    def _look(self) -> None:
        now = clock.now()
        for check, running in self._running.items():
            if running.kill_at.is_past(now) and check not in self._late:
                self._late.add(check)
                kill_session(running.pid)
