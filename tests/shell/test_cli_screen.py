"""How wide `status` may be: as the terminal is."""

import fcntl
import os
import pty
import struct
import termios

from watchdog.cli.table import screen


def test_a_wide_terminal_is_used_and_a_pipe_gets_the_least() -> None:
    """What a check says is at the end of its line, and at night it must not be cut."""
    ours, theirs = pty.openpty()
    reader, writer = os.pipe()
    try:
        for columns, width in ((160, 160), (60, 100)):
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
            assert screen(theirs, 100) == width
        assert screen(writer, 100) == 100
    finally:
        for fd in (ours, theirs, reader, writer):
            os.close(fd)
