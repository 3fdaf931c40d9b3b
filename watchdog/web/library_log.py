"""What the libraries log becomes lines of ours; what clients get wrong is only counted.

A stranger must not fill the log, so a fault that repeats is said the 1st, 2nd, 4th, 8th ... time.
"""

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

from watchdog.web.log import Log

HTTP: Final = "aiohttp.server"
"""The logger that says bad requests, some of them only as debug."""


class LibraryLog(logging.Handler):
    """Takes warnings and worse of every library, and counts bad requests."""

    def __init__(self, log: Log) -> None:
        """Lines go to `log`."""
        super().__init__(logging.DEBUG)
        self._log = log
        self._faults = 0
        self.bad_requests = 0

    def install(self) -> None:
        """Be the one who takes what libraries log."""
        logging.getLogger().addHandler(self)
        logging.getLogger(HTTP).setLevel(logging.DEBUG)

    def remove(self) -> None:
        """Undo `install`."""
        logging.getLogger().removeHandler(self)
        logging.getLogger(HTTP).setLevel(logging.NOTSET)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, HttpProcessingError):
            self.bad_requests += 1
            return
        if record.levelno < logging.WARNING:
            return
        self._faults += 1
        if self._faults & (self._faults - 1) == 0:
            self._log.error("web_fault", why=self.format(record), count=self._faults)
