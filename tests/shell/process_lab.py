"""Real processes for the tests and benches of the process watch, and a watch that is waited for.

Every process made here is killed when its context ends, by a handle of its own; sleepers end by
themselves should even that fail.
"""

import asyncio
import contextlib
import ctypes
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import pytest

from lifecheck.processes import cgroups, procfs
from lifecheck.processes.accelerators import EXIT_TRACEPOINT, NAMES, PROCESS_CONNECTOR, Accelerators
from lifecheck.processes.census import Seen
from lifecheck.processes.matching import Rule
from lifecheck.processes.watch import ProcessWatch
from watchdog.guardian.privileged import open_exit_tracepoint, open_process_connector

SLEEP: Final = "/bin/sleep"
SLEEP_S: Final = "300"
PATIENCE_S: Final = 20.0
_NUMBERS: Final = itertools.count()

ACCELERATED: Final = pytest.mark.parametrize("names", [(), NAMES], ids=["plain", "accelerated"])

NURSERY: Final = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    count, title = line.split()
    words = [title, sys.argv[1]]
    made = [os.posix_spawn("/bin/sleep", words, {}) for _ in range(int(count))]
    print(*made, flush=True)
"""


def title(what: str = "proc") -> str:
    """A name that no other process has."""
    return f"qd-{what}-{os.getpid()}-{next(_NUMBERS)}"


@contextlib.contextmanager
def sleeper(name: str, program: str = SLEEP) -> Iterator[subprocess.Popen[bytes]]:
    """A process with this command line that does nothing."""
    with subprocess.Popen([name, SLEEP_S], executable=program) as child:
        try:
            yield child
        finally:
            child.kill()


@contextlib.contextmanager
def script(code: str, mark: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process whose command line begins with `script_prefix(mark)`; talks by pipes."""
    words = [sys.executable, "-I", "-c", f"#{mark}\n{code}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdin=pipe, stdout=pipe, text=True, start_new_session=True
    ) as child:
        try:
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def script_prefix(mark: str) -> str:
    """Beginning of the command line of a script."""
    return f"{sys.executable} -I -c #{mark}\n"


def read_line(child: subprocess.Popen[str]) -> str:
    """Wait for what the process says."""
    assert child.stdout
    return child.stdout.readline().strip()


def tell(child: subprocess.Popen[str], text: str = "go") -> None:
    """Have the process go on."""
    assert child.stdin
    child.stdin.write(text + "\n")
    child.stdin.flush()


def state(pid: int) -> str:
    """State of a process as /proc shows it."""
    found = procfs.stat(pid)
    return "" if found is None else found.state


def children(pid: int) -> list[int]:
    """Processes that its leading thread has made."""
    return [int(word) for word in procfs.read(f"/proc/{pid}/task/{pid}/children", 4096).split()]


def set_last_pid(number: int) -> None:
    """Have the kernel give out `number + 1` next."""
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(number), encoding="ascii")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody tells."""
    for _ in range(round(PATIENCE_S * 1000)):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("it did not come true")


class Nursery:
    """A parent of very many sleepers; whoever dies is reaped at once."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.group = process.pid
        """Process group of the parent and of all its children."""

    def spawn(self, count: int, name: str) -> list[int]:
        """Make so many sleepers with this name."""
        tell(self._process, f"{count} {name}")
        return [int(word) for word in read_line(self._process).split()]


@contextlib.contextmanager
def nursery() -> Iterator[Nursery]:
    """Sleepers that are killed as a group, with their parent."""
    words = [sys.executable, "-I", "-S", "-c", NURSERY, SLEEP_S]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdin=pipe, stdout=pipe, text=True, start_new_session=True
    ) as parent:
        try:
            yield Nursery(parent)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)


def accelerators(names: Sequence[str]) -> Accelerators:
    """Accelerators as the guardian hands them over."""
    if not names:
        return Accelerators()
    if os.geteuid() != 0:
        pytest.skip("accelerators need root")
    connector = open_process_connector() if PROCESS_CONNECTOR in names else None
    perf = open_exit_tracepoint() if EXIT_TRACEPOINT in names else ()
    return Accelerators(names, connector, perf)


class Log:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.events: list[str] = []
        """What somebody should look at."""
        self.told: dict[str, dict[str, str | float | bool | None]] = {}

    def info(self, event: str, /, **fields: str | float | bool | None) -> None:
        """As the real one."""
        self.told[event] = fields

    def warning(self, event: str, /, **fields: str | float | bool | None) -> None:
        """As the real one."""
        self.events.append(event)


class Watching:
    """A running watch, and everything that it has said."""

    def __init__(self, rules: Sequence[Rule], given: Accelerators) -> None:
        self.log = Log()
        self.history: list[tuple[int, Seen]] = []
        self.on_change: Callable[[], None] = lambda: None
        self._news = asyncio.Event()
        self.watch = ProcessWatch(rules, self._changed, given, self.log)

    def _changed(self, index: int) -> None:
        self.history.append((index, self.seen(index)))
        self.on_change()
        self._news.set()

    def seen(self, index: int = 0) -> Seen:
        """What is known now."""
        seen = self.watch.seen(index)
        assert seen is not None
        return seen

    def alive(self, index: int = 0) -> int:
        """Count of a rule."""
        return self.seen(index).alive

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for news that make it true."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_pids(self, *pids: int) -> None:
        """Wait until it is exactly these of the first rule."""
        await self.until(lambda: self.seen().pids == pids)

    async def until_not(self, pids: Sequence[int]) -> None:
        """Wait until it is none of these of the first rule."""
        await self.until(lambda: not set(pids).intersection(self.seen().pids))

    async def until_alive(self, count: int, index: int = 0) -> None:
        """Wait for a count."""
        await self.until(lambda: bool(self.history) and self.alive(index) == count)


@contextlib.asynccontextmanager
async def watching(
    *rules: Rule, names: Sequence[str] = (), given: Accelerators | None = None
) -> AsyncIterator[Watching]:
    """Watch these rules; what is inside begins after the first look."""
    watched = Watching(rules, given or accelerators(names))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watched.watch.run())
        await watched.until(lambda: len(watched.history) >= len(rules))
        try:
            yield watched
        finally:
            task.cancel()


def prefix(*names: str, min_count: int = 1) -> Rule:
    """Rule for processes of these names; each prefix ends after its name."""
    return Rule(prefixes=tuple(f"{name} " for name in names), min_count=min_count)


class Stopped:
    """Traces a process and holds it back at the moment when it is about to end."""

    _SEIZE, _CONT, _DETACH = 0x4206, 7, 17
    _TRACE_EXIT: Final = 0x40

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._libc = ctypes.CDLL(None, use_errno=True)

    def __enter__(self) -> Self:
        self._call(self._SEIZE, self._TRACE_EXIT)
        return self

    def __exit__(self, *exc: object) -> None:
        self._call(self._DETACH, 0)

    def die(self, signum: int) -> None:
        """Send a deadly signal; return when the process is held back in its end."""
        os.kill(self._pid, signum)
        os.waitpid(self._pid, 0)
        self._call(self._CONT, signum)
        os.waitpid(self._pid, 0)

    def _call(self, request: int, data: int) -> None:
        numbers = ctypes.c_long(self._pid), ctypes.c_void_p(0), ctypes.c_void_p(data)
        if self._libc.ptrace(ctypes.c_long(request), *numbers) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")


@contextlib.contextmanager
def control_group(name: str) -> Iterator[Path]:
    """A control group like that of a unit; whoever is in it goes back to the root."""
    root = Path(cgroups.roots()[0])
    group = root / name
    group.mkdir()
    try:
        yield group
    finally:
        folders = sorted(group.rglob("*/"), reverse=True)
        for folder in [*folders, group]:
            for pid in (folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    (root / "cgroup.procs").write_text(pid)
            folder.rmdir()
