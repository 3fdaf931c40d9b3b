"""The log of lifecheck: lines that cannot be forged, and that never hold anybody up."""

import json
import os
from collections.abc import Iterator

import pytest

from lifecheck.log import Log


@pytest.fixture(name="pipe")
def fixture_pipe() -> Iterator[tuple[int, int]]:
    """A pipe: what is written can be read back, or left to fill up."""
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def test_a_line_says_event_and_part(pipe: tuple[int, int]) -> None:
    """The same words at the same place as in the node's lines."""
    log = Log("a", fd=pipe[1])
    log.info("check_up", check="web", node="forged")
    log.close()
    line = os.read(pipe[0], 4096).decode()
    assert line.startswith("event=check_up level=info node=a part=lifecheck check=web at=")


def test_a_json_line_is_an_object(pipe: tuple[int, int]) -> None:
    """`log_json` is for programs."""
    log = Log("a", as_json=True, fd=pipe[1])
    log.warning("check_down", check="web")
    log.close()
    assert json.loads(os.read(pipe[0], 4096))["check"] == "web"
