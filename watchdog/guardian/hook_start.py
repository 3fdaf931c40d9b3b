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
"""Pipes that something which a restart action left behind may still hold."""


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
        return len(self._outputs) >= OUTPUTS_MAX

    def start(
        self, argv: tuple[str, ...], facts: Facts, group: HookGroup, oom_score: int = 0
    ) -> int:
        """Pid of the started hook. Raises OSError."""
        fault = self.fault(argv)
        if fault:
            raise OSError(fault)
        whose = users.prefix(self._account, keeps_nothing=False) if self._account else []
        processes_max = PROCESSES_MAX.get(facts.event, 0)
        words = in_group(group, oom_score, [*whose, *argv], processes_max)
        stdin, feed = os.pipe2(os.O_CLOEXEC)
        output, stdout = os.pipe2(os.O_CLOEXEC)
        try:
            os.write(feed, self._json(facts))
            moves = [(stdin, 0), (stdout, 1), (stdout, 2)]
            pid = spawning.spawn(words, self._environment(facts), moves)
        except OSError:
            os.close(output)
            raise
        finally:
            for fd in (stdin, feed, stdout):
                os.close(fd)
        scheduling.apply_to_hook(pid, self._plan.scheduling)
        self._capture(output, facts.event)
        return pid

    def _capture(self, fd: int, event: str) -> None:
        def line(text: str) -> None:
            self._log.info("hook_output", hook=event, text=text)

        self._outputs = {output for output in self._outputs if output.is_open}
        self._outputs.add(HookOutput(fd, self._loop, line))

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
