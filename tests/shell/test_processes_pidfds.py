"""Taking hold of processes: only of the living, and never of the wrong one."""

import os
import resource
import threading
from collections.abc import Iterator

import pytest

from lifecheck.processes import pidfds
from lifecheck.processes.pidfds import UNHELD, Held, Table, hold, raise_limit
from tests.shell.process_lab import sleeper, title

HERE = frozenset({0})


@pytest.fixture
def table() -> Iterator[Table]:
    """A table of two places."""
    made = Table(2)
    yield made
    made.close()


def test_who_changes_between_the_two_looks_is_not_held() -> None:
    """The number was found by a command line, and is another's when the pidfd is open."""
    with sleeper(title()) as child:
        assert hold(child.pid, lambda _: frozenset()) is None


def test_a_zombie_is_not_held() -> None:
    """A pidfd can be had of it, and is readable at once."""
    with sleeper(title()) as child:
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert hold(child.pid, lambda _: HERE) is None
    assert hold(child.pid, lambda _: HERE) is None


def test_who_dies_while_being_looked_at_is_not_held() -> None:
    """The descriptor says so, whatever the command line said."""
    with sleeper(title()) as child:

        def find(pid: int) -> frozenset[int]:
            child.kill()
            child.wait()
            return HERE

        assert hold(child.pid, find) is None


def test_a_thread_is_no_process() -> None:
    """Its number is given out in the same turn, and shows the same command line."""
    begun, done = threading.Event(), threading.Event()
    numbers: list[int] = []

    def live() -> None:
        numbers.append(threading.get_native_id())
        begun.set()
        done.wait()

    thread = threading.Thread(target=live)
    thread.start()
    try:
        begun.wait()
        assert hold(numbers[0], lambda _: HERE) is None
    finally:
        done.set()
        thread.join()


def test_without_descriptors_a_process_is_only_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit of the machine is reached, or pidfds are forbidden."""

    def refuse(pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    held = hold(os.getpid(), lambda _: HERE)
    assert held is not None
    assert held.fd == UNHELD
    assert not held.has_ended()
    held.close()
    assert hold(os.getpid(), lambda _: frozenset()) is None


def test_counts_follow_who_comes_dies_moves_and_goes(table: Table) -> None:
    """A dying member counts as such wherever it is."""
    with sleeper(title()) as child:
        held = hold(child.pid, lambda _: HERE)
        assert held is not None
        table.add(held)
        table.mark_dying(held)
        table.mark_dying(held)
        assert table.dying == [1, 0]
        table.move(held, frozenset({1}))
        assert table.dying == [0, 1]
        assert [list(members) for members in table.members] == [[], [child.pid]]
        assert table.ended() == []
        child.kill()
        child.wait()
        assert table.ended() == [held]
        table.drop(held)
        assert table.dying == [0, 0]
        assert table.by_pid == {}


def test_beyond_its_limit_the_table_gives_descriptors_back(table: Table) -> None:
    """Others need some, too."""
    table.fds_max = 0
    fd = os.pidfd_open(os.getpid())
    held = Held(os.getpid(), fd, HERE)
    table.add(held)
    assert held.fd == UNHELD
    assert list(table.unheld) == [os.getpid()]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    """1024 is what a login gives, and half of the machine may be allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    try:
        assert raise_limit() == hard - pidfds.RESERVE
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
