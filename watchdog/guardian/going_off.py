"""One going-off: the order in which everything is taken away, and the bound of each part.

Pure. VIPs first (or the hook first, if configured so), then the de-escalation hook within its
bound, then SIGKILL for whatever is left.  What resists is tried again every RETRY_NS.  Done only
when the VIPs were read back absent and no process of a hook is alive (docs/election.md, G3-G6).
"""

from enum import Enum
from typing import Final

from watchdog.guardian.actions import (
    Action,
    CloseGate,
    HookKind,
    KillHooks,
    RemoveVips,
    StartHook,
)
from watchdog.guardian.due import Due
from watchdog.guardian.policy import Policy
from watchdog.instant import MS, Instant

RETRY_NS: Final = 50 * MS
AT_START: Final = "start"
"""Why everything is taken off that a predecessor may have left."""


class Step(Enum):
    """How far the hooks are."""

    KILL_ESCALATION = "kill the escalation hook"
    DE_ESCALATION = "de-escalation hook"
    KILL_REST = "kill what is left"
    DONE = "done"


class GoingOff:
    """`s` and `hard_ns` are those of the tenure that ends; `epoch` and `why` are for the hook."""

    def __init__(
        self,
        policy: Policy,
        now: Instant,
        *,
        s: Instant,
        hard_ns: int,
        epoch: int,
        why: str,
        is_hook_owed: bool,
        is_escalation_running: bool,
        ticket: int,
    ) -> None:
        self.why = why
        self.word = ""
        """Why, for the node process, if that did not ask for it."""
        self.hook_fault = ""
        self.epoch = epoch
        self.is_hook_owed = is_hook_owed
        self.ticket = ticket
        self.vip_fault = "not removed yet"
        self.off_by = Due(s, hard_ns - policy.slack_ns)
        self.hard = Due(s, hard_ns)
        self._told_by = Due(now, 2 * RETRY_NS)
        self.has_told_failure = False
        self._policy = policy
        must_kill_first = is_escalation_running and is_hook_owed
        self._step = Step.KILL_ESCALATION if must_kill_first else Step.DE_ESCALATION
        self._now = now
        self._hook_by = self._earlier(
            Due(now, policy.deesc_ns), Due(s, hard_ns - policy.slack_ns - policy.drop_ns)
        )
        self._retry = Due(now, RETRY_NS)
        self._is_hook_running = False
        self._is_removing = False

    def _earlier(self, one: Due, other: Due) -> Due:
        return one if one.left_ns(self._now) <= other.left_ns(self._now) else other

    @property
    def is_leftover(self) -> bool:
        """Whether it is a predecessor's that is taken off, at the start."""
        return self.why == AT_START

    def has_failed(self, now: Instant) -> bool:
        """Whether it must be said: at `hard` - slack, but not before it was tried at all.

        A process that was stopped until then begins when it is already late.
        """
        is_late = self.off_by.is_past(now) and self._told_by.is_past(now)
        return is_late and not self.has_told_failure

    @property
    def is_done(self) -> bool:
        """Whether everything is confirmed off."""
        return self._step is Step.DONE and not self.vip_fault

    @property
    def resisting(self) -> str:
        """What is not off yet, for the log."""
        parts = [self.vip_fault and f"vip: {self.vip_fault}"]
        parts.append("" if self._step is Step.DONE else f"hooks: {self._step.value}")
        return "; ".join(part for part in parts if part)

    @property
    def dues(self) -> list[Due]:
        """When `look` has something to do."""
        dues = [self._retry]
        if not self.has_told_failure:
            dues += [self.off_by, self._told_by]
        if self._step in (Step.KILL_ESCALATION, Step.DE_ESCALATION):
            dues.append(self._hook_by)
        return dues

    def begin(self) -> list[Action]:
        """The first acts."""
        if not self._policy.has_vips:
            self.vip_fault = ""
        actions: list[Action] = []
        if not self._policy.is_hook_first:
            actions += self._remove_vips()
        if self._step is Step.KILL_ESCALATION:
            actions.append(KillHooks(self.ticket))
            return actions
        return actions + self._start_hook(self._now)

    def on_vips_removed(self, *, ok: bool, why: str) -> None:
        """They were read back absent, or not."""
        self.vip_fault = "" if ok else why or "still there"

    def on_hooks_killed(self, ticket: int, now: Instant) -> list[Action]:
        """Nothing of the hooks is alive, if `ticket` is the one asked for last."""
        if ticket != self.ticket:
            return []
        if self._step is Step.KILL_ESCALATION:
            return self._start_hook(now)
        if self._step is Step.KILL_REST:
            self._step = Step.DONE
        return []

    def on_hook_exited(self, *, ok: bool, detail: str) -> list[Action]:
        """The de-escalation hook ended by itself."""
        if not self._is_hook_running:
            return []
        if not ok:
            self.hook_fault = detail
        return self._kill_rest()

    def look(self, now: Instant) -> list[Action]:
        """What time asks for: the hook's bound, and the next attempt at what resists."""
        self._now = now
        actions: list[Action] = []
        is_early = self._step in (Step.KILL_ESCALATION, Step.DE_ESCALATION)
        if is_early and self._hook_by.is_past(now):
            if self.is_hook_owed:
                self.hook_fault = "not done at its bound"
            actions += self._kill_rest()
        if not self._retry.is_past(now):
            return actions
        self._retry = Due(now, RETRY_NS)
        if self.vip_fault and self._is_removing:
            actions.append(RemoveVips())
        if self._step in (Step.KILL_ESCALATION, Step.KILL_REST):
            actions.append(KillHooks(self.ticket))
        return actions

    def _remove_vips(self) -> list[Action]:
        if not self._policy.has_vips or self._is_removing:
            return []
        self._is_removing = True
        return [RemoveVips(), CloseGate()] if self._policy.has_gate else [RemoveVips()]

    def _start_hook(self, now: Instant) -> list[Action]:
        self._now = now
        self._step = Step.DE_ESCALATION
        if not self.is_hook_owed:
            return self._kill_rest()
        left = self._hook_by.left_ns(now)
        if left <= 0:
            self.hook_fault = "no time was left to run it"
            return self._kill_rest()
        self._is_hook_running = True
        return [StartHook(HookKind.DE_ESCALATION, self.epoch, left, self.why)]

    def _kill_rest(self) -> list[Action]:
        self._is_hook_running = False
        actions = self._remove_vips()
        if not self._policy.has_hooks:
            self._step = Step.DONE
            return actions
        self._step = Step.KILL_REST
        self._retry = Due(self._now, RETRY_NS)
        self.ticket += 1
        actions.append(KillHooks(self.ticket))
        return actions
