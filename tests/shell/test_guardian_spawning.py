"""What is started: its descriptors, its session, its class."""

import os
import sys

import pytest

from watchdog.guardian import spawning

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
OURS = os.SCHED_RR | os.SCHED_RESET_ON_FORK


def _run(argv: list[str]) -> str:
    readable, writable = os.pipe2(os.O_CLOEXEC)
    pid = spawning.spawn(argv, ENVIRONMENT, [(writable, 1)])
    os.close(writable)
    with os.fdopen(readable) as output:
        text = output.read()
    assert os.waitpid(pid, 0)[1] == 0
    assert text.split()[0] == str(pid), "it leads a session of its own"
    return text


SHOW = "import os; print(os.getsid(0), os.sched_getscheduler(0), os.environ.get('PATH'))"


def test_it_gets_the_environment_and_descriptors_it_is_given() -> None:
    """And no class of ours, where there is none."""
    words = _run([sys.executable, "-I", "-c", SHOW]).split()
    assert words[1:] == [str(os.SCHED_OTHER), "/usr/bin:/bin"]


def test_a_process_may_stay_in_our_session_but_not_in_our_group() -> None:
    """A niceness counts within a session; a terminal's Ctrl-C is for its foreground group."""
    show = "import os; print(os.getsid(0), os.getpgid(0), os.getpid())"
    readable, writable = os.pipe2(os.O_CLOEXEC)
    argv = [sys.executable, "-I", "-c", show]
    pid = spawning.spawn(argv, ENVIRONMENT, [(writable, 1)], is_leader=False)
    os.close(writable)
    with os.fdopen(readable) as output:
        words = [int(word) for word in output.read().split()]
    assert os.waitpid(pid, 0)[1] == 0
    assert words == [os.getsid(0), pid, pid]


def test_what_cannot_be_started_is_an_error() -> None:
    """Also in the real-time class, which is the caller's again afterwards."""
    before = os.sched_getscheduler(0)
    with pytest.raises(FileNotFoundError):
        spawning.spawn(["/no/such/file"], ENVIRONMENT, [])
    assert os.sched_getscheduler(0) == before


@pytest.mark.root
def test_in_the_real_time_class_it_begins_there_and_leaves_it() -> None:
    """By the time its own program runs; ours is as before, so that no other child inherits it."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.sched_setscheduler(0, OURS, os.sched_param(10))
            words = _run(["/bin/sh", "-c", f'exec "{sys.executable}" -I -c "{SHOW}"']).split()
            kept = (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)
            code = 0 if words[1] == str(os.SCHED_OTHER) and kept == (OURS, 10) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.root
def test_without_the_right_to_lift_the_reset_it_is_started_all_the_same() -> None:
    """Only CAP_SYS_NICE gives it; a limit of priorities gives the class alone."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.sched_setscheduler(0, OURS, os.sched_param(10))
            os.setuid(65534)
            words = _run(["/bin/sh", "-c", "echo $$ started"]).split()
            code = 0 if words[1] == "started" and os.sched_getscheduler(0) == OURS else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
