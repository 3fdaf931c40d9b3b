"""What the service manager is told: ready, stopping, that we live, and one line of status.

Rule: without NOTIFY_SOCKET nothing is said, and a manager that does not listen is no fault.  A
ping is sent by the guardian's own loop and by nothing else: a loop that no longer turns holds no
deadline.  Theory: sd_notify(3), sd_watchdog_enabled(3).
"""

import contextlib
import os
import socket
from collections.abc import Callable
from typing import Final

from watchdog.guardian.loop import Loop
from watchdog.instant import SECOND

PERIOD_NS: Final = SECOND
"""How often the status is looked at when nobody wants pings."""
STATUS_MAX: Final = 200
_NS_PER_US: Final = 1_000


def nothing() -> str:
    """No status."""
    return ""


class Supervisor:
    """The datagram socket that the environment names, if it names one."""

    def __init__(self, environ: dict[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._ping_ns = _ping_ns(environ) if path else 0
        self._shown = ""

    @property
    def wants_pings(self) -> bool:
        """Whether the manager kills us when we fall silent (WatchdogSec=)."""
        return self._ping_ns > 0

    def tell(self, state: str) -> None:
        """Send `state`, such as READY=1."""
        if not self._address:
            return
        with contextlib.suppress(OSError):
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            try:
                channel.setblocking(False)
                channel.sendto(state.encode(), self._address)
            finally:
                channel.close()

    def arm(self, loop: Loop, status: Callable[[], str] = nothing) -> None:
        """Ping now and again and again, each time from a turn of `loop`; tell a changed status."""
        if not self._address:
            return
        words = ["WATCHDOG=1"] if self.wants_pings else []
        shown = " ".join(status().split())[:STATUS_MAX]
        if shown != self._shown:
            self._shown = shown
            words.append(f"STATUS={shown}")
        if words:
            self.tell("\n".join(words))
        loop.call_in(self._ping_ns or PERIOD_NS, lambda: self.arm(loop, status))


def _ping_ns(environ: dict[str, str]) -> int:
    """Half of what the manager waits for; 0 when it waits for nobody, or for another process."""
    period, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not period.isdecimal() or pid not in {"", str(os.getpid())}:
        return 0
    return int(period) * _NS_PER_US // 2


def from_environment() -> Supervisor:
    """The service manager that started us, if one did."""
    return Supervisor(dict(os.environ))
