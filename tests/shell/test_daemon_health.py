"""The whole node process with lifechecks on its socket: real core, server and client.

A cluster of one leads alone, so that armed, reports, losses and pushes need no peers.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipc.client import (
    RefusedError,
    Subscription,
    UnreachableError,
    call,
    inform,
    nodes,
    subscribe,
    variable,
)
from tests.shell.test_daemon import Stage, _signals, lonely_plan, play, stop, unused_port
from watchdog.shell.plan import LifecheckPlan, NodePlan

__all__ = ["_signals", "unused_port"]

PUSH_S = 5.0
EXPECTED = LifecheckPlan(expected=True, method="heartbeat", on_loss="ignore", deadtime_ms=1000)


@pytest.fixture
def plan(tmp_path: Path, unused_port: int) -> NodePlan:
    """A cluster of one that expects a lifecheck."""
    return replace(lonely_plan(tmp_path, unused_port), lifecheck=EXPECTED)


def row(body: dict[str, Any]) -> dict[str, Any]:
    """The only node of a status."""
    (found,) = body["nodes"]
    return dict(found)


async def registered(plan: NodePlan) -> Subscription:
    """Register as the built-in lifecheck, as soon as the daemon is there."""
    for _ in range(500):
        try:
            return await asyncio.to_thread(subscribe, plan.ipc.path, "lifecheck", native=True)
        except UnreachableError:
            await asyncio.sleep(0.01)
    return pytest.fail("the daemon never came up")


def report(line: Subscription, verdict: str, reason: str = "", valid_ms: int = 15_000) -> None:
    """Say how this node is."""
    fields = {"own": {"verdict": verdict, "reason": reason}, "peers": {}, "valid_ms": valid_ms}
    line.call("report", fields)


def until_pushed(line: Subscription, event: str) -> dict[str, Any]:
    """Wait for a push of this event."""
    for _ in range(50):
        push = line.wait(PUSH_S)
        assert push is not None, f"never pushed: {event}"
        if event in (push.body.get("Event"), push.body.get("event")):
            return push.body
    pytest.fail(f"50 pushes without {event}")


def test_pgpools_requests_are_served(plan: NodePlan) -> None:
    """List, variables, and a word about a node."""

    def talk() -> None:
        body = nodes(plan.ipc.path)
        assert body["LeaderNodeName"] == "alpha"
        assert variable(plan.ipc.path, "WDState") == 4
        assert variable(plan.ipc.path, "Escalated") is True
        inform(plan.ipc.path, 0, "alive")
        with pytest.raises(RefusedError, match="no node has the id 1"):
            inform(plan.ipc.path, 1, "dead")

    async def story(stage: Stage) -> None:
        await stage.until_escalated()
        await asyncio.to_thread(talk)
        await stop(stage)

    assert play(plan, story)[0] == 0


def test_a_registered_client_is_told_of_the_whole_life_of_a_node(plan: NodePlan) -> None:
    """Armed when it leads, down again when it is called dead, and armed again."""

    def talk(line: Subscription) -> list[str]:
        with line:
            first = line.wait(PUSH_S)
            assert first is not None
            # What is so at that moment comes first; a busy machine may register when all is done.
            armed = first.body if "epoch" in first.body else until_pushed(line, "armed")
            assert armed["event"] == "armed"
            assert armed["epoch"], "a number above 0"
            report(line, "dead", "no process")
            until_pushed(line, "disarmed")
            lost = until_pushed(line, "coordinator")
            assert lost["LeaderNodeName"] == "Not Set"
            body = call(plan.ipc.path, "status")
            found = [str(row(body)["reason"]), str(body["called_dead"])]
            report(line, "alive")
            until_pushed(line, "armed")
            return found

    async def story(stage: Stage) -> None:
        line = await registered(plan)
        reason, called = await asyncio.to_thread(talk, line)
        assert reason == "no process"
        assert called == "{'lifecheck': {'alpha': 'no process'}}"
        await stop(stage)

    assert play(plan, story)[0] == 0


def test_words_of_a_lost_lifecheck_are_forgotten(plan: NodePlan) -> None:
    """The node leads again when the one that called it dead has gone, or is silent."""

    def fall(valid_ms: int) -> Subscription:
        line = subscribe(plan.ipc.path, "lifecheck", native=True)
        report(line, "dead", "no process", valid_ms)
        return line

    async def story(stage: Stage) -> None:
        await stage.until_escalated()
        line = await asyncio.to_thread(fall, 15_000)
        await stage.until("off", lambda body: not body["escalated"])
        line.close()
        await stage.until_escalated()
        line = await asyncio.to_thread(fall, 300)
        await stage.until("off", lambda body: not body["escalated"])
        await stage.until_escalated()
        line.close()
        await stop(stage)

    code, stage = play(plan, story)
    assert code == 0
    assert 'why="its connection has ended"' in stage.log()
    assert 'why="it has said nothing for 0.3 s"' in stage.log()


def test_status_has_the_checks_of_the_lifecheck_and_misses_it(plan: NodePlan) -> None:
    """Asked at the moment of the question, over the lifecheck's own connection."""
    check = {"name": "db", "verdict": "up", "reason": "", "since_boot_s": 1.0, "probes": []}

    def answer_once(line: Subscription) -> None:
        request = until_pushed(line, "request")
        assert request["verb"] == "details"
        line.call("answer", {"rid": request["rid"], "ok": True, "body": {"checks": [check]}})

    async def story(stage: Stage) -> None:
        await stage.until_escalated()
        body: Any = await asyncio.to_thread(call, plan.ipc.path, "status")
        assert "its checks are not looked at" in str(body["warnings"])
        line = await registered(plan)
        await asyncio.to_thread(report, line, "alive")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(answer_once, line))
            asked = tasks.create_task(asyncio.to_thread(call, plan.ipc.path, "status"))
        found: Any = asked.result()
        assert row(found)["checks"]["db"]["verdict"] == "up"
        assert found["lifecheck"]["running"] is True
        assert found["lifecheck"]["verdict"] == "alive"
        assert found["warnings"] == body["warnings"][:-1]
        line.close()
        await stop(stage)

    assert play(plan, story)[0] == 0


def test_on_loss_release_makes_a_node_without_lifecheck_go(plan: NodePlan) -> None:
    """After the dead time, and not when it only restarts."""
    released = replace(plan, lifecheck=replace(EXPECTED, on_loss="release"))

    async def story(stage: Stage) -> None:
        line = await registered(plan)
        await asyncio.to_thread(report, line, "alive")
        await stage.until_escalated()
        line.close()
        await stage.until("off", lambda body: not body["escalated"])
        line = await registered(plan)
        await asyncio.to_thread(report, line, "alive")
        await stop(stage)
        line.close()

    assert play(released, story)[0] == 0
