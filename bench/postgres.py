"""A real PostgreSQL to be killed: Debian's, as its own user, with data that is gone afterwards.

It asks for no password, listens on every address of its namespace (so also on a VIP that comes
later) and gives its node's name as `cluster_name`.  Everything else is as Debian ships it.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bench.asking import PORT, USER
from bench.idle import memory
from watchdog.cli.demo.lab import LabError, run
from watchdog.cli.demo.processes import Running

FOLDER: Final = Path("/usr/lib/postgresql")
AS_USER: Final = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--")
SHARED_BUFFERS_MIB: Final = 128
"""Its default; said because the kernel takes 80 ms for each GiB of a process that is killed."""
_SETTINGS: Final = f"""
listen_addresses = '*'
port = {PORT}
unix_socket_directories = ''
max_connections = 300
shared_buffers = {SHARED_BUFFERS_MIB}MB
"""
_KIB: Final = 1024


def binary(name: str) -> str:
    """The path of one of its programs, of the newest version; LabError when there is none."""
    for folder in sorted(FOLDER.glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    raise LabError(f"PostgreSQL is not installed below {FOLDER}: apt install postgresql")


def create(data: Path) -> None:
    """Make an empty database cluster."""
    data.mkdir(mode=0o700, parents=True)
    shutil.chown(data, USER, USER)
    options = ("-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    run([*AS_USER, binary("initdb"), "-D", str(data), *options])
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(_SETTINGS)
    with (data / "pg_hba.conf").open("a", encoding="utf-8") as file:
        file.write("host all all 0.0.0.0/0 trust\n")


def copy(data: Path, to: Path) -> None:
    """Copy a database cluster that does not run."""
    run(["cp", "-a", str(data), str(to)])


def command(data: Path, node: str) -> list[str]:
    """What runs it in the foreground; the postmaster is the process that is started."""
    return [*AS_USER, *prefix(data).split(), "-c", f"cluster_name={node}"]


def prefix(data: Path) -> str:
    """How its command line begins."""
    return f"{binary('postgres')} -D {data}"


def postmaster(data: Path) -> int:
    """The process that is killed."""
    return int((data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])


def sizes(pid: int) -> dict[str, float]:
    """What the kernel has to tear down: memory of the postmaster, and of it with its helpers."""
    family = (pid, *_children(pid))
    rollups = [Path(f"/proc/{p}/smaps_rollup").read_text(encoding="ascii") for p in family]
    return {
        "shared_buffers_mib": SHARED_BUFFERS_MIB,
        "postmaster_rss_mib": rss_mib(Path(f"/proc/{pid}/status").read_text(encoding="ascii")),
        "all_pss_mib": round(sum(memory(rollup)["pss_mib"] for rollup in rollups), 1),
        "processes": len(family),
    }


def is_left(data: Path) -> bool:
    """Whether any process, a helper of a postmaster that is dead, still works on the data.

    While one does a new postmaster refuses to start: they share memory.
    """
    for folder in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended since, or never had one
            if folder.name.isdigit() and (folder / "cwd").readlink() == data:
                return True
    return False


def rss_mib(status: str) -> float:
    """Resident memory from the text of /proc/PID/status."""
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return round(int(line.split()[1]) / _KIB, 1)


def _children(pid: int) -> Sequence[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(word) for word in text.split()]


class Postmasters:
    """One PostgreSQL in the namespace of each node, each with data of its own."""

    def __init__(self, commands: Mapping[str, Sequence[str]], folder: Path) -> None:
        self._commands = commands
        self._folder = folder
        self._running: dict[str, Running] = {}

    def start(self, name: str) -> None:
        """Start (again) the one of a node, which must have ended."""
        log = self._folder / name / "postgres.log"
        self._running[name] = Running(self._commands[name], log, {})

    def has_ended(self, name: str) -> bool:
        """Whether it was buried."""
        return self._running[name].exit_code is not None

    def pid(self, name: str) -> int:
        """The postmaster."""
        return self._running[name].pid

    def end(self) -> None:
        """Nothing of them is left."""
        for running in self._running.values():
            running.kill()
