"""The thread that writes the log: whoever logs never waits for whoever reads."""

import fcntl
import os

from watchdog.log.floods import STOCK
from watchdog.log.line import Style
from watchdog.log.writer import LINES_MAX, LogWriter


def writing(fd: int) -> LogWriter:
    """A writer in whose log the time stands still."""
    return LogWriter(Style("a", "node", as_json=False), fd, lambda: 5.0, lambda: "now")


def line(event: str, more: str = "", level: str = "info") -> bytes:
    """What it writes."""
    return f"event={event} level={level} node=a part=node {more}at=now\n".encode()


def test_a_stuck_reader_costs_lines_and_never_the_caller() -> None:
    """The thread hangs in write; the caller counts what it lost and goes on."""
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    os.write(writer, b"\n" * size)
    log = writing(writer)
    for number in range(LINES_MAX + 10):
        log.put("info", f"e{number // STOCK}", {})
    lost = log.dropped
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
    assert 9 <= lost <= 10, "one line may be in the hands of the writer"
    with os.fdopen(reader, "rb") as lines:
        for _ in range(size):
            assert lines.readline() == b"\n"
        log.close()
        os.close(writer)
        rest = lines.read().splitlines()
    assert len(rest) == LINES_MAX + 10 - lost + 1
    assert rest[-1] + b"\n" == line("log_lines_dropped", f"count={lost} ", "warning")


def test_what_was_lost_is_told_with_the_next_line() -> None:
    """Whoever reads the log must know that it has a hole."""
    reader, writer = os.pipe()
    log = writing(writer)
    log.dropped = 3
    log.put("info", "next", {})
    log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        told = line("log_lines_dropped", "count=3 ", "warning")
        assert lines.read() == told + line("next")


def test_nothing_is_written_after_the_end() -> None:
    """The descriptor may be another file by then; a second end is none."""
    reader, writer = os.pipe()
    log = writing(writer)
    log.close()
    log.put("info", "late", {})
    log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        assert lines.read() == b""


def test_a_reader_that_has_gone_costs_the_lines_and_nothing_else() -> None:
    """A broken pipe is no reason to end a node."""
    reader, writer = os.pipe()
    os.close(reader)
    log = writing(writer)
    log.put("info", "x", {})
    log.close()
    os.close(writer)
    assert log.dropped >= 1


def test_a_flood_of_one_event_is_cut_and_hides_no_other() -> None:
    """A client may say thousands of words in a second."""
    reader, writer = os.pipe()
    log = writing(writer)
    for _ in range(10 * STOCK):
        log.put("info", "inform_received", {})
    log.put("info", "escalated", {})
    log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        assert lines.read() == STOCK * line("inform_received") + line("escalated")
