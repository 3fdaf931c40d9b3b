"""What makes the process watch faster where the kernel allows it, and nothing else.

Rule: an accelerator only says where to look now; whether somebody lives is decided by pidfds and
whether somebody has begun to die by what /proc says about exactly that process.  So an event that
is lost, late or meant for a number that was given out again does no harm.  Each can be switched
off by its name; none is needed.
"""

import os
from collections.abc import Sequence
from typing import Final

PROCESS_CONNECTOR: Final = "process_connector"
EXIT_TRACEPOINT: Final = "exit_tracepoint"
EXITING_POLL: Final = "exiting_poll"
NAMES: Final = (PROCESS_CONNECTOR, EXIT_TRACEPOINT, EXITING_POLL)
REST_S: Final = 0.005
"""At most one wake-up in this time: a storm of events is taken in bunches."""


class Accelerators:
    """Which are wanted, with what they need from whoever has the privilege to open it."""

    def __init__(
        self,
        wanted: Sequence[str] = (),
        connector_fd: int | None = None,
        perf_fds: Sequence[int] = (),
    ) -> None:
        self.wanted = frozenset(wanted)
        self.connector_fd = connector_fd
        self.perf_fds = tuple(perf_fds)
        self.in_use: tuple[str, ...] = ()
        self.refused: dict[str, str] = {}
        """Name -> why a wanted one is not in use."""
        for fd in (connector_fd, *perf_fds):
            if fd is not None:
                os.set_inheritable(fd, False)
        if PROCESS_CONNECTOR not in self.wanted:
            self.close_connector()
        if EXIT_TRACEPOINT not in self.wanted:
            self.close_perf()

    def use(self, name: str) -> None:
        """It works."""
        self.in_use = (*self.in_use, name)

    def refuse(self, name: str, why: str) -> None:
        """It was wanted, and cannot be had."""
        self.refused[name] = why
        self.in_use = tuple(used for used in self.in_use if used != name)

    def take_connector(self) -> int | None:
        """The socket, which now belongs to whoever calls this."""
        fd, self.connector_fd = self.connector_fd, None
        return fd

    def close_connector(self) -> None:
        """Give back the socket."""
        if self.connector_fd is not None:
            os.close(self.connector_fd)
            self.connector_fd = None

    def close_perf(self) -> None:
        """Give back the perf events."""
        for fd in self.perf_fds:
            os.close(fd)
        self.perf_fds = ()
