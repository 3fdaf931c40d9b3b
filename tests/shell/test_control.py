"""Who may do what over the control socket, and how the core's answers find their way back."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from ipc.messages import (
    Answer,
    CheckReset,
    CheckSet,
    Client,
    Form,
    Inform,
    Native,
    NodeList,
    Own,
    Ping,
    Register,
    Reply,
    Report,
    Request,
    Status,
    StatusChange,
    Switchover,
    Variable,
)
from tests.unit.watchdog.shell import samples
from tests.unit.watchdog.shell.channels import FakeChannel
from watchdog.core import events as ev
from watchdog.core.events import Command, CommandReceived, LifecheckReported
from watchdog.core.report import Glance
from watchdog.shell.control import Control, foresee
from watchdog.shell.inbox import Inbox
from watchdog.shell.lifecheck_desk import LifecheckDesk
from watchdog.shell.log import Log
from watchdog.shell.subscribers import Subscribers

ROOT = Client(1, 0, 0)
US = Client(1, os.geteuid(), 0)
STRANGER = Client(1, 4242, 4242)
OPERATOR = Client(1, 1234, 1234)
REPORTER = Client(1, 5678, 5678)
SWITCHOVER = Native(Switchover(None, "operator", dry_run=False))
REPORT = Native(Report(Own("alive", "", 0, "", 0), {}, 15_000))
CALM = Glance("COORDINATOR", False, "alpha", True, True, 7, ("STANDBY", "STANDBY"))


class Stage:
    """A control desk, the inbox behind it, and a status."""

    def __init__(self) -> None:
        plan = samples.plan()
        ipc = replace(plan.ipc, admin_uids=(1234,), report_uids=(5678,))
        plan = replace(plan, ipc=ipc)
        reader, writer = os.pipe()
        self._descriptors = (reader, writer)
        self.log = Log("alpha", fd=writer)
        self.inbox = Inbox()
        self.status: dict[str, Any] = samples.core_status()
        self.lifecheck = LifecheckDesk(plan, self.inbox, self.log)
        self.subscribers = Subscribers(lambda: CALM, self._nodes)
        self.control = Control(
            plan=plan,
            inbox=self.inbox,
            log=self.log,
            status=lambda: self.status,
            core=samples.core_status,
            lifecheck=self.lifecheck,
            subscribers=self.subscribers,
        )

    def _nodes(self) -> dict[str, object]:
        return self.control.nodes()

    def join(self, client: Client, name: str, *, native: bool = True) -> Client:
        """Register `client`; what it looks like afterwards."""
        channel = FakeChannel(3)
        assert self.control.registered(client, Register(name, native), channel).kind == "7"
        return replace(client, channel=channel)

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
        assert (await stage.control.handle(STRANGER, Native(Status()))).body == stage.status
        ping = await stage.control.handle(STRANGER, Native(Ping()))
        assert ping.body == {"node": "alpha", "pid": os.getpid()}
        nodes = await stage.control.handle(STRANGER, NodeList(-1))
        assert nodes.body is not None
        assert nodes.body["NodeCount"] == 3
        one = await stage.control.handle(STRANGER, NodeList(1))
        assert one.body is not None
        assert one.body["NodeCount"] == 1
        state = await stage.control.handle(STRANGER, Variable("wdstate"))
        assert state.body == {"ValueDataType": 1, "ValueData": 4}
        assert message(await stage.control.handle(STRANGER, Variable("x"))) == (
            "6",
            "unknown variable requested",
        )

    play(story)


@pytest.mark.parametrize(
    "verb", [SWITCHOVER, Native(Form()), Native(CheckSet("x", {})), Native(CheckReset("x"))]
)
@pytest.mark.parametrize(
    ("client", "may"), [(STRANGER, "only read"), (REPORTER, "only read and report")]
)
def test_reader_may_not_change_anything(verb: Request, client: Client, may: str) -> None:
    """And the core never hears of it."""

    async def story(stage: Stage) -> None:
        kind, text = message(await stage.control.handle(client, verb))
        assert kind == "6"
        assert text == (f"uid {client.uid} may {may} here: use root, or add it to [ipc] admin_uids")
        assert stage.inbox.take() is None

    play(story)


@pytest.mark.parametrize(
    "word",
    [
        Native(Inform("beta", "dead", "")),
        REPORT,
        Native(Answer(1, True, {})),
        StatusChange(1, 1, ""),
    ],
)
def test_reader_may_not_judge(word: Request) -> None:
    """Not even after it has registered under the built-in lifecheck's name."""

    async def story(stage: Stage) -> None:
        for client in (STRANGER, stage.join(STRANGER, "lifecheck")):
            kind, text = message(await stage.control.handle(client, word))
            assert kind == "6"
            assert "uid 4242 may only read here: use root, or add it to [ipc] rep" in str(text)
        assert stage.inbox.take() is None
        assert not stage.lifecheck.health().is_running

    play(story)


@pytest.mark.parametrize("client", [ROOT, US, OPERATOR, REPORTER])
def test_reporters_and_administrators_judge(client: Client) -> None:
    """By pgpool's way and by ours; pgpool's clients know nodes by their numbers."""

    async def story(stage: Stage) -> None:
        done = await stage.control.handle(client, StatusChange(1, 1, "no answer"))
        assert done == Reply("7", None)
        assert stage.inbox.take() == LifecheckReported(
            "beta", ev.Verdict.DEAD, "no answer", "inform"
        )
        await stage.control.handle(client, StatusChange(1, 2, ""))
        await stage.control.handle(client, Native(Inform("gamma", "dead", "smoke")))
        found = [stage.inbox.take(), stage.inbox.take()]
        assert [
            (e.subject, e.verdict.value) for e in found if isinstance(e, LifecheckReported)
        ] == [
            ("beta", "alive"),
            ("gamma", "dead"),
        ]

    play(story)


def test_a_number_that_no_node_has_is_refused_with_those_that_are() -> None:
    """`wd_cli` looks a node up first; others may not."""

    async def story(stage: Stage) -> None:
        for number in (3, -1):
            reply = await stage.control.handle(ROOT, StatusChange(number, 1, ""))
            assert message(reply) == (
                "6",
                f"no node has the id {number}; the nodes are: 0 alpha, 1 beta, 2 gamma",
            )
        assert stage.inbox.take() is None

    play(story)


def test_a_lifecheck_that_says_it_has_started_is_shown_to_have() -> None:
    """pgpool 4.8 asks for it in every list."""

    async def story(stage: Stage) -> None:
        def started() -> object:
            rows = stage.control.nodes()["WatchdogNodes"]
            assert isinstance(rows, list)
            return rows[0]["LifecheckStarted"]

        assert started() == 0
        assert (await stage.control.handle(ROOT, StatusChange(0, 3, ""))).kind == "7"
        assert started() == 1
        assert stage.inbox.take() is None

    play(story)


def test_registered_lifecheck_reports_and_its_end_is_noticed() -> None:
    """One connection: the list, pushes, reports, and the loss."""

    async def story(stage: Stage) -> None:
        client = stage.join(US, "lifecheck")
        assert isinstance(client.channel, FakeChannel)
        assert client.channel.bodies("q") == [{"event": "armed", "epoch": 7}]
        assert (await stage.control.handle(client, REPORT)).kind == "7"
        assert stage.lifecheck.health().is_running
        again = await stage.control.handle(client, Register("lifecheck", native=True))
        assert again.kind == "6"
        stage.control.gone(client.channel)
        assert not stage.lifecheck.health().is_running
        assert len(stage.subscribers) == 0

    play(story)


def test_who_may_report_is_not_the_built_in_lifecheck_by_its_name() -> None:
    """It would be asked by operators, shown as ours, and end what the real one says."""

    async def story(stage: Stage) -> None:
        await stage.control.handle(stage.join(US, "lifecheck"), REPORT)
        for client in (REPORTER, OPERATOR):
            liar = replace(client, channel=FakeChannel(9))
            assert liar.channel is not None
            stage.control.registered(liar, Register("lifecheck", native=True), liar.channel)
            assert (await stage.control.handle(liar, REPORT)).kind == "7"
            kind, text = message(await stage.control.handle(liar, Native(Answer(1, True, {}))))
            assert (kind, text) == ("6", "only the built-in lifecheck of this node is asked")
            stage.control.gone(liar.channel)
        ours = stage.lifecheck.health().clients
        assert [(row["builtin"], row["uid"]) for row in ours] == [(True, os.geteuid())]

    play(story)


def test_status_asks_the_lifecheck_first_and_changes_of_checks_reach_it() -> None:
    """Its answers come as requests on its own connection."""

    async def story(stage: Stage) -> None:
        client = stage.join(ROOT, "lifecheck")
        assert isinstance(client.channel, FakeChannel)
        for verb in (Status(), CheckSet("db", {"every": "1s"}), CheckReset("db")):
            async with asyncio.TaskGroup() as tasks:
                asked = tasks.create_task(stage.control.handle(OPERATOR, Native(verb)))
                await asyncio.sleep(0)
                request = client.channel.bodies("q")[-1]
                answer = Answer(request["rid"], True, {"done": request["verb"]})
                await stage.control.handle(client, Native(answer))
            assert asked.result().kind == "7"
        requests = [body for body in client.channel.bodies("q") if body["event"] == "request"]
        assert [body["verb"] for body in requests] == ["details", "check_set", "check_reset"]
        assert requests[1]["settings"] == {"every": "1s"}
        assert requests[2]["name"] == "db"

    play(story)


@pytest.mark.parametrize("client", [ROOT, US, OPERATOR], ids=["root", "own user", "admin_uids"])
def test_administrator_commands_the_core_and_gets_its_answer(client: Client) -> None:
    """The reply waits for the core's Reply with the same number."""

    async def story(stage: Stage) -> None:
        body = Native(Switchover("beta", "update", dry_run=False))
        async with asyncio.TaskGroup() as tasks:
            answer = tasks.create_task(stage.control.handle(client, body))
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
            one = tasks.create_task(stage.control.handle(ROOT, Native(Form())))
            first = await stage.command()
            two = tasks.create_task(stage.control.handle(ROOT, SWITCHOVER))
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
            gone = tasks.create_task(stage.control.handle(ROOT, Native(Form())))
            command = await stage.command()
            gone.cancel()
        stage.control.answer(command.rid, ok=True, text="late")
        assert not stage.control._waiting

    play(story)


def test_unknown_node_is_refused_with_the_names() -> None:
    """Before the core is asked."""

    async def story(stage: Stage) -> None:
        body = Native(Switchover("betta", "operator", dry_run=False))
        kind, text = message(await stage.control.handle(ROOT, body))
        assert kind == "6"
        assert text == "no node is called betta; the nodes are: alpha, beta, gamma"
        assert stage.inbox.take() is None

    play(story)


def test_dry_run_asks_nobody() -> None:
    """It looks at the status and says what would happen."""

    async def story(stage: Stage) -> None:
        reply = await stage.control.handle(ROOT, Native(Switchover(None, "", dry_run=True)))
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
