"""The whole of lifecheck but the world: what is reported, and when."""

import asyncio
from pathlib import Path

import pytest

from lifecheck.plan import OnFail
from lifecheck.probes import Outcome
from tests.shell.lifecheck_node import eventually
from tests.shell.lifecheck_stage import FAST, FINE, Stage, play
from tests.unit.lifecheck.checks import RESTART, plan, probe, process
from watchdog.guardian_protocol import RestartEnded, pack


def test_a_dead_process_is_on_the_socket_before_the_callback_returns(tmp_path: Path) -> None:
    """The chain from the watch to the socket has no task and no turn of the loop in it."""
    stage = Stage(tmp_path, (plan("postgres", process()),))

    async def story() -> None:
        stage.watch.see(1)
        await stage.until_said("alive")
        stage.node.frames.clear()
        stage.watch.see(0)
        # Nothing of ours has run since: the node's side of the socket holds the report already.
        own = await stage.until_said("dead")
        assert own["reason"] == "postgres: no process matches `postgres -D`"

    play(stage, story)
    assert stage.log.events[-2:] == ["check_down", "stopped"]


def test_the_early_signal_is_a_death(tmp_path: Path) -> None:
    """The move may start while a large process is torn down."""
    stage = Stage(tmp_path, (plan("postgres", process()),))

    async def story() -> None:
        stage.watch.see(1)
        await stage.until_said("alive")
        stage.watch.see(1, early=1)
        await stage.until_said("dead")

    play(stage, story)


def test_a_probe_is_repeated_before_it_counts(tmp_path: Path) -> None:
    """fails = 3: two failures are no verdict."""
    stage = Stage(tmp_path, (plan("web", probe(**FAST)),))
    stage.outcome = Outcome(ok=False, detail="refused")

    async def story() -> None:
        own = await stage.until_said("dead")
        assert own["reason"] == "web: refused"
        assert stage.runs == 3
        stage.outcome = FINE
        await stage.until_said("alive")

    play(stage, story)


def test_only_changes_are_reported(tmp_path: Path) -> None:
    """The node's core must not be woken by every probe."""
    stage = Stage(tmp_path, (plan("web", probe(**FAST)),))

    async def story() -> None:
        await eventually(lambda: stage.runs >= 5)

    play(stage, story)
    assert stage.node.verdicts in (["unknown", "alive"], ["alive"])


def test_an_escalated_check_counts_where_and_while_it_is_armed(tmp_path: Path) -> None:
    """It is no reason against a standby, and asks nobody anything there."""
    stage = Stage(tmp_path, (plan("db", probe(fails=1, **FAST), when="escalated"),))
    stage.outcome = Outcome(ok=False, detail="refused")

    async def story() -> None:
        await asyncio.sleep(0.06)
        assert (stage.runs, stage.node.verdicts) == (0, ["alive"])
        stage.node.push("q", {"event": "armed", "epoch": 5})
        own = await stage.until_said("dead")
        assert own["epoch"] == 5
        stage.node.push("q", {"event": "disarmed"})
        await stage.until_said("alive")
        before = stage.runs
        await asyncio.sleep(0.06)
        assert stage.runs == before

    play(stage, story)
    assert stage.log.events.count("check_armed") == stage.log.events.count("check_disarmed") == 1


def test_a_service_that_has_just_been_started_is_looked_for_first(tmp_path: Path) -> None:
    """The escalation hook started it a moment ago: what was known before says nothing."""
    stage = Stage(tmp_path, (plan("db", process(), when="escalated"),))

    async def story() -> None:
        stage.watch.see(0)
        stage.watch.found = 1
        stage.node.push("q", {"event": "armed", "epoch": 5})
        await eventually(lambda: "check_up" in stage.log.events)

    play(stage, story)
    assert "dead" not in stage.node.verdicts


def test_a_service_is_restarted_before_the_node_lets_go(tmp_path: Path) -> None:
    """Twice within the window; the third time the VIP moves."""
    stage = Stage(tmp_path, (plan("db", process(), on_fail=RESTART),))

    async def story() -> None:
        stage.watch.see(0)
        for number in (1, 2):
            assert await stage.until_asked() == number
            assert "dead" not in stage.node.verdicts
            stage.guardian.send(pack(RestartEnded(number, False, "exit 1")))
        own = await stage.until_said("dead")
        assert own["reason"].endswith("(after 2 restarts, restart failed: exit 1)")

    play(stage, story)


def test_a_restart_that_helps_moves_nothing(tmp_path: Path) -> None:
    """The check goes on as if nothing had been."""
    stage = Stage(tmp_path, (plan("db", process(), on_fail=RESTART),))

    async def story() -> None:
        stage.watch.see(1)
        stage.watch.see(0)
        ticket = await stage.until_asked()
        stage.watch.see(1)
        stage.guardian.send(pack(RestartEnded(ticket, True, "")))
        await stage.until_said("alive")

    play(stage, story)
    assert "dead" not in stage.node.verdicts


def test_heartbeats_are_reported_as_they_change(tmp_path: Path) -> None:
    """Verdicts on peers travel in the same report."""
    stage = Stage(tmp_path, (), method="heartbeat")

    async def story() -> None:
        stage.pulse.verdict = ("dead", "not heard for 10 s")
        stage.pulse.changed()
        await stage.node.until(lambda: len(stage.node.said("report")) == 2)

    play(stage, story)
    reports = stage.node.said("report")
    assert [report["peers"]["b"]["verdict"] for report in reports] == ["alive", "dead"]


def test_a_node_that_comes_back_is_told_everything(tmp_path: Path) -> None:
    """A new node process knows nothing of what the old one was told."""
    stage = Stage(tmp_path, (plan("gateway", process(), on_fail=OnFail("veto")),))

    async def story() -> None:
        stage.watch.see(0)
        await stage.node.until(lambda: bool(stage.node.said("report")[-1]["own"]["veto"]))
        await stage.node.stop()
        stage.node.frames.clear()
        await stage.node.start()
        await stage.node.until(lambda: len(stage.node.said("report")) > 0)
        assert stage.node.said("report")[0]["own"]["veto"].startswith("gateway: ")

    play(stage, story)


def test_a_callback_that_raises_ends_the_process(tmp_path: Path) -> None:
    """Half a lifecheck that goes on is worse than none: the guardian starts another."""
    stage = Stage(tmp_path, (plan("db", process()),))

    async def story() -> None:
        stage.watch.sight = 1  # type: ignore[assignment]
        stage.node.push("q", {"event": "request", "rid": 1, "verb": "check_reset", "name": "db"})
        await asyncio.sleep(5)

    with pytest.raises(ExceptionGroup) as caught:
        play(stage, story)
    assert caught.group_contains(AttributeError)


def test_a_push_that_makes_no_sense_is_left(tmp_path: Path) -> None:
    """A newer node may say more."""
    stage = Stage(tmp_path, ())

    async def story() -> None:
        stage.node.push("q", {"event": "sung"})
        stage.node.push("q", {"event": "armed", "epoch": "x"})
        await eventually(lambda: stage.log.events.count("push_not_known") == 2)

    play(stage, story)
