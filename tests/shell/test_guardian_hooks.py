"""Guests of the hooks' group: dead before HooksKilled, however little of them has run."""

import contextlib
import json
import os
import pwd
import sys
from pathlib import Path

import pytest

from tests.unit.watchdog.guardian.test_plan import PLAN
from watchdog.guardian import clock, hook_start, plan
from watchdog.guardian.actions import HooksKilled, Input
from watchdog.guardian.due import Due
from watchdog.guardian.hook_start import Facts, HookStarter
from watchdog.guardian.hooks import Hooks
from watchdog.guardian.log import Log
from watchdog.guardian.loop import Loop
from watchdog.guardian.reaper import Reaper
from watchdog.instant import MS, SECOND


class Rig:
    """Real hooks in a loop that the test turns."""

    def __init__(self, tag: str, user: str | None = None) -> None:
        self.fed: list[Input] = []
        self.ended: list[int] = []
        document = {**PLAN, "hooks": {**PLAN["hooks"], "user": user}}
        the_plan = plan.parse(json.dumps(document).encode())
        loop, log = Loop(), Log(sys.stderr.fileno(), is_json=False, node="alpha")
        self.loop, self.reaper = loop, Reaper()
        starter = HookStarter(the_plan, loop, log)
        self.hooks = Hooks(
            the_plan, loop, self.reaper, log, self.fed.append, starter, self._is_spared, tag
        )

    def _is_spared(self, pid: int) -> bool:
        return False

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
