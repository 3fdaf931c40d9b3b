"""Everything that hooks, a helper or restart actions have started: a group killed as a whole.

A cgroup v2 wherever one is mounted and may be made (no controller is needed; a daemon that forks
twice stays in it); else all descendants of the guardian, which as a subreaper inherits orphans.
Rule: empty means that the kernel says so, not that a process group was signalled.
"""

import contextlib
import os
import select
from collections.abc import Callable
from typing import Final

from watchdog.guardian import processes

KILLS_MAX: Final = 100

Watch = Callable[[int, Callable[[], None], int], None]


def find_mount(mountinfo: str) -> str:
    """Where cgroup2 is mounted, from the text of /proc/self/mountinfo; empty: nowhere."""
    for line in mountinfo.splitlines():
        fields, _, tail = line.partition(" - ")
        words = fields.split(" ")
        if tail.split(" ", 1)[0] == "cgroup2" and len(words) > 4:
            return words[4].replace("\\040", " ")
    return ""


def own_path(cgroup: str) -> str:
    """Our own path below the mount, from the text of /proc/self/cgroup."""
    for line in cgroup.splitlines():
        if line.startswith("0::"):
            return line[3:].strip("/")
    return ""


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


class HookGroup:
    """Without a cgroup: all our descendants but children that `is_spared(pid)`, and theirs.

    `is_used`: make the cgroup; otherwise only a predecessor's is taken over, to be emptied.
    """

    def __init__(self, name: str, is_spared: Callable[[int], bool], *, is_used: bool) -> None:
        self.path = ""
        self._is_spared = is_spared
        self._events = -1
        mount = find_mount(_read("/proc/self/mountinfo"))
        if mount:
            self._open(os.path.join(mount, own_path(_read("/proc/self/cgroup")), name), is_used)

    def _open(self, path: str, is_used: bool) -> None:
        try:
            if is_used:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, 0o755)
            flags = os.O_RDONLY | os.O_CLOEXEC
            self._events = os.open(os.path.join(path, "cgroup.events"), flags)
        except OSError:
            return  # read-only, not delegated or not ours: the guardian is subreaper instead
        self.path = path

    @property
    def join_file(self) -> str:
        """A process that writes 0 here is in the group; /dev/null when there is no cgroup."""
        return os.path.join(self.path, "cgroup.procs") if self.path else "/dev/null"

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the group is alive."""
        if self.path:
            return b"populated 0" in os.pread(self._events, 4096, 0)
        return not processes.descendants(self._is_spared)

    def kill_the_rest(self) -> bool:
        """Without a cgroup: SIGKILL what is left, by one look at all processes; True: nothing."""
        found = processes.descendants(self._is_spared)
        for pid, start in found.items():
            processes.kill(pid, start)
        return not found

    def kill(self) -> None:
        """SIGKILL everything in it; whether it is empty is for the kernel to say later."""
        if not self.path:
            self.kill_the_rest()
            return
        try:
            with open(os.path.join(self.path, "cgroup.kill"), "w") as file:
                file.write("1")
        except OSError:
            self._kill_each()  # before Linux 5.14

    def _kill_each(self) -> None:
        for _ in range(KILLS_MAX):
            pids = _read(os.path.join(self.path, "cgroup.procs")).split()
            if not pids:
                return
            for pid in pids:
                found = processes.stat_of(int(pid))
                if found:
                    processes.kill(int(pid), found.start)

    def watch(self, watch: Watch, changed: Callable[[], None]) -> None:
        """Have `changed` called when the group may have become empty or not."""
        if not self.path:
            return  # SIGCHLD says it: the orphans are ours

        def on_event() -> None:
            os.pread(self._events, 4096, 0)
            changed()

        watch(self._events, on_event, select.POLLPRI)

    def remove(self) -> None:
        """Take the empty cgroup away."""
        if self.path:
            with contextlib.suppress(OSError):
                os.rmdir(self.path)
