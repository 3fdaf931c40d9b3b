"""What libraries log: strangers cannot fill our log through them."""

import logging
import os
import sys

from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError

from watchdog.web.library_log import LibraryLog
from watchdog.web.log import Log


def record(error: Exception | None = None) -> logging.LogRecord:
    """A record of an error as aiohttp logs it."""
    info = None
    if error is not None:
        try:
            raise error
        except (HttpProcessingError, ValueError):
            info = sys.exc_info()
    return logging.LogRecord("aiohttp.server", logging.ERROR, "", 0, "no %s", ("luck",), info)


def lines_of(*records: logging.LogRecord) -> tuple[LibraryLog, list[str]]:
    """What the records become."""
    read, write = os.pipe()
    taker = LibraryLog(Log("alpha", fd=write))
    for one in records:
        taker.emit(one)
    os.close(write)
    with os.fdopen(read) as pipe:
        return taker, pipe.read().splitlines()


def test_a_clients_nonsense_is_only_counted() -> None:
    """Whoever reaches the port could write the log full otherwise."""
    taker, lines = lines_of(*[record(BadHttpMessage("x"))] * 100)
    assert taker.bad_requests == 100
    assert lines == []


def test_a_fault_of_ours_is_said_with_its_traceback() -> None:
    """And a warning without one is said as well."""
    taker, lines = lines_of(record(ValueError("broken")), record())
    assert taker.bad_requests == 0
    assert len(lines) == 2
    assert all(line.startswith("event=web_fault level=error") for line in lines)
    assert "ValueError: broken" in lines[0]


def test_a_fault_that_repeats_is_said_ever_more_rarely() -> None:
    """The 1st, 2nd, 4th ... time, with how many there were."""
    _, lines = lines_of(*[record(ValueError("broken"))] * 1000)
    assert len(lines) == 10
    assert "count=512" in lines[-1]
