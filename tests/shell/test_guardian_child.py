"""What the children of a guardian do first."""

import os
import select
import signal
import subprocess
import sys
from typing import Final

import pytest

from watchdog.guardian_child import read, refuse

PARENT: Final = """
import os, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", '''
import sys, time
from watchdog.guardian_child import die_with_the_guardian
die_with_the_guardian("child")
print("bound", flush=True)
time.sleep(60)
'''],
    stdout=subprocess.PIPE,
)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""
PATIENCE_MS: Final = 10_000
PR_GET_DUMPABLE: Final = 3


def test_a_child_ends_with_its_guardian() -> None:
    """Nobody else would end it, and it would go on for nobody."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pidfd = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        end = select.poll()
        end.register(pidfd, select.POLLIN)
        assert end.poll(PATIENCE_MS)
        os.close(pidfd)


def test_no_other_process_of_the_user_looks_into_this_one() -> None:
    """The one with the key and the one that faces the network have the same user."""
    code = (
        "import ctypes, os; from watchdog.guardian_child import keep_secrets; keep_secrets(); "
        "os.close(os.open('/proc/self/fd/0', os.O_RDONLY)); "
        f"print(ctypes.CDLL(None).prctl({PR_GET_DUMPABLE}, 0, 0, 0, 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == b"0\n"


def test_what_was_handed_over_is_read_from_its_beginning() -> None:
    """Its offset is whoever's wrote or read it before."""
    memory = os.memfd_create("plan")
    os.write(memory, b"{}")
    assert read(memory, 100) == b"{}"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(memory)


def test_a_refusal_names_the_process() -> None:
    """The guardian's stderr is everybody's."""
    with pytest.raises(SystemExit, match="lifecheck: no plan"):
        refuse("lifecheck", "no plan")
