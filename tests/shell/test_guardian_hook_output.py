"""What hooks print: the first part is kept, the rest thrown away; the pipe stays until the end."""

import contextlib
import os

from watchdog.guardian import clock
from watchdog.guardian.hook_output import LINE_MAX, LINES_MAX, OUTPUT_MAX, HookOutput
from watchdog.guardian.loop import Loop
from watchdog.instant import MS


def drain(loop: Loop, turns: int = 20) -> None:
    """Turn the loop a few times."""
    for _ in range(turns):
        loop.turn(clock.now().boot_ns + 5 * MS, lambda: None)


def test_lines_come_as_they_are_written_and_the_last_without_an_end() -> None:
    """A hook that dies mid-line has said something too."""
    loop = Loop()
    lines: list[str] = []
    readable, writable = os.pipe()
    HookOutput(readable, loop, lines.append)
    os.write(writable, b"one\ntwo\nthr")
    drain(loop, 2)
    assert lines == ["one", "two"]
    os.write(writable, b"ee \xff")
    os.close(writable)
    drain(loop, 3)
    assert lines[2] == "three \ufffd"


def test_more_than_the_limit_is_read_and_dropped() -> None:
    """The writer is not stopped; the log is not flooded."""
    loop = Loop()
    lines: list[str] = []
    readable, writable = os.pipe()
    HookOutput(readable, loop, lines.append)
    os.set_blocking(writable, False)
    written = 0
    for _ in range(200):
        with contextlib.suppress(BlockingIOError):
            written += os.write(writable, (b"x" * 99 + b"\n") * 600)
        drain(loop, 1)
        if written > 4 * OUTPUT_MAX:
            break
    assert written > 4 * OUTPUT_MAX
    assert lines[-1].startswith("(only the first")
    assert sum(len(line) + 1 for line in lines) < OUTPUT_MAX + 200
    os.close(writable)
    drain(loop, 30)


def test_a_line_without_end_is_cut() -> None:
    """Bounded, whatever is printed."""
    loop = Loop()
    lines: list[str] = []
    readable, writable = os.pipe()
    HookOutput(readable, loop, lines.append)
    os.write(writable, b"x" * 5000)
    os.close(writable)
    drain(loop, 3)
    assert [len(line) for line in lines] == [LINE_MAX]


def test_many_short_lines_are_cut_by_number() -> None:
    """A line of log is ten times as long as they are."""
    loop = Loop()
    lines: list[str] = []
    readable, writable = os.pipe()
    HookOutput(readable, loop, lines.append)
    os.write(writable, b"x\n" * 5_000)
    os.close(writable)
    drain(loop, 10)
    assert lines[:LINES_MAX] == ["x"] * LINES_MAX
    assert lines[LINES_MAX:] == [f"(only the first 64 KiB or {LINES_MAX} lines are kept)"]


def test_a_finished_output_has_said_what_was_there_and_is_closed_under_its_writers() -> None:
    """Whoever holds the other end may never close it."""
    loop = Loop()
    lines: list[str] = []
    readable, writable = os.pipe()
    output = HookOutput(readable, loop, lines.append)
    os.write(writable, b"many\n" * 400 + (b"y" * 900 + b"\n") * 40 + b"the end")
    output.finish()
    assert (lines[0], len(lines), lines[-1]) == ("many", 441, "the end")
    assert not output.is_open
    with contextlib.suppress(BrokenPipeError):
        os.write(writable, b"more")
        raise AssertionError("it is still open")
    output.finish()
    os.close(writable)


def test_an_output_that_ends_while_it_is_drained_leaves_its_number_alone() -> None:
    """The number is another file's by the time that the pause is over."""
    loop = Loop()
    lines: list[str] = []
    readable, writable = os.pipe()
    output = HookOutput(readable, loop, lines.append)
    os.write(writable, b"x\n" * 30_000)
    drain(loop, 2)
    output.finish()
    other, feed = os.pipe()
    assert other == readable
    os.write(feed, b"of somebody else")
    drain(loop, 6)
    assert os.read(other, 100) == b"of somebody else"
    for fd in (writable, other, feed):
        os.close(fd)
