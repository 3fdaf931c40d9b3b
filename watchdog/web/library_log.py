"""What the libraries log becomes lines of ours; what clients get wrong is only counted.

A stranger must not fill the log, so a fault that repeats is said the 1st, 2nd, 4th, 8th ... time.
"""

import logging

from aiohttp.http_exceptions import HttpProcessingError

from watchdog.web.log import Log


class LibraryLog(logging.Handler):
    """Takes warnings and worse of every library."""

    def __init__(self, log: Log) -> None:
        """Lines go to `log`."""
        super().__init__(logging.WARNING)
        self._log = log
        self._faults = 0
        self.bad_requests = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, HttpProcessingError):
            self.bad_requests += 1
            return
        self._faults += 1
        if self._faults & (self._faults - 1) == 0:
            self._log.error("web_fault", why=self.format(record), count=self._faults)
