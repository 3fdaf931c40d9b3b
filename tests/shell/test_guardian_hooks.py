"""Guests of the hooks' group: dead before HooksKilled, however little of them has run."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.unit.watchdog.guardian.test_plan import PLAN
from watchdog.guardian import clock, plan
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

    def __init__(self, tag: str) -> None:
        self.fed: list[Input] = []
        self.ended: list[int] = []
        the_plan = plan.parse(json.dumps(PLAN).encode())
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
