"""The processes that are held by a pidfd, and how many there are of each kind.

Rule: identity is the descriptor, never the number: a number is given out again at once, and even
its start time is then the same.  So the command line is read after the descriptor was opened, and
counts only while that descriptor says "alive".  Theory: a pidfd becomes readable when the last
thread has ended, reaped or not; stopping, exec and the end of the leading thread do not show.
"""

import errno
import os
import resource
import select
from collections.abc import Callable, Iterable
from typing import Final

UNHELD: Final = -1
"""Instead of a descriptor: none was to be had, the process is looked at again and again."""
NO_SUCH_PROCESS: Final = (errno.ESRCH, errno.EINVAL, errno.ENOENT)
"""Gone, or (the other two, by kernel) the number of a thread that leads no process."""
ENDED_MAX: Final = 512
"""Deaths that are taken at a time."""
RESERVE: Final = 128
"""Descriptors that are left for probes and connections."""


class Held:
    """One process that belongs to some places."""

    __slots__ = ("dying", "fd", "pid", "places")

    def __init__(self, pid: int, fd: int, places: frozenset[int]) -> None:
        self.pid = pid
        self.fd = fd
        self.places = places
        self.dying = False

    def has_ended(self) -> bool:
        """Ask the descriptor."""
        return self.fd != UNHELD and _is_readable(self.fd)

    def close(self) -> None:
        """Let go of a process that is in no table."""
        if self.fd != UNHELD:
            os.close(self.fd)


def _is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def hold(pid: int, find: Callable[[int], frozenset[int]]) -> Held | None:
    """Take hold of a process that `find` knows; None when it does not, or the process is dead."""
    try:
        fd = os.pidfd_open(pid)
    except OSError as error:
        if error.errno in NO_SUCH_PROCESS:
            return None
        places = find(pid)
        return Held(pid, UNHELD, places) if places else None
    places = find(pid)
    if not places or _is_readable(fd):
        os.close(fd)
        return None
    return Held(pid, fd, places)


class Table:
    """Everything that is held now; one epoll descriptor tells of every death."""

    def __init__(self, places: int) -> None:
        self.epoll = select.epoll()
        self.by_pid: dict[int, Held] = {}
        self.members: tuple[dict[int, Held], ...] = tuple({} for _ in range(places))
        """By place: the processes, oldest first."""
        self.dying = [0] * places
        """By place: how many of its processes have begun to die."""
        self.unheld: dict[int, Held] = {}
        self._by_fd: dict[int, Held] = {}
        self.fds_max = raise_limit()

    def add(self, held: Held) -> None:
        """Watch it; beyond the limit of descriptors it is only remembered."""
        if held.fd != UNHELD and len(self._by_fd) >= self.fds_max:
            os.close(held.fd)
            held.fd = UNHELD
        if held.fd == UNHELD:
            self.unheld[held.pid] = held
        else:
            self._by_fd[held.fd] = held
            self.epoll.register(held.fd, select.EPOLLIN)
        self.by_pid[held.pid] = held
        for place in held.places:
            self.members[place][held.pid] = held

    def drop(self, held: Held) -> None:
        """Let go of it."""
        del self.by_pid[held.pid]
        self._leave(held, held.places)
        if held.fd == UNHELD:
            del self.unheld[held.pid]
            return
        del self._by_fd[held.fd]
        self.epoll.unregister(held.fd)
        os.close(held.fd)

    def move(self, held: Held, places: frozenset[int]) -> None:
        """It calls itself something else by now."""
        self._leave(held, held.places)
        held.places = places
        for place in places:
            self.members[place][held.pid] = held
            self.dying[place] += held.dying

    def mark_dying(self, held: Held) -> None:
        """It has certainly begun to die."""
        if not held.dying:
            held.dying = True
            for place in held.places:
                self.dying[place] += 1

    def ended(self) -> list[Held]:
        """Take who has died; the rest of a mass death comes with the next call."""
        return [self._by_fd[fd] for fd, _ in self.epoll.poll(0, ENDED_MAX)]

    def close(self) -> None:
        """Let go of everything."""
        for held in list(self.by_pid.values()):
            self.drop(held)
        self.epoll.close()

    def _leave(self, held: Held, places: Iterable[int]) -> None:
        for place in places:
            del self.members[place][held.pid]
            self.dying[place] -= held.dying


def raise_limit() -> int:
    """Raise the soft limit of descriptors to the hard one; return how many pidfds fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return max(soft - RESERVE, 0)
