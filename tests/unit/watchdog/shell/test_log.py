"""Log lines: nothing in a value can forge a field, and nothing holds the caller up."""

import fcntl
import json
import os

import pytest

from watchdog.shell.log import LINES_MAX, VALUE_SIZE_MAX, Log, Value, render, render_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("quorum_lost", "quorum_lost"),
        ("1/3", "1/3"),
        (7, "7"),
        (0.5, "0.5"),
        (True, "true"),
        (None, "none"),
        ("", '""'),
        ("two words", '"two words"'),
        ("x term=9", '"x term=9"'),
        ('say "no"', '"say \\"no\\""'),
        ("a\nevent=forged", '"a\\nevent=forged"'),
        ("\x1b[2J", '"\\u001b[2J"'),
        ("grün", '"gr\\u00fcn"'),
    ],
)
def test_value_is_one_word_or_quoted(value: Value, text: str) -> None:
    """Reasons come from operators and peers: they may hold anything."""
    assert render({"reason": value}) == f"reason={text}"


def test_line_starts_with_its_event_and_keeps_the_order_of_fields() -> None:
    """People read from the left."""
    line = render({"event": "stepped_down", "term": 7, "reason": "quorum_lost"})
    assert line == "event=stepped_down term=7 reason=quorum_lost"


def test_json_line_is_one_object() -> None:
    """The option for collectors that want it."""
    assert json.loads(render_json({"event": "x", "n": None})) == {"event": "x", "n": None}


def test_long_value_is_cut_and_says_so() -> None:
    """A hook's output or a peer's text cannot fill the disk by one line."""
    line = render({"text": "x" * 100_000})
    assert len(line) < VALUE_SIZE_MAX + 100
    assert "(100000 characters)" in line


def test_lines_reach_the_descriptor_with_writer_level_and_time() -> None:
    """The head of every line is the same as the guardian's; a field cannot replace it."""
    reader, writer = os.pipe()
    log = Log("alpha", fd=writer)
    log.info("link_opened", peer="beta", node="forged")
    log.error("alarm", name="SPLIT_BRAIN")
    log.close()
    os.close(writer)
    with os.fdopen(reader) as lines:
        first, second = lines.read().splitlines()
    assert first.startswith("event=link_opened level=info node=alpha part=node peer=beta at=")
    assert second.startswith("event=alarm level=error node=alpha part=node name=SPLIT_BRAIN at=")


def test_stuck_reader_costs_lines_and_never_the_caller() -> None:
    """The thread hangs in write; the caller counts what it lost and goes on."""
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    os.write(writer, b"\n" * size)
    log = Log("alpha", fd=writer)
    for _ in range(LINES_MAX + 10):
        log.info("f")
    lost = log.dropped
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
    assert 9 <= lost <= 10, "one line may be in the hands of the writer"
    with os.fdopen(reader) as lines:
        for _ in range(size):
            assert lines.readline() == "\n"
        log.close()
        os.close(writer)
        rest = lines.read().splitlines()
    assert len(rest) == LINES_MAX + 10 - lost + 1
    assert f" count={lost} " in rest[-1]
    assert rest[-1].startswith("event=log_lines_dropped level=warning ")
