"""A desk of lifechecks on an event loop, with clients that only remember what was pushed."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from ipc.messages import Client, Judgement, Own, Register, Reply, Report, Verdict
from tests.unit.watchdog.shell import samples
from tests.unit.watchdog.shell.channels import FakeChannel
from watchdog.core.events import Event
from watchdog.shell.inbox import Inbox
from watchdog.shell.lifecheck_desk import LifecheckDesk
from watchdog.shell.log import Log
from watchdog.shell.plan import LifecheckPlan

ONE_SHOT = Client(7, 0, 0)
EXPECTED = LifecheckPlan(expected=True, method="heartbeat", on_loss="ignore", deadtime_ms=10_000)


class Stage:
    """A desk and the inbox behind it."""

    def __init__(self, lifecheck: LifecheckPlan) -> None:
        reader, writer = os.pipe()
        self._descriptors = (reader, writer)
        self.log = Log("alpha", fd=writer)
        self.inbox = Inbox()
        self.desk = LifecheckDesk(
            replace(samples.plan(), lifecheck=lifecheck), self.inbox, self.log
        )

    def join(self, name: str, number: int, *, native: bool = True) -> Client:
        """Register a client; what it looks like afterwards."""
        client = Client(100 + number, 0, 0, FakeChannel(number))
        assert client.channel is not None
        self.desk.register(replace(client, channel=None), Register(name, native), client.channel)
        return client

    def events(self) -> list[Event]:
        """What the core hears next."""
        found = []
        while (event := self.inbox.take()) is not None:
            found.append(event)
        return found

    def close(self) -> None:
        """End the log."""
        self.log.close()
        for descriptor in self._descriptors:
            os.close(descriptor)


def play(story: Callable[[Stage], Awaitable[None]], lifecheck: LifecheckPlan = EXPECTED) -> None:
    """Run `story` on an event loop."""

    async def run() -> None:
        stage = Stage(lifecheck)
        try:
            async with asyncio.timeout(10):
                await story(stage)
        finally:
            stage.close()

    asyncio.run(run())


def report(
    verdict: Verdict = "alive", valid_ms: int = 15_000, epoch: int = 0, **peers: Verdict
) -> Report:
    """A report with these verdicts."""
    own = Own(verdict, f"own {verdict}", epoch, veto="", handicap=0)
    said = {name: Judgement(word, f"{name} {word}") for name, word in peers.items()}
    return Report(own, said, valid_ms)


def text(reply: Reply) -> str:
    """The MESSAGE of a refusal."""
    assert reply.kind != "7"
    assert reply.body is not None
    return str(reply.body["MESSAGE"])


def pushed(client: Client) -> list[tuple[str, dict[str, Any]]]:
    """What was pushed to it."""
    assert isinstance(client.channel, FakeChannel)
    return client.channel.pushed
