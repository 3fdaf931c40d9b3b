"""Restart actions by the guardian: asked for, answered, and given up in time."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from lifecheck import guard_link as module
from lifecheck.guard_link import Guard, GuardianGoneError
from tests.shell.lifecheck_node import eventually, with_tasks
from watchdog.guardian_protocol import RestartEnded, RestartWanted, pack, unpack_from_lifecheck


class Stage:
    """Our end in a Guard, the guardian's end in our hands."""

    def __init__(self) -> None:
        self.theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours = ours
        self.ended: list[RestartEnded] = []
        self.guard = Guard(ours, self.ended.append)

    async def until_ended(self, count: int) -> None:
        """Wait for so many ends."""
        await eventually(lambda: len(self.ended) >= count)


def play(story: Callable[[Stage], Awaitable[None]]) -> Stage:
    """Run `story` beside the guard."""
    stage = Stage()

    async def run() -> None:
        await with_tasks([stage.guard.run()], lambda: story(stage))

    try:
        asyncio.run(run())
    finally:
        stage.theirs.close()
        stage.ours.close()
    return stage


def test_an_action_is_asked_for_and_its_end_is_told() -> None:
    """One packet each way."""

    async def story(stage: Stage) -> None:
        ticket = stage.guard.restart("web", 1000)
        assert unpack_from_lifecheck(stage.theirs.recv(2048)) == RestartWanted(ticket, "web")
        stage.theirs.send(pack(RestartEnded(ticket, False, "exit 1")))
        await stage.until_ended(1)

    assert play(story).ended == [RestartEnded(1, False, "exit 1")]


def test_an_end_that_nobody_waits_for_is_left() -> None:
    """It was given up, or is told twice."""

    async def story(stage: Stage) -> None:
        ticket = stage.guard.restart("web", 1000)
        for number in (99, ticket, ticket):
            stage.theirs.send(pack(RestartEnded(number, True, "")))
        await stage.until_ended(1)
        await asyncio.sleep(0.01)

    assert len(play(story).ended) == 1


def test_an_end_that_is_never_told_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait is without a bound."""
    monkeypatch.setattr(module, "ANSWER_MARGIN_S", 0.01)

    async def story(stage: Stage) -> None:
        stage.guard.restart("web", 10)
        await stage.until_ended(1)

    assert play(story).ended == [RestartEnded(1, False, "the guardian did not say how it ended")]


def test_a_guardian_that_is_gone_ends_the_process() -> None:
    """Nobody would restart us, and nobody else holds the deadline."""

    async def story(stage: Stage) -> None:
        stage.theirs.close()
        await asyncio.sleep(5)

    with pytest.raises(ExceptionGroup) as caught:
        play(story)
    assert isinstance(caught.value.exceptions[0], GuardianGoneError)


def test_a_packet_that_cannot_be_ends_the_process() -> None:
    """The two are of different versions."""

    async def story(stage: Stage) -> None:
        stage.theirs.send(b"\xffnonsense")
        await asyncio.sleep(5)

    with pytest.raises(ExceptionGroup):
        play(story)


def test_a_full_socket_is_an_end_too() -> None:
    """A guardian that does not read must not stop the checks."""

    async def story(stage: Stage) -> None:
        stage.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for _ in range(100):
            stage.guard.restart("web", 60_000)
        await stage.until_ended(1)

    assert "cannot be asked" in play(story).ended[0].detail
