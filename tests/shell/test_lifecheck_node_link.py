"""The registered connection of lifecheck: at once when it is there, again when it is not."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from lifecheck.node_link import UNANSWERED_MAX, Link
from tests.shell.lifecheck_node import FakeLog, FakeNode, eventually, with_tasks

REPEAT_S = 0.05


class FakeEar:
    """Says one thing at each registration."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.pushes: list[dict[str, object]] = []
        self.repeats = 0

    def registered(self) -> None:
        """Say it."""
        assert self.link is not None
        self.link.send({"verb": "report", "number": 0})

    def repeat(self) -> None:
        """Count."""
        self.repeats += 1

    def pushed(self, push: dict[str, object]) -> None:
        """Keep it."""
        self.pushes.append(push)


class Stage:
    """A node, a link to it, and what the link says."""

    def __init__(self, folder: Path, key_file: str | None = None) -> None:
        self.node = FakeNode(folder / "socket")
        self.ear = FakeEar()
        self.log = FakeLog()
        log: Any = self.log
        self.link = self.ear.link = Link(str(self.node.path), key_file, REPEAT_S, self.ear, log)


def play(stage: Stage, story: Callable[[], Awaitable[None]], *, start: bool = True) -> None:
    """Run `story` beside the link."""

    async def run() -> None:
        if start:
            await stage.node.start()
        try:
            await with_tasks([stage.link.run()], story)
        finally:
            if stage.node._server is not None:
                await stage.node.stop()

    asyncio.run(run())


def test_it_registers_by_name_and_says_what_is_so(tmp_path: Path) -> None:
    """A node that has just started knows nothing."""
    stage = Stage(tmp_path)

    async def story() -> None:
        await stage.node.until(lambda: len(stage.node.frames) == 2)

    play(stage, story)
    assert stage.node.frames[0] == ("0", {"Name": "lifecheck", "Native": 1})
    assert stage.node.frames[1][1] == {"verb": "report", "number": 0}


def test_a_report_is_on_the_socket_when_the_call_returns(tmp_path: Path) -> None:
    """Nothing may lie between a death and its bytes: no task, no turn of the loop."""
    stage = Stage(tmp_path)

    async def story() -> None:
        await stage.node.until(lambda: len(stage.node.frames) == 2)
        assert stage.link.send({"verb": "report", "number": 1})
        assert stage.link._transport is not None
        assert stage.link._transport.get_write_buffer_size() == 0
        await stage.node.until(lambda: len(stage.node.frames) == 3)

    play(stage, story)
    assert stage.node.frames[2][1]["number"] == 1


def test_pushes_arrive_and_lists_are_left(tmp_path: Path) -> None:
    """Type q is for us; type 4 is for dashboards."""
    stage = Stage(tmp_path)

    async def story() -> None:
        await stage.node.until(lambda: len(stage.node.frames) == 2)
        stage.node.push("4", {"Event": "state"})
        stage.node.push("q", {"event": "armed", "epoch": 3})
        await eventually(lambda: bool(stage.ear.pushes))

    play(stage, story)
    assert stage.ear.pushes == [{"event": "armed", "epoch": 3}]


def test_it_comes_back_when_the_node_does(tmp_path: Path) -> None:
    """The node process may be restarted while lifecheck lives."""
    stage = Stage(tmp_path)

    async def story() -> None:
        await stage.node.until(lambda: len(stage.node.frames) == 2)
        await stage.node.stop()
        await asyncio.sleep(0.02)
        assert not stage.link.send({"verb": "report"})
        await stage.node.start()
        await stage.node.until(lambda: len(stage.node.frames) == 4)

    play(stage, story)
    assert stage.node.connections == 2
    assert stage.node.frames[3][1] == {"verb": "report", "number": 0}


def test_a_node_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    """A line at every attempt would fill a disk, and tell nobody more."""
    stage = Stage(tmp_path)

    async def story() -> None:
        await asyncio.sleep(0.4)

    play(stage, story, start=False)
    assert stage.log.events == ["node_not_reached"]


def test_a_refused_registration_is_said_and_tried_again(tmp_path: Path) -> None:
    """The socket may be held by a node whose configuration is about to change."""
    stage = Stage(tmp_path)
    stage.node.refusal = "not allowed"

    async def story() -> None:
        await stage.node.until(lambda: stage.node.connections >= 2)

    play(stage, story)
    assert stage.log.lines[0][0] == "node_not_reached"
    assert "not allowed" in str(stage.log.lines[0][1]["why"])
    assert not stage.link.is_registered


def test_a_node_that_never_answers_is_left(tmp_path: Path) -> None:
    """What it owes us is bounded, and so is what we owe the kernel."""
    stage = Stage(tmp_path)

    async def story() -> None:
        await stage.node.until(lambda: len(stage.node.frames) == 2)
        stage.node.answers = False
        for _ in range(UNANSWERED_MAX + 1):
            stage.link.send({"verb": "report"})
        assert not stage.link.is_registered
        stage.node.answers = True
        await stage.node.until(lambda: stage.node.connections == 2)

    play(stage, story)


def test_the_key_is_in_every_request(tmp_path: Path) -> None:
    """[ipc] authkey_file: a node that wants a key refuses everything without it."""
    key_file = tmp_path / "key"
    key_file.write_text("secret\n")
    stage = Stage(tmp_path, str(key_file))

    async def story() -> None:
        await stage.node.until(lambda: len(stage.node.frames) == 2)

    play(stage, story)
    assert [body["IPCAuthKey"] for _, body in stage.node.frames] == ["secret", "secret"]


def test_nonsense_from_the_node_ends_the_connection(tmp_path: Path) -> None:
    """After half an upgrade the other side may speak another language."""
    stage = Stage(tmp_path)

    async def story() -> None:
        await stage.node.until(lambda: len(stage.node.frames) == 2)
        stage.node._writers[0].write(b"7\xff\xff\xff\xff")
        await stage.node.until(lambda: stage.node.connections == 2)

    play(stage, story)
    assert "makes no sense" in str(stage.log.lines[1][1]["why"])


def test_a_node_that_is_busy_is_told_again_soon(tmp_path: Path) -> None:
    """What it did not take may have been a death."""
    stage = Stage(tmp_path)

    async def story() -> None:
        await stage.node.until(lambda: len(stage.node.frames) == 2)
        stage.node.busy = 1
        stage.link.send({"verb": "report", "number": 1})
        await eventually(lambda: stage.ear.repeats == 1)

    play(stage, story)


def test_it_says_again_what_is_so_before_the_node_stops_to_believe_it(tmp_path: Path) -> None:
    """A lifecheck that is silent counts as gone."""
    stage = Stage(tmp_path)

    async def story() -> None:
        await eventually(lambda: stage.ear.repeats >= 3)

    play(stage, story)
