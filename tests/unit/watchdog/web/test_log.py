"""Lines of the health port: nothing forges a field, and nobody waits for their reader."""

import fcntl
import json
import os
from collections.abc import Iterator

import pytest

from watchdog.log.line import PIPE_LINE_MAX
from watchdog.web.log import Log


@pytest.fixture(name="pipe")
def fixture_pipe() -> Iterator[tuple[int, int]]:
    """A pipe: what is written can be read back, or left to fill up."""
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def test_a_line_says_its_part_and_a_field_cannot_replace_it(pipe: tuple[int, int]) -> None:
    """The same head as in the lines of the other processes."""
    Log("alpha", fd=pipe[1]).info("listening", port=8780, part="node")
    line = os.read(pipe[0], PIPE_LINE_MAX).decode()
    assert line.startswith("event=listening level=info node=alpha part=web port=8780 at=")


def test_a_json_line_is_an_object(pipe: tuple[int, int]) -> None:
    """`log_json` is for programs."""
    Log("alpha", as_json=True, fd=pipe[1]).error("web_crashed", why="x" * 5000)
    found = json.loads(os.read(pipe[0], PIPE_LINE_MAX))
    assert (found["event"], found["level"]) == ("web_crashed", "error")
    assert found["why"].endswith("(5000 characters)")


def test_a_stuck_reader_costs_lines_which_are_counted(pipe: tuple[int, int]) -> None:
    """The next line that can be written says how many are missing."""
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4096)
    log = Log("alpha", fd=pipe[1])
    for _ in range(50):
        log.warning("port_taken", why="x" * 1000)
    assert log.dropped >= 40
    os.read(pipe[0], 65536)
    log.info("listening")
    assert b"dropped_before=4" in os.read(pipe[0], 4096)
    assert log.dropped == 0


def test_nobody_there_is_nobody_waited_for() -> None:
    """A pipe without a reader."""
    read, write = os.pipe()
    os.close(read)
    log = Log("alpha", fd=write)
    log.info("listening")
    os.close(write)
    assert log.dropped == 1
