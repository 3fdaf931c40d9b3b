"""Who may do what over the control socket, and how the core's answers find their way back."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from ipc.messages import Client, Native, Reply
from ipc.requests import parse_verb
from tests.unit.watchdog.shell import samples
from watchdog.core.events import Command, CommandReceived
from watchdog.shell.control import Control, foresee
from watchdog.shell.inbox import Inbox
from watchdog.shell.log import Log

ROOT = Client(1, 0, 0)
US = Client(1, os.geteuid(), 0)
STRANGER = Client(1, 4242, 4242)
OPERATOR = Client(1, 1234, 1234)


class Stage:
    """A control desk, the inbox behind it, and a status."""

    def __init__(self) -> None:
        plan = samples.plan()
        ipc = replace(plan.ipc, admin_uids=(1234,))
        reader, writer = os.pipe()
        self._descriptors = (reader, writer)
        self.log = Log("alpha", fd=writer)
        self.inbox = Inbox()
        self.status: dict[str, Any] = samples.core_status()
        self.control = Control(replace(plan, ipc=ipc), self.inbox, self.log, lambda: self.status)

    async def command(self) -> CommandReceived:
        """The command that reached the core."""
        await self.inbox.wait(5)
        event = self.inbox.take()
        assert isinstance(event, CommandReceived)
        return event

    def close(self) -> None:
        """End the log."""
        self.log.close()
        for descriptor in self._descriptors:
            os.close(descriptor)


def play(story: Callable[[Stage], Awaitable[None]]) -> None:
    """Run `story` on an event loop."""

    async def run() -> None:
        stage = Stage()
        try:
            async with asyncio.timeout(10):
                await story(stage)
        finally:
            stage.close()

    asyncio.run(run())


def message(reply: Reply) -> tuple[str, object]:
    """Type and MESSAGE of a reply."""
    assert reply.body is not None
    return reply.kind, reply.body["MESSAGE"]


def test_everybody_who_gets_in_may_read() -> None:
    """The permissions of the socket file decide who gets in."""

    async def story(stage: Stage) -> None:
        assert (
            await stage.control.handle(STRANGER, Native(parse_verb({"verb": "status"})))
        ).body == stage.status
        ping = await stage.control.handle(STRANGER, Native(parse_verb({"verb": "ping"})))
        assert ping.body == {"node": "alpha", "pid": os.getpid()}

    play(story)


@pytest.mark.parametrize("verb", ["switchover", "form"])
def test_reader_may_not_change_anything(verb: str) -> None:
    """And the core never hears of it."""

    async def story(stage: Stage) -> None:
        kind, text = message(
            await stage.control.handle(STRANGER, Native(parse_verb({"verb": verb})))
        )
        assert kind == "6"
        assert "uid 4242 may only read" in str(text)
        assert stage.inbox.take() is None

    play(story)


@pytest.mark.parametrize("client", [ROOT, US, OPERATOR], ids=["root", "own user", "admin_uids"])
def test_administrator_commands_the_core_and_gets_its_answer(client: Client) -> None:
    """The reply waits for the core's Reply with the same number."""

    async def story(stage: Stage) -> None:
        body: dict[str, object] = {"verb": "switchover", "to": "beta", "reason": "update"}
        async with asyncio.TaskGroup() as tasks:
            answer = tasks.create_task(stage.control.handle(client, Native(parse_verb(body))))
            command = await stage.command()
            assert command == CommandReceived(command.rid, Command.SWITCHOVER, "beta", "update")
            assert not answer.done()
            stage.control.answer(command.rid, ok=True, text="handing over to beta")
            assert message(await answer) == ("7", "handing over to beta")

    play(story)


def test_answers_of_two_commands_do_not_cross() -> None:
    """Each has a number of its own; an answer to nobody is ignored."""

    async def story(stage: Stage) -> None:
        async with asyncio.TaskGroup() as tasks:
            one = tasks.create_task(
                stage.control.handle(ROOT, Native(parse_verb({"verb": "form"})))
            )
            first = await stage.command()
            two = tasks.create_task(
                stage.control.handle(ROOT, Native(parse_verb({"verb": "switchover"})))
            )
            second = await stage.command()
            stage.control.answer(999, ok=True, text="for nobody")
            stage.control.answer(second.rid, ok=False, text="no")
            stage.control.answer(first.rid, ok=True, text="yes")
            assert message(await one) == ("7", "yes")
            assert message(await two) == ("6", "no")

    play(story)


def test_client_that_goes_away_leaves_nothing_behind() -> None:
    """A late answer of the core finds nobody, which is fine."""

    async def story(stage: Stage) -> None:
        async with asyncio.TaskGroup() as tasks:
            gone = tasks.create_task(
                stage.control.handle(ROOT, Native(parse_verb({"verb": "form"})))
            )
            command = await stage.command()
            gone.cancel()
        stage.control.answer(command.rid, ok=True, text="late")
        assert not stage.control._waiting

    play(story)


def test_unknown_node_is_refused_with_the_names() -> None:
    """Before the core is asked."""

    async def story(stage: Stage) -> None:
        body: dict[str, object] = {"verb": "switchover", "to": "betta"}
        kind, text = message(await stage.control.handle(ROOT, Native(parse_verb(body))))
        assert kind == "6"
        assert text == "no node is called betta; the nodes are: alpha, beta, gamma"
        assert stage.inbox.take() is None

    play(story)


def test_dry_run_asks_nobody() -> None:
    """It looks at the status and says what would happen."""

    async def story(stage: Stage) -> None:
        reply = await stage.control.handle(
            ROOT, Native(parse_verb({"verb": "switchover", "dry_run": True}))
        )
        assert message(reply) == ("7", "beta would take over from alpha")
        assert stage.inbox.take() is None

    play(story)


@pytest.mark.parametrize(
    ("change", "target", "text"),
    [
        ({"coordinator": None}, None, "there is no coordinator now"),
        ({}, "alpha", "alpha is the coordinator already"),
        ({}, "gamma", "gamma is not reachable and eligible now"),
    ],
)
def test_dry_run_says_why_not(change: dict[str, object], target: str | None, text: str) -> None:
    """The same words that an operator would have to act upon."""
    kind, found = message(foresee(samples.core_status() | change, target))
    assert kind == "6"
    assert str(found).startswith(text)
