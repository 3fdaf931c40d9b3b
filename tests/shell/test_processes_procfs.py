"""/proc of this machine, for processes that live, are gone, or may not be looked at."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lifecheck.processes import procfs
from tests.shell.process_lab import sleeper, title
from tests.support import REPOSITORY

NOBODY = 1 << 22
"""No process has a number as high as this."""


def test_a_living_process_has_everything() -> None:
    """Ourselves."""
    own = os.getpid()
    assert own in procfs.pids()
    assert procfs.exists(own)
    assert procfs.command(own).endswith(b" ")
    assert b"\0" not in procfs.command(own)
    assert procfs.exe(own) == os.path.realpath(sys.executable)
    found = procfs.stat(own)
    assert found is not None
    assert found.state == "R"
    assert found.rss > 1 << 20
    assert own in procfs.tasks(own)
    assert procfs.stat(own, own) is not None
    assert not procfs.is_doomed(own)


def test_nobody_is_an_empty_answer() -> None:
    """Between two calls anything may have ended."""
    assert not procfs.exists(NOBODY)
    assert procfs.command(NOBODY) == b""
    assert procfs.exe(NOBODY) == ""
    assert procfs.stat(NOBODY) is None
    assert procfs.tasks(NOBODY) == []
    assert not procfs.is_doomed(NOBODY)
    assert procfs.read("/proc/self/mem", 1) == b""
    assert procfs.read_all("/nowhere") == b""


def test_a_kernel_thread_has_no_command_line() -> None:
    """And so belongs to nobody."""
    threads = [pid for pid in procfs.pids() if procfs.command(pid) == b""]
    assert all(not procfs.exe(pid) for pid in threads)


def test_the_newest_number_is_that_of_who_was_born_last() -> None:
    """Every look for new processes rests on this."""
    with sleeper(title()) as child:
        assert procfs.newest() >= child.pid or child.pid > procfs.number_max() - 1_000
    assert procfs.newest() < procfs.number_max()


def test_mounts_are_found_by_their_kind() -> None:
    """Also where other file systems lie around."""
    assert "/proc" in [where for where, _ in procfs.mounts("proc")]
    assert list(procfs.mounts("no such file system")) == []


def test_a_program_that_was_replaced_is_the_one_at_its_path(tmp_path: Path) -> None:
    """After an upgrade the old one is "(deleted)" until the service is restarted."""
    program = tmp_path / "prog"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with sleeper(title(), str(program)) as child:
        program.unlink()
        assert procfs.exe(child.pid) == str(program)


@pytest.mark.root
def test_a_container_is_known_by_its_namespaces() -> None:
    """There the process connector is silent, and would be believed to work."""
    code = "from lifecheck.processes import procfs; print(procfs.is_first_namespace())"
    words = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code]
    done = subprocess.run(words, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
    assert procfs.is_first_namespace()


@pytest.mark.root
def test_others_are_not_hidden_here() -> None:
    """The note about hidepid is for machines that have it."""
    assert not procfs.hides_others()
