"""The processes of a node under the nemesis: which are there, and what is done to them.

Rule: everything is done by process id, to processes that live in a node's own namespace.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.nemesis.stage import Stage
from watchdog.cli.demo.processes import children, runs

UNIFIED: Final = "/sys/fs/cgroup/unified"
CGROUP2: Final = "/sys/fs/cgroup"
FROZEN_S: Final = 3.0
SENTINEL: Final = "qd-sentinel"
BUSY: Final = "while True: pass"


class NotInjectedError(Exception):
    """A fault did not take effect: it does not count."""


def pids_of(stage: Stage, name: str, what: str) -> list[int]:
    """The processes of a node: guardian, node, both, lifecheck, sentinel or everything."""
    guardian = stage.cluster.guardian_pid(name)
    if what == "everything":
        return sorted(stage.pids(name), key=lambda pid: pid != guardian)
    if what == "guardian":
        return [guardian]
    if what == "sentinel":
        return sentinels(guardian)
    module = {"node": "watchdog.shell", "both": "watchdog.shell", "lifecheck": "lifecheck"}[what]
    found = [pid for pid in children(guardian) if runs(pid, module)]
    return [guardian, *found] if what == "both" else found


def sentinels(guardian: int) -> list[int]:
    """The sentinel of a guardian, by the name that it gives to itself."""
    return [pid for pid in children(guardian) if _comm(pid) == SENTINEL]


def _comm(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    return ""


def state_of(pid: int) -> str:
    """The letter that the kernel gives to a process; Z also for one that is gone."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return text.rpartition(")")[2].split()[0]
    return "Z"


def kill(stage: Stage, name: str, what: str) -> None:
    """SIGKILL, and wait until they are dead."""
    kill_all(stage, (name,), what)


def kill_all(stage: Stage, names: Sequence[str], what: str) -> None:
    """SIGKILL on several nodes, as near to one instant as one process can."""
    pids = [pid for name in names for pid in pids_of(stage, name, what)]
    _each(pids, signal.SIGKILL)
    _until(pids, "Z")


@contextmanager
def stopped(stage: Stage, name: str, what: str) -> Iterator[None]:
    """SIGSTOP for a while."""
    pids = pids_of(stage, name, what)
    try:
        _each(pids, signal.SIGSTOP)
        _until(pids, "TZ")
        yield
    finally:
        _each(pids, signal.SIGCONT)


def _each(pids: Sequence[int], number: int) -> None:
    if not pids:
        raise NotInjectedError("there is no such process")
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _until(pids: Sequence[int], letters: str) -> None:
    deadline = time.monotonic() + FROZEN_S
    while late := [pid for pid in pids if state_of(pid) not in letters]:
        if time.monotonic() > deadline:
            raise NotInjectedError(f"{late} are {[state_of(pid) for pid in late]}, not {letters}")
        time.sleep(0.01)


@contextmanager
def frozen(stage: Stage, name: str) -> Iterator[None]:
    """Every process of a node stops at one instant, by the kernel's freezer; none is told."""
    root = Path(UNIFIED if Path(UNIFIED, "cgroup.procs").exists() else CGROUP2)
    group = root / f"quorumdog-nemesis-{os.getpid()}-{name}"
    group.mkdir()
    pids = pids_of(stage, name, "everything")
    came_from = {pid: _group_of(root, pid) for pid in pids}
    try:
        for pid in pids:
            _enter(group, pid)
        (group / "cgroup.freeze").write_text("1", encoding="ascii")
        deadline = time.monotonic() + FROZEN_S
        while "frozen 1" not in (group / "cgroup.events").read_text(encoding="ascii"):
            if time.monotonic() > deadline:
                raise NotInjectedError("the group did not freeze")
            time.sleep(0.01)
        yield
    finally:
        (group / "cgroup.freeze").write_text("0", encoding="ascii")
        for pid in map(int, (group / "cgroup.procs").read_text(encoding="ascii").split()):
            _enter(came_from.get(pid, root), pid)
        group.rmdir()


def _group_of(root: Path, pid: int) -> Path:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::"):
                return root / line[3:].strip("/")
    return root


def _enter(group: Path, pid: int) -> None:
    with suppress(OSError):  # it ended
        (group / "cgroup.procs").write_text(str(pid), encoding="ascii")


@contextmanager
def storm(count: int) -> Iterator[None]:
    """Busy loops of the ordinary class on all processors."""
    busy = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", BUSY], start_new_session=True)
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()
