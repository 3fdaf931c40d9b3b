"""The thread that writes the log: whoever logs never waits for whoever reads."""

import fcntl
import os

from watchdog.log_writer import LINES_MAX, LogWriter


def lost_line(count: int) -> bytes:
    """What says how many are missing."""
    return b"lost %d\n" % count


def test_a_stuck_reader_costs_lines_and_never_the_caller() -> None:
    """The thread hangs in write; the caller counts what it lost and goes on."""
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    os.write(writer, b"\n" * size)
    log = LogWriter(writer, lost_line)
    for _ in range(LINES_MAX + 10):
        log.put(b"f\n")
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
    assert rest[-1] == b"lost %d" % lost


def test_what_was_lost_is_told_with_the_next_line() -> None:
    """Whoever reads the log must know that it has a hole."""
    reader, writer = os.pipe()
    log = LogWriter(writer, lost_line)
    log.dropped = 3
    log.put(b"next\n")
    log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        assert lines.read() == b"lost 3\nnext\n"


def test_nothing_is_written_after_the_end() -> None:
    """The descriptor may be another file by then; a second end is none."""
    reader, writer = os.pipe()
    log = LogWriter(writer, lost_line)
    log.close()
    log.put(b"late\n")
    log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        assert lines.read() == b""


def test_a_reader_that_has_gone_costs_the_lines_and_nothing_else() -> None:
    """A broken pipe is no reason to end a node."""
    reader, writer = os.pipe()
    os.close(reader)
    log = LogWriter(writer, lost_line)
    log.put(b"x\n")
    log.close()
    os.close(writer)
    assert log.dropped >= 1
