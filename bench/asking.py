"""A client of PostgreSQL that kills it, and asks until another node answers.

`python -m bench.asking` in the network's namespace: one JSON object a line in (`Wanted`), one out.
It kills itself, so that both times come from one clock in one process.  Each question goes over
a connection of its own, and a new one is begun every few milliseconds whatever became of those
before: a connection that was sent to a machine without the VIP is never answered.
"""

import errno
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench import pgwire
from watchdog.cli.demo.journal import now_ns
from watchdog.cli.demo.outside import NICE

PORT: Final = 5432
USER: Final = "postgres"
ASK: Final = "SELECT 1, current_setting('cluster_name')"
"""One, and who says so."""
OPEN_MAX: Final = 200
ANSWER_MAX: Final = 64 * 1024
_ASKED: Final = pgwire.start_up(USER, USER) + pgwire.question(ASK)
_RESET: Final = struct.pack("ii", 1, 0)
_NS: Final = 1_000_000_000


class Wanted(NamedTuple):
    """Kill `pid` (nobody when 0), then ask `host` until a node other than `old` answers."""

    host: str
    pid: int
    old: str
    every_ms: float
    within_s: float


class Found(NamedTuple):
    """When (CLOCK_BOOTTIME, ns) it was killed and answered; `by` is empty when nobody did."""

    killed_ns: int
    answered_ns: int
    by: str
    asked: int


class Attempt:
    """One connection with one question."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)  # no TIME_WAIT
        self._data = b""
        self.is_asked = False
        self.is_over = self._socket.connect_ex((host, PORT)) not in {0, errno.EINPROGRESS}

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def step(self) -> str | None:
        """Go on where the socket permits it; the name in the answer."""
        try:
            if not self.is_asked:
                self._socket.send(_ASKED)
                self.is_asked = True
                return None
            more = self._socket.recv(ANSWER_MAX)
            self._data += more
            self.is_over = not more or len(self._data) > ANSWER_MAX
            return pgwire.last_column(self._data)
        except (OSError, ValueError):
            self.is_over = True
            return None

    def close(self) -> None:
        """Leave, saying so where somebody listens."""
        if self.is_asked and not self.is_over:
            with suppress(OSError):
                self._socket.send(pgwire.GOODBYE)
        self._socket.close()


class Asking:
    """The attempts that are open, and the loop over them."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._poll = select.poll()
        self._open: dict[int, Attempt] = {}
        self.asked = 0

    def run(self) -> Found:
        """Do what is wanted."""
        wanted = self._wanted
        killed_ns = now_ns()
        if wanted.pid:
            os.kill(wanted.pid, signal.SIGKILL)
        end_ns, due_ns = killed_ns + int(wanted.within_s * _NS), killed_ns
        try:
            while (now := now_ns()) < end_ns:
                if now >= due_ns:
                    due_ns = max(due_ns + int(wanted.every_ms * 1e6), now)
                    self._begin()
                for name in self._answers(max(0, due_ns - now_ns()) / 1e6):
                    if name != wanted.old:
                        return Found(killed_ns, now_ns(), name, self.asked)
        finally:
            for attempt in list(self._open.values()):
                self._end(attempt)
        return Found(killed_ns, 0, "", self.asked)

    def _begin(self) -> None:
        if len(self._open) >= OPEN_MAX:
            self._end(next(iter(self._open.values())))
        attempt = Attempt(self._wanted.host)
        self.asked += 1
        self._open[attempt.fileno()] = attempt
        if attempt.is_over:
            self._end(attempt)
        else:
            self._poll.register(attempt.fileno(), select.POLLOUT)

    def _answers(self, wait_ms: float) -> Sequence[str]:
        names = []
        for descriptor, _ in self._poll.poll(wait_ms):
            attempt = self._open[descriptor]
            name = attempt.step()
            if name is not None:
                names.append(name)
            if attempt.is_over or name is not None:
                self._end(attempt)
            elif attempt.is_asked:
                self._poll.modify(descriptor, select.POLLIN)
        return names

    def _end(self, attempt: Attempt) -> None:
        with suppress(KeyError):  # it never got so far
            self._poll.unregister(attempt.fileno())
        del self._open[attempt.fileno()]
        attempt.close()


class Asker:
    """The other side: the process that asks; ends with `close`."""

    def __init__(self, network: str) -> None:
        command = ["ip", "netns", "exec", network, sys.executable, "-m", "bench.asking"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd=Path(__file__).parents[1],
        )

    def ask(self, wanted: Wanted) -> Found:
        """Have it done; RuntimeError when no other node answered in time."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the asking process ended; its error is above")
        found = Found(*json.loads(line))
        if not found.by:
            what = f"{wanted.host}: no answer of another node than {wanted.old or 'nobody'}"
            raise RuntimeError(f"{what} within {wanted.within_s:g} s, asked {found.asked} times")
        return found

    def wait(self, host: str, within_s: float = 60.0, old: str = "") -> str:
        """Wait until somebody answers there; his name."""
        return self.ask(Wanted(host, 0, old, 20.0, within_s)).by

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()


def main() -> None:
    """Entry of the process."""
    with suppress(OSError):  # not permitted: times may be a little later, never earlier
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        least = os.sched_get_priority_min(os.SCHED_RR)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(least))
    for line in sys.stdin:
        wanted: list[Any] = json.loads(line)
        print(json.dumps(Asking(Wanted(*wanted)).run()), flush=True)


if __name__ == "__main__":
    main()
