"""Starts one hook: argv from the config, an environment made from nothing, JSON on stdin.

Rule: no word of a packet becomes a word of a command; files are looked at before each start; what
is started leads a session of its own and is in its group before anything of it runs.
docs/hooks.md is the contract.
"""

import json
import os
from typing import Final, NamedTuple

from watchdog.guardian import hook_files, scheduling, spawning, users
from watchdog.guardian.hook_group import HookGroup
from watchdog.guardian.hook_output import HookOutput
from watchdog.guardian.log import Log
from watchdog.guardian.loop import Loop
from watchdog.guardian.plan import Plan

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
JOIN: Final = (
    'echo 0 > "$1" || exit 126; echo "$2" 2>/dev/null > /proc/self/oom_score_adj; '
    '[ "$3" = 0 ] || ulimit -p "$3" 2>/dev/null || ulimit -u "$3" 2>/dev/null; '
    'shift 3; exec "$@"'
)
"""A constant: enters the group, and is marked and bounded, before anything of the hook's runs."""
PROCESSES_MAX: Final = {"state_change": 4096}
"""Processes and threads that the user of such a hook may have; root has no such bound.

Only for hooks that start nothing that lasts: a service inherits what started it.
"""
OUTPUTS_MAX: Final = 64
"""Pipes that something which a hook of any kind left behind may still hold."""
NOT_KEPT: Final = (
    f"(its output is not kept: what earlier hooks left running still holds {OUTPUTS_MAX} pipes; "
    "let it log elsewhere)"
)


class Started(NamedTuple):
    """The first process of a hook; without an output, nothing of what it prints is kept."""

    pid: int
    output: HookOutput | None


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
    check: str = ""
    when: str = ""


def in_group(
    group: HookGroup, oom_score: int, argv: list[str], processes_max: int = 0
) -> list[str]:
    """Words that join the group and then become `argv`; no word of theirs is the shell's."""
    numbers = [str(oom_score), str(processes_max)]
    return ["/bin/sh", "-c", JOIN, "sh", group.join_file, *numbers, *argv]


class HookStarter:
    """The user, the files and the environment of every hook."""

    def __init__(self, plan: Plan, loop: Loop, log: Log) -> None:
        self._plan = plan
        self._loop = loop
        self._log = log
        self._account = users.find(plan.hooks.user) if plan.hooks.user else None
        self._outputs: set[HookOutput] = set()

    def fault(self, argv: tuple[str, ...]) -> str:
        """Why it would not be started, with what to do; empty when it would."""
        if self._plan.hooks.user and not self._account:
            return f"hooks.user: there is no user {self._plan.hooks.user}"
        owners = {0, os.geteuid()} | ({self._account.uid} if self._account else set())
        return hook_files.fault(argv, owners)

    @property
    def is_crowded(self) -> bool:
        """Whether too many left-behind processes still hold the output that a hook gave them."""
        return sum(output.is_open for output in self._outputs) >= OUTPUTS_MAX

    def start(
        self, argv: tuple[str, ...], facts: Facts, group: HookGroup, oom_score: int = 0
    ) -> int:
        """Pid of the started hook, whose output is kept while somebody writes. Raises OSError."""
        return self.begin(argv, facts, group, oom_score).pid

    def begin(
        self, argv: tuple[str, ...], facts: Facts, group: HookGroup, oom_score: int = 0
    ) -> Started:
        """The started hook; who knows that it leaves nothing lasting ends its output."""
        fault = self.fault(argv)
        if fault:
            raise OSError(fault)
        whose = users.prefix(self._account, keeps_nothing=False) if self._account else []
        processes_max = PROCESSES_MAX.get(facts.event, 0)
        words = in_group(group, oom_score, [*whose, *argv], processes_max)
        output, stdout = self._pipe(facts.event)
        try:
            pid = self._spawn(words, facts, stdout)
        except OSError:
            if output is not None:
                os.close(output)
            raise
        finally:
            os.close(stdout)
        scheduling.apply_to_hook(pid, self._plan.scheduling)
        return Started(pid, None if output is None else self._capture(output, facts.event))

    def _pipe(self, event: str) -> tuple[int | None, int]:
        """Our end, and the hook's; every pipe that is held takes a place in the loop."""
        if self.is_crowded:
            self._log.info("hook_output", hook=event, text=NOT_KEPT)
            return None, os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        return os.pipe2(os.O_CLOEXEC)

    def _spawn(self, words: list[str], facts: Facts, stdout: int) -> int:
        stdin, feed = os.pipe2(os.O_CLOEXEC)
        try:
            os.write(feed, self._json(facts))
            moves = [(stdin, 0), (stdout, 1), (stdout, 2)]
            return spawning.spawn(words, self._environment(facts), moves)
        finally:
            os.close(stdin)
            os.close(feed)

    def _capture(self, fd: int, event: str) -> HookOutput:
        def line(text: str) -> None:
            self._log.info("hook_output", hook=event, text=text)

        output = HookOutput(fd, self._loop, line)
        self._outputs = {output, *(other for other in self._outputs if other.is_open)}
        return output

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
