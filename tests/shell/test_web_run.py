"""The life of the health port: it starts with what the plan says and ends when it is told to."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from tests.shell.web import FakeNode, Stage, play, until
from watchdog.web.library_log import HTTP
from watchdog.web.log import Log
from watchdog.web.plan import WebPlan
from watchdog.web.run import KeyFileError, read_key, run


def test_it_listens_answers_and_ends_by_sigterm(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the key of the control socket, which a question must hold."""
    key = tmp_path / "key"
    key.write_text("secret\n")
    node = FakeNode(tmp_path / "node.sock")
    plan = WebPlan("alpha", False, "127.0.0.1", 0, node.path, key)

    said = ""

    def heard() -> str:
        nonlocal said
        said += capfd.readouterr().err
        return said

    async def story() -> None:
        await node.start()
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(run(plan, Log("alpha")))
            await until(lambda: "event=listening level=info node=alpha part=web" in heard())
            os.kill(os.getpid(), signal.SIGTERM)
            await running
        node.stop()

    asyncio.run(story())
    assert "event=web_stops" in heard()


def test_nothing_stays_behind() -> None:
    """The libraries' log is taken for as long as the port runs."""
    before = list(logging.getLogger().handlers)

    async def story(stage: Stage) -> None:
        assert (await stage.ask("/livez")).code == 200
        assert logging.getLogger().handlers != before

    play(story)
    assert logging.getLogger().handlers == before
    assert logging.getLogger(HTTP).level == logging.NOTSET


def test_a_key_is_the_file_without_its_line_end(tmp_path: Path) -> None:
    """As the node process reads it."""
    (tmp_path / "key").write_text("  s e\n")
    assert read_key(tmp_path / "key") == "s e"
    assert read_key(None) is None


def test_a_key_that_cannot_be_read_says_whose_it_must_be(tmp_path: Path) -> None:
    """It ends the start, because every question would be refused."""
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "missing", tmp_path / "odd"):
        with pytest.raises(KeyFileError, match=r"\[ipc\] authkey_file.*the user of the node"):
            read_key(path)
