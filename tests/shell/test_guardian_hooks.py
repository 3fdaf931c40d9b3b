"""Hooks and guests of their group: what they leave is killed in time, and never piles up."""

import contextlib
import json
import os
import pwd
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.unit.watchdog.guardian.test_plan import PLAN
from watchdog.guardian import clock, hook_group, hook_start, loop, plan
from watchdog.guardian.actions import HooksKilled, Input
from watchdog.guardian.due import Due
from watchdog.guardian.hook_group import HookGroup
from watchdog.guardian.hook_start import Facts, HookStarter
from watchdog.guardian.hooks import Hooks
from watchdog.guardian.log import Log
from watchdog.guardian.loop import Loop
from watchdog.guardian.reaper import Reaper
from watchdog.guardian_protocol import Notify
from watchdog.instant import MS, SECOND


class Rig:
    """Real hooks in a loop that the test turns."""

    def __init__(
        self,
        tag: str,
        user: str | None = None,
        state_change: str = "/etc/notify",
        log_fd: int | None = None,
    ) -> None:
        self.fed: list[Input] = []
        self.ended: list[int] = []
        hooks = {**PLAN["hooks"], "user": user, "state_change": [state_change]}
        document = {**PLAN, "hooks": hooks}
        the_plan = plan.parse(json.dumps(document).encode())
        fd = sys.stderr.fileno() if log_fd is None else log_fd
        turned, log = Loop(), Log(fd, is_json=False, node="alpha")
        self.loop, self.reaper = turned, Reaper()
        self.starter = starter = HookStarter(the_plan, turned, log)
        self.hooks = Hooks(
            the_plan, turned, self.reaper, log, self.fed.append, starter, self._is_spared, tag
        )

    def _is_spared(self, pid: int) -> bool:
        return False

    def turn_until(self, fact: Callable[[], bool]) -> None:
        """Turn until it is a fact."""
        until = Due(clock.now(), 5 * SECOND)
        while not fact():
            assert not until.is_past(clock.now()), "it does not become a fact"
            self.loop.turn(clock.now().boot_ns + MS, lambda: None)
            self.reaper.reap()

    def turn_until_killed(self) -> None:
        """Turn until HooksKilled was fed."""
        until = Due(clock.now(), 5 * SECOND)
        while not self.fed and not until.is_past(clock.now()):
            self.loop.turn(clock.now().boot_ns + 5 * MS, lambda: None)
            self.reaper.reap()
            self.hooks.look()


def test_a_guest_that_has_not_joined_its_group_yet_is_killed_and_waited_for(
    tmp_path: Path,
) -> None:
    """Between its start and its first instruction the group is still empty."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a cgroup")
    rig = Rig(f"test{os.getpid()}")
    assert rig.hooks.has_cgroup
    ran = tmp_path / "ran"
    script = tmp_path / "guest"
    script.write_text(f"#!/bin/sh\n: > {ran}\nexec sleep 60\n")
    script.chmod(0o755)
    try:
        for ticket in range(20):
            rig.fed.clear()
            pid = rig.hooks.run_guest((str(script),), Facts("restart"), rig.ended.append)
            rig.hooks.kill(ticket)
            assert rig.fed == [], "it is not gone yet"
            rig.turn_until_killed()
            assert rig.fed == [HooksKilled(ticket)]
            assert not Path(f"/proc/{pid}").exists()
    finally:
        rig.hooks.close()
    assert rig.ended == [-9] * 20


BOMB = """#!/bin/sh
for number in $(seq 1000); do sleep 60 & done 2> {refused}
wait
"""


def test_a_fork_bomb_meets_the_limit_of_its_user_and_is_killed_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand children are asked for; without a pids controller only the user's limit counts."""
    if os.geteuid() != 0:
        pytest.skip("needs root: another user")
    monkeypatch.setitem(hook_start.PROCESSES_MAX, "state_change", 64)
    user = pwd.getpwnam("games")
    rig = Rig(f"test{os.getpid()}", user.pw_name)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    script = tmp_path / "bomb"
    refused = tmp_path / "refused"
    script.write_text(BOMB.format(refused=refused))
    script.chmod(0o755)
    refused.touch()
    os.chown(refused, user.pw_uid, user.pw_gid)
    try:
        rig.hooks.run_guest((str(script),), Facts("state_change"), rig.ended.append)
        until = Due(clock.now(), 30 * SECOND)
        while not refused.stat().st_size and not until.is_past(clock.now()):
            rig.loop.turn(clock.now().boot_ns + 5 * MS, lambda: None)
            rig.reaper.reap()
        assert refused.stat().st_size, "no fork was ever refused"
        assert _of(user.pw_uid) <= 64
        rig.hooks.kill(1)
        for _ in range(6):
            rig.turn_until_killed()
        assert rig.fed == [HooksKilled(1)]
        assert _of(user.pw_uid) == 0
    finally:
        rig.hooks.close()


def _of(uid: int) -> int:
    """Processes of that user that live; how soon the dead ones are waited for is init's affair."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (folder / "stat").read_bytes().rpartition(b")")[2].split()[0]
            count += folder.stat().st_uid == uid and state not in b"ZX"
    return count


def test_only_a_hook_that_starts_nothing_lasting_is_bounded() -> None:
    """A service that an escalation or a restart action starts would inherit the limit."""
    assert set(hook_start.PROCESSES_MAX) == {"state_change"}


RUNS = 100
"""Far more than the lowered bounds of the loop."""
LOOKING = """#!/bin/sh
stdout=$(readlink /proc/$$/fd/1)
echo $stdout > {seen}
"""
LEAVING = """#!/bin/sh
echo said by $$
sleep 60 &
echo $! >> {pids}
"""


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """A file of pids that scripts left; they are ended when the test is over."""
    file = tmp_path / "pids"
    file.touch()
    yield file
    for pid in file.read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _has_lines(file: Path, count: int) -> bool:
    return len(file.read_text().split()) == count


def _script(folder: Path, text: str) -> str:
    file = folder / "script"
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


def test_what_many_state_change_hooks_leave_holds_no_place_in_the_loop(
    tmp_path: Path, pids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a cgroup nothing kills it; 250 pipes of it ended the guardian, also while on."""
    monkeypatch.setattr(hook_group, "find_mount", lambda _: "")
    monkeypatch.setattr(loop, "WATCHED_MAX", 6)
    monkeypatch.setattr(loop, "CALLS_MAX", 6)
    log = tmp_path / "log"
    with log.open("w") as file:
        script = _script(tmp_path, LEAVING.format(pids=pids))
        rig = Rig("test", state_change=script, log_fd=file.fileno())
        for runs in range(1, RUNS + 1):
            rig.hooks.notify(Notify("A", "B", "", "", 1, "because"), "state_change")
            rig.turn_until(partial(_has_lines, pids, runs))
        rig.turn_until(lambda: log.read_text().count("said by") == RUNS)
    assert all(Path(f"/proc/{pid}").exists() for pid in pids.read_text().split()), "all held it"


@pytest.mark.parametrize("event", ["escalation", "de_escalation", "state_change"])
def test_where_left_pipes_crowd_the_loop_a_hook_of_any_kind_runs_without_one(
    tmp_path: Path, pids: Path, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    """Its words are worth less than the guardian; the log says that they are not kept."""
    monkeypatch.setattr(hook_group, "find_mount", lambda _: "")
    monkeypatch.setattr(hook_start, "OUTPUTS_MAX", 2)
    log, seen = tmp_path / "log", tmp_path / "seen"
    nobodys = HookGroup("test", lambda _: False, is_used=False)
    with log.open("w") as file:
        rig = Rig("test", log_fd=file.fileno())
        leaving = _script(tmp_path, LEAVING.format(pids=pids))
        for _ in range(2):
            rig.starter.start((leaving,), Facts("restart"), nobodys)
        rig.turn_until(partial(_has_lines, pids, 2))
        assert rig.starter.is_crowded
        looking = _script(tmp_path, LOOKING.format(seen=seen))
        rig.starter.start((looking,), Facts(event), nobodys)
        rig.turn_until(lambda: seen.exists() and seen.read_text() != "")
        assert seen.read_text() == "/dev/null\n"
        assert log.read_text().count(f"hook={event}") == 1
        assert "its output is not kept" in log.read_text()
        for pid in pids.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        rig.turn_until(lambda: not rig.starter.is_crowded)
