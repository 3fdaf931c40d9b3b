"""The demo's nodes: each a real `quorumdog run`, found, signalled and ended as a whole.

A node is a guardian (the process that was started) and its children.  The node process is the
child that runs `watchdog.shell`.  Everything is started in a session of its own, so that Ctrl-C
reaches only the demo, which then ends it in order.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

NODE_MODULE: Final = "watchdog.shell"
MODULES: Final = (NODE_MODULE, "lifecheck", "watchdog.web", "watchdog.guardian")
"""What the guardian's own children run; the last one is its sentinel, which it forked."""
POLL_S: Final = 0.02


class Running:
    """One started node; its output goes to a file."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The guardian: everything that was started becomes it by exec."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the guardian ended; None while it runs."""
        return self._process.poll()

    def node_pid(self) -> int | None:
        """The node process, or None while there is none."""
        return next((pid for pid in children(self.pid) if is_node(pid)), None)

    def own_pids(self) -> set[int]:
        """The processes of the daemon itself: not what its hooks and checks have started."""
        return {self.pid, *(pid for pid in children(self.pid) if runs(pid, *MODULES))}

    def family(self) -> list[int]:
        """The guardian and all its descendants, the guardian first."""
        found = [self.pid]
        for pid in found:
            found += children(pid)
        return found

    def signal(self, number: int) -> None:
        """Signal the guardian, if it still runs."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or None when it still runs after so many seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End guardian and descendants now."""
        pids = self.family()
        if self._process.poll() is None:
            self._process.kill()
        for pid in pids[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


def stop_all(nodes: Sequence[Running], seconds: float) -> list[Running]:
    """Ask all to stop, kill those that have not after so many seconds, and return these."""
    for node in nodes:
        node.signal(signal.SIGTERM)
    deadline = time.monotonic() + seconds
    late = [n for n in nodes if n.wait(max(0.0, deadline - time.monotonic())) is None]
    for node in nodes:
        node.kill()
    return late


def children(pid: int) -> list[int]:
    """The processes whose parent is `pid`: one look through /proc."""
    return [child for child, parent in _parents() if parent == pid]


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):  # it has ended since
            after_name = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2]
            yield int(folder.name), int(after_name.split()[1])


def is_node(pid: int) -> bool:
    """Whether a process is the node process of a quorumdog."""
    return runs(pid, NODE_MODULE)


def runs(pid: int, *modules: str) -> bool:
    """Whether a process runs one of these modules."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(module.encode() in words for module in modules)
