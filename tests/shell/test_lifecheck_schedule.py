"""How probes are run: at once, never twice at a time, no longer than allowed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lifecheck.probes import Outcome
from lifecheck.schedule import Slot
from tests.shell.lifecheck_node import FakeLog, eventually

FINE = Outcome(ok=True, detail="fine")


class FakeProbe:
    """Runs as long as told, and counts how many runs there are at a time."""

    def __init__(self, run_s: float = 0.0, *, lets_go: bool = True) -> None:
        self.doing = "thinking"
        self.run_s = run_s
        self.lets_go = lets_go
        self.runs = self.at_a_time = self.at_a_time_max = self.closed = 0
        self.free = asyncio.Event()

    async def run(self) -> Outcome:
        """Take the time."""
        self.runs += 1
        self.at_a_time += 1
        self.at_a_time_max = max(self.at_a_time, self.at_a_time_max)
        try:
            await asyncio.sleep(self.run_s)
        except asyncio.CancelledError:
            if self.lets_go:
                raise
            await self.free.wait()
        finally:
            self.at_a_time -= 1
        return FINE

    def close(self) -> None:
        """Count."""
        self.closed += 1


class Stage:
    """A slot with a probe, and its outcomes."""

    def __init__(self, probe: FakeProbe, every_ms: int = 20, timeout_ms: int = 1000) -> None:
        self.probe = probe
        self.outcomes: list[Outcome] = []
        self.every_ms = every_ms
        self.log = FakeLog()
        self._came = asyncio.Event()
        log: Any = self.log
        self.slot = Slot("web/tcp", probe, timeout_ms, self.took, log)

    def took(self, outcome: Outcome) -> int:
        """Keep it."""
        self.outcomes.append(outcome)
        self._came.set()
        return self.every_ms

    async def until(self, count: int) -> None:
        """Wait for so many outcomes."""
        async with asyncio.timeout(5):
            while len(self.outcomes) < count:
                self._came.clear()
                await self._came.wait()


def play(make: Callable[[], Stage], story: Callable[[Stage], Awaitable[None]]) -> Stage:
    """Run `story` beside the slot."""

    async def run() -> Stage:
        stage = make()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.slot.serve(group))
            try:
                await story(stage)
            finally:
                stage.probe.free.set()
                task.cancel()
                if stage.slot._run is not None:
                    stage.slot._run.cancel()
        return stage

    return asyncio.run(run())


def test_the_first_run_is_at_once_and_the_next_at_the_pace() -> None:
    """A node that starts wants to know, not to spread load over seconds."""

    async def story(stage: Stage) -> None:
        started = asyncio.get_running_loop().time()
        await stage.until(1)
        assert asyncio.get_running_loop().time() - started < 0.05
        await stage.until(3)
        assert asyncio.get_running_loop().time() - started >= 0.04

    assert play(lambda: Stage(FakeProbe()), story).probe.closed == 1


def test_a_run_is_cancelled_at_its_timeout_and_counts_as_failed() -> None:
    """A service that hangs is as useless as one that is gone."""

    async def story(stage: Stage) -> None:
        await stage.until(2)

    stage = play(lambda: Stage(FakeProbe(60), timeout_ms=30), story)
    assert stage.outcomes[0] == Outcome(False, "timed out after 30 ms: thinking")
    assert stage.probe.at_a_time_max == 1


def test_a_run_that_does_not_let_go_is_abandoned_and_fails_until_it_ends() -> None:
    """It may hang in the kernel; a second one would hang beside it."""

    async def story(stage: Stage) -> None:
        await stage.until(3)
        assert (stage.probe.runs, stage.slot.abandoned) == (1, 1)
        stage.probe.run_s = 0
        stage.probe.free.set()
        await eventually(lambda: stage.outcomes[-1].ok)

    stage = play(lambda: Stage(FakeProbe(60, lets_go=False), timeout_ms=30), story)
    assert "does not let go; timed out after 30 ms: thinking" in stage.outcomes[0].detail
    assert stage.log.events == ["probe_stuck", "probe_freed"]
    assert stage.probe.at_a_time_max == 1


def test_a_held_probe_does_not_run_until_it_is_woken() -> None:
    """A disarmed check asks nobody anything."""

    async def story(stage: Stage) -> None:
        stage.slot.hold()
        await asyncio.sleep(0.06)
        assert stage.outcomes == []
        stage.slot.wake()
        await stage.until(1)

    assert play(lambda: Stage(FakeProbe()), story).probe.runs >= 1


def test_what_ran_when_it_was_held_is_wanted_by_nobody() -> None:
    """It looked at a service that was being stopped on purpose."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(0.01)
        stage.slot.hold()
        await asyncio.sleep(0.01)
        assert stage.probe.at_a_time == 0
        stage.probe.run_s = 0
        stage.slot.wake()
        await stage.until(1)

    stage = play(lambda: Stage(FakeProbe(60)), story)
    assert stage.outcomes[0] == FINE


def test_waking_runs_once_more_after_the_present_run() -> None:
    """`check reset` wants an outcome that began after it."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(0.01)
        stage.slot.wake()
        await stage.until(2)

    stage = play(lambda: Stage(FakeProbe(0.03), every_ms=60_000), story)
    assert stage.probe.at_a_time_max == 1


def test_a_probe_that_raises_ends_everything() -> None:
    """A bug of ours must neither move a service nor be silent."""

    class Broken(FakeProbe):
        async def run(self) -> Outcome:
            raise ZeroDivisionError

    async def story(stage: Stage) -> None:
        await asyncio.sleep(5)

    with pytest.raises(ExceptionGroup):
        play(lambda: Stage(Broken()), story)
