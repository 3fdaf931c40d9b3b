"""A process probe between the watch and its check: at once, or when the patience is over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from lifecheck import clock
from lifecheck.check import Check
from lifecheck.detector import Verdict
from lifecheck.probes import Outcome
from lifecheck.watched import Watched
from tests.shell.lifecheck_node import eventually
from tests.unit.lifecheck.checks import RESTART, plan, process


@dataclass
class FakeSight:
    """What the watch knows."""

    alive: int = 1
    early: int = 0
    detail: str = "pid 7"


class Stage:
    """One process probe."""

    def __init__(self, when: Any = "always", on_fail: Any = None, **fields: Any) -> None:
        made = plan("db", process(**fields), when=when, on_fail=on_fail)
        self.check = Check(made, clock.now_ms())
        self.sight: FakeSight | None = FakeSight()
        self.outcomes: list[bool] = []
        self.watched = Watched(self.check, 0, lambda: self.sight, self.took)

    def took(self, outcome: Outcome) -> int:
        """As the runner does."""
        self.outcomes.append(outcome.ok)
        self.check.saw(clock.now_ms(), 0, ok=outcome.ok, detail=outcome.detail)
        return 20

    def see(self, alive: int, early: int = 0) -> None:
        """The watch calls a change out."""
        self.sight = FakeSight(alive, early)
        self.watched.look()


def play(story: Callable[[], Awaitable[None]]) -> None:
    """Run `story` in a loop."""

    async def run() -> None:
        await story()

    asyncio.run(run())


def test_a_death_is_judged_in_the_call_that_says_it() -> None:
    """No turn of the loop lies between."""

    async def story() -> None:
        stage = Stage()
        stage.see(1)
        stage.see(0)
        assert stage.check.verdict is Verdict.DOWN
        stage.see(1)
        assert stage.check.verdict is Verdict.UP

    play(story)


def test_one_that_has_begun_to_exit_is_gone() -> None:
    """The early signal of a large process."""

    async def story() -> None:
        stage = Stage()
        stage.see(1, early=1)
        assert stage.check.verdict is Verdict.DOWN

    play(story)


def test_a_restart_waits_for_the_real_end() -> None:
    """The old process still holds its port; a new one would fail, and cost a restart."""

    async def story() -> None:
        stage = Stage(on_fail=RESTART)
        stage.see(1, early=1)
        assert stage.check.verdict is Verdict.UP
        stage.see(0)
        assert stage.check.verdict is Verdict.DOWN

    play(story)


def test_nothing_is_judged_before_the_first_look() -> None:
    """Not looked yet is not gone."""

    async def story() -> None:
        stage = Stage()
        stage.sight = None
        stage.watched.look()
        assert stage.outcomes == []

    play(story)


def test_a_disarmed_check_judges_nothing_and_waits_for_nothing() -> None:
    """Its service is expected to be absent here."""

    async def story() -> None:
        stage = Stage(when="escalated")
        stage.see(0)
        assert stage.outcomes == []
        assert stage.watched._timer is None

    play(story)


def test_an_absence_counts_when_it_has_lasted() -> None:
    """absent_for: a supervisor may be faster."""

    async def story() -> None:
        stage = Stage(options={"absent_for_ms": 50})
        stage.see(1)
        stage.see(0)
        assert stage.check.verdict is Verdict.UP
        await eventually(lambda: stage.check.verdict is Verdict.DOWN)

    play(story)


def test_a_supervisor_that_is_fast_enough_leaves_no_trace() -> None:
    """Nothing moved, nothing was counted."""

    async def story() -> None:
        stage = Stage(options={"absent_for_ms": 50})
        stage.see(1)
        stage.see(0)
        stage.see(1)
        await asyncio.sleep(0.08)
        assert stage.check.verdict is Verdict.UP
        assert stage.check.fail_count == 0

    play(story)


def test_a_verdict_that_needs_more_outcomes_gets_them() -> None:
    """Nobody else would look again."""

    async def story() -> None:
        stage = Stage(fails=3, rises=2)
        stage.see(0)
        await eventually(lambda: stage.check.verdict is Verdict.DOWN)
        assert stage.outcomes == [False] * 3
        stage.see(1)
        await eventually(lambda: stage.check.verdict is Verdict.UP)
        assert stage.watched._timer is None

    play(story)


def test_a_held_probe_waits_for_nothing() -> None:
    """A restart is under way."""

    async def story() -> None:
        stage = Stage(options={"absent_for_ms": 20})
        stage.see(0)
        stage.watched.hold()
        await asyncio.sleep(0.05)
        assert stage.outcomes == []

    play(story)
