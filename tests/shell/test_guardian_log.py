"""The guardian's log: one line for each event, and never a wait."""

import json
import os
import socket

from watchdog.guardian.log import QUEUE_MAX, Log
from watchdog.log.line import PIPE_LINE_MAX


def test_lines_are_keys_and_values_quoted_where_needed() -> None:
    """They are read by people and by grep."""
    readable, writable = os.pipe()
    log = Log(writable, is_json=False, node="alpha")
    log.info("escalated", epoch=5, why='a "b" c')
    log.warning("empty", why="")
    text = os.read(readable, 4096).decode()
    assert 'event=escalated level=info node=alpha part=guardian epoch=5 why="a \\"b\\" c"' in text
    assert 'why=""' in text
    os.close(readable)
    os.close(writable)


def test_json_lines_are_objects() -> None:
    """For collectors."""
    readable, writable = os.pipe()
    Log(writable, is_json=True, node="alpha").alarm("off_failed", why="é")
    line = json.loads(os.read(readable, 4096))
    assert (line["event"], line["level"], line["why"]) == ("off_failed", "alarm", "é")
    os.close(readable)
    os.close(writable)


def test_a_reader_that_stops_reading_stops_nobody() -> None:
    """Lines wait in a bounded queue; what does not fit is counted and told."""
    readable, writable = os.pipe()
    log = Log(writable, is_json=False, node="alpha")
    for number in range(QUEUE_MAX + 500):
        log.info("line", number=number, text="x" * 500)
    got = b""
    for _ in range(100):
        got += os.read(readable, 1 << 20)
        log.flush()
        if b"log_dropped" in got:
            break
    assert b"event=log_dropped" in got
    assert b"number=0 " in got
    os.close(readable)
    os.close(writable)


def test_a_pipe_that_others_fill_stops_nobody() -> None:
    """Helpers have the same stderr; between our poll and our write one may have filled it."""
    readable, writable = os.pipe()
    log = Log(writable, is_json=False, node="alpha")
    assert os.get_blocking(writable), "theirs is as it was"
    assert not os.get_blocking(log._fd)
    for _ in range(16):
        os.write(writable, b"x" * 4096)
    log.info("waits")
    os.read(readable, 1 << 20)
    log.flush()
    assert b"event=waits" in os.read(readable, 4096)
    for fd in (readable, writable, log._fd):
        os.close(fd)


def test_a_socket_is_written_without_waiting() -> None:
    """The journal's stderr is one."""
    ours, theirs = socket.socketpair()
    log = Log(theirs.fileno(), is_json=False, node="alpha")
    for _ in range(2000):
        log.info("line", text="x" * 500)
    assert b"event=line" in ours.recv(4096)
    ours.close()
    log.info("nobody reads any more")
    assert log._socket
    log._socket.close()
    theirs.close()


def test_a_line_is_cut() -> None:
    """So that a pipe takes it whole."""
    readable, writable = os.pipe()
    Log(writable, is_json=False, node="alpha").info(
        "long", a="x" * 2000, b="y" * 2000, c="z" * 2000
    )
    assert len(os.read(readable, 100_000)) == PIPE_LINE_MAX
    os.close(readable)
    os.close(writable)
