"""Processes by pid and start time: only exactly those, and only our own descendants."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from watchdog.guardian import processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that nobody waits for but its test."""
    with subprocess.Popen(SLEEP) as child:
        yield child
        child.kill()


def _start_of(pid: int) -> int:
    found = processes.stat_of(pid)
    assert found
    return found.start


def test_a_process_is_ended_and_then_gone(sleeper: subprocess.Popen[bytes]) -> None:
    """A zombie is gone: it waits for its parent, who may be stopped."""
    start = _start_of(sleeper.pid)
    processes.end(sleeper.pid, start)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert processes.end(sleeper.pid, start)
    assert sleeper.wait() == -signal.SIGKILL
    assert processes.end(sleeper.pid, start)


def test_a_number_that_is_another_process_by_now_is_spared(
    sleeper: subprocess.Popen[bytes],
) -> None:
    """The one that was meant is gone."""
    assert processes.end(sleeper.pid, _start_of(sleeper.pid) - 1)
    assert sleeper.poll() is None


def test_a_process_is_killed_only_under_its_start_time() -> None:
    """The number may be another's by now."""
    child = subprocess.Popen(SLEEP)
    try:
        found = processes.stat_of(child.pid)
        assert found
        assert found.parent == os.getpid()
        assert not processes.kill(child.pid, found.start + 1)
        assert child.poll() is None
        assert processes.kill(child.pid, found.start)
        assert child.wait(5) == -9
        assert not processes.kill(child.pid, found.start)
        assert processes.stat_of(child.pid) is None
    finally:
        child.kill()
        child.wait()


def test_descendants_are_ours_alone_and_spare_whom_they_should() -> None:
    """Never a process that we did not start, nor one below a spared one."""
    program = f"import subprocess; subprocess.run({SLEEP!r})"
    children = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    try:
        spared = children[0].pid
        found: dict[int, int] = {}
        for _ in range(500):
            found = processes.descendants(spared.__eq__)
            if len(found) >= 2:
                break
        assert children[1].pid in found
        assert children[0].pid not in found
        assert os.getpid() not in found
        assert 1 not in found
        for pid in found:
            assert _has_ancestor(pid, os.getpid())
    finally:
        for pid, start in processes.descendants(lambda _: False).items():
            processes.kill(pid, start)
        for child in children:
            child.wait()


def test_a_mark_is_inherited_whatever_is_executed() -> None:
    """Environments are cleared and overwritten, sessions are left; this stays."""
    program = "echo 21 > /proc/self/oom_score_adj; env -i setsid -w sleep 60 & echo $!; wait"
    child = subprocess.Popen(["sh", "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout
        inner = int(child.stdout.readline())
        assert processes.oom_score_of(inner) == 21
        assert processes.oom_score_of(2**22 + 1) is None
        child.stdout.close()
    finally:
        for pid, start in processes.descendants(lambda _: False).items():
            processes.kill(pid, start)
        child.wait()


def _has_ancestor(pid: int, ancestor: int) -> bool:
    for _ in range(50):
        found = processes.stat_of(pid)
        if not found or found.parent == ancestor:
            return True
        pid = found.parent
        if pid == 0:
            return False
    return False
