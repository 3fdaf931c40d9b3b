"""What the service manager is told: ready, stopping, and one line of status (sd_notify).

Rule: without NOTIFY_SOCKET nothing is said, and a manager that does not listen is no fault.
"""

import contextlib
import os
import socket


class Supervisor:
    """The datagram socket that the environment names, if it names one."""

    def __init__(self, environ: dict[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path

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


def from_environment() -> Supervisor:
    """The service manager that started us, if one did."""
    return Supervisor(dict(os.environ))
