"""A line of the log: nothing in a value can forge a field, whoever it came from."""

import json

import pytest

from watchdog.log.line import (
    PIPE_LINE_MAX,
    VALUE_SIZE_MAX,
    Style,
    Value,
    cut_for_pipe,
    line,
    render,
    render_json,
)


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
    text = render({"event": "stepped_down", "term": 7, "reason": "quorum_lost"})
    assert text == "event=stepped_down term=7 reason=quorum_lost"


def test_json_line_is_one_object() -> None:
    """The option for collectors that want it."""
    assert json.loads(render_json({"event": "x", "n": None})) == {"event": "x", "n": None}


def test_long_value_is_cut_and_says_so() -> None:
    """A hook's output or a peer's text cannot fill the disk by one line."""
    text = render({"text": "x" * 100_000})
    assert len(text) < VALUE_SIZE_MAX + 100
    assert "(100000 characters)" in text


def test_no_field_takes_the_place_of_who_says_it() -> None:
    """The head of every line is true, whatever the fields are called."""
    said = line(Style("a", "web", as_json=False), "info", "off", {"node": "b", "part": "x"}, "now")
    assert said == b"event=off level=info node=a part=web at=now\n"
    said = line(Style("a", "web", as_json=True), "info", "off", {"count": 3}, "now")
    assert json.loads(said) == {
        "event": "off", "level": "info", "node": "a", "part": "web", "count": 3, "at": "now",
    }  # fmt: skip


def test_a_line_for_a_pipe_is_cut_and_still_ends() -> None:
    """Half a line must not run into the next one."""
    assert cut_for_pipe(b"short\n") == b"short\n"
    long = cut_for_pipe(b"x" * 10_000 + b"\n")
    assert (len(long), long[-2:]) == (PIPE_LINE_MAX, b"x\n")
