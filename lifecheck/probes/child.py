"""One started command: a session and process group of its own, watched by its pidfd.

Rule: the group is killed while its first process is still there to hold the number, so that no
stranger is ever hit.  Nothing waits for a killed process: whoever is stuck in the kernel is
collected when it comes out, and counts as hanging until then.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Final

OUTPUT_MAX: Final = 64 * 1024
LAST_READS_MAX: Final = 32
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT: Final = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
DEFAULTED: Final = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
UNKNOWN_END: Final = -1000
"""Somebody else collected it: taken for an unknown signal, which is never well."""


class Child:
    """Starts `argv`; OSError when it cannot be started."""

    def __init__(self, path: str, argv: tuple[str, ...]) -> None:
        self._loop = asyncio.get_running_loop()
        self._output = bytearray()
        self._killed_at = 0.0
        self._code: int | None = None
        self._ended = asyncio.Event()
        self._pipe, self._pid = _spawn(path, argv)
        try:
            self._pidfd = os.pidfd_open(self._pid)
        except OSError:
            os.close(self._pipe)
            self._kill()
            os.waitpid(self._pid, 0)
            raise
        os.set_blocking(self._pipe, False)
        self._loop.add_reader(self._pipe, self._read)
        self._loop.add_reader(self._pidfd, self._end)

    async def wait(self) -> int:
        """Return its exit code, or minus its signal, when the first process has ended."""
        await self._ended.wait()
        assert self._code is not None
        return self._code

    def let_go(self) -> bytes:
        """Kill what is left of its group, stop listening; return what it printed."""
        self._kill()
        for _ in range(LAST_READS_MAX):
            if self._pipe < 0 or not self._read():
                break
        self._close_pipe()
        self._end()
        return bytes(self._output)

    def hanging(self) -> str:
        """Return how long a killed one has not ended; empty when it has."""
        if self._code is not None:
            return ""
        since_s = time.monotonic() - self._killed_at
        return f"pid {self._pid}, killed {since_s:.0f} s ago, is still there"

    def forget(self) -> None:
        """Stop looking for the end of a killed one."""
        if self._code is None:
            self._collected(UNKNOWN_END)

    def _kill(self) -> None:
        if self._code is None:
            self._killed_at = time.monotonic()
            with contextlib.suppress(OSError):
                os.killpg(self._pid, signal.SIGKILL)

    def _read(self) -> bool:
        try:
            data = os.read(self._pipe, OUTPUT_MAX)
        except BlockingIOError:
            return False
        self._output += data[: OUTPUT_MAX - len(self._output)]
        if not data:
            self._close_pipe()
        return bool(data)

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    def _end(self) -> None:
        """Collect the first process when it has ended; its group dies with it."""
        if self._code is not None:
            return
        how = os.WEXITED | os.WNOHANG
        try:
            if os.waitid(os.P_PIDFD, self._pidfd, how | os.WNOWAIT) is None:
                return
            self._kill()
            result = os.waitid(os.P_PIDFD, self._pidfd, how)
        except ChildProcessError:
            self._collected(UNKNOWN_END)
            return
        assert result is not None, "it had ended a line before"
        exited = result.si_code == os.CLD_EXITED
        self._collected(result.si_status if exited else -result.si_status)

    def _collected(self, code: int) -> None:
        self._code = code
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._ended.set()


def _inheritable() -> Iterator[int]:
    """Yield what a command would inherit though it is none of its business, such as our key."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the listing itself is closed again
            if int(name) > 2 and os.get_inheritable(int(name)):
                yield int(name)


def _spawn(path: str, argv: tuple[str, ...]) -> tuple[int, int]:
    ours, theirs = os.pipe()
    pid = 0
    try:
        pid = os.posix_spawn(
            path,
            argv,
            ENVIRONMENT,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, theirs, 1),
                (os.POSIX_SPAWN_DUP2, theirs, 2),
                *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable()),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=DEFAULTED,
        )
    finally:
        os.close(theirs)
        if not pid:
            os.close(ours)
    return ours, pid
