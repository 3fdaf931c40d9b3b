"""Scheduling classes, tried in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from watchdog.guardian import scheduling

MAIN = """
import os
from watchdog.guardian import scheduling
scheduling.apply_to_self({0!r})
print(os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))
pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {{}})
print(scheduling.apply_to_node(pid, {0!r}) or "given")
print(os.sched_getscheduler(pid), os.getpriority(os.PRIO_PROCESS, pid))
scheduling.apply_to_hook(pid, {0!r})
print(os.getpriority(os.PRIO_PROCESS, pid))
os.kill(pid, 9)
"""


def run(wanted: str) -> list[str]:
    """Return what the program prints."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN.format(wanted)], capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines() or done.stderr.splitlines()


def test_normal_changes_nothing() -> None:
    """Possible for everybody."""
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    assert run("normal") == [f"0 {nice}", "given", f"0 {nice}", f"{nice}"]


def test_the_classes_are_given_to_us_and_the_node_and_not_to_hooks() -> None:
    """Reset on fork: what we start begins as everybody."""
    if os.geteuid() != 0:
        pytest.skip("needs root: real-time scheduling")
    rt = run("rt")
    assert int(rt[0].split()[0]) == os.SCHED_RR | os.SCHED_RESET_ON_FORK
    assert rt[2].split()[0] == str(os.SCHED_RR)
    assert run("nice") == ["0 -20", "given", "0 -20", "0"]


def test_what_is_not_permitted_is_refused_with_the_ways_out() -> None:
    """Never silently another class."""
    drop = ["setpriv", "--bounding-set=-sys_nice"] if os.geteuid() == 0 else []
    limit = ["prlimit", "--rtprio=0", "--nice=0"]
    for wanted in ("rt", "nice"):
        done = subprocess.run(
            [*drop, *limit, sys.executable, "-c", MAIN.format(wanted)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "NotPermittedError" in done.stderr
        assert "LimitRTPRIO" in done.stderr


@pytest.mark.root
def test_niceness_counts_beside_other_sessions_and_a_terminals_is_left_alone() -> None:
    """The kernel may give every session the same, however nice its processes are."""
    group = Path("/proc/self/autogroup")
    if not group.exists():
        return  # this kernel has no such groups, and nothing has to be done
    code = (
        "from pathlib import Path\n"
        "from watchdog.guardian import scheduling\n"
        "scheduling.lift_session({!r})\n"
        "print(Path('/proc/self/autogroup').read_text())\n"
    )

    def lifted(scheduling_class: str, *, leads: bool) -> str:
        command = [sys.executable, "-c", code.format(scheduling_class)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, start_new_session=leads
        )
        return done.stdout.strip()

    assert lifted("nice", leads=True).endswith(" nice -20")
    assert lifted("rt", leads=True).endswith(" nice 0")
    # Empty, perhaps: so it is for all whose ancestors never made a session, back to init.
    assert lifted("nice", leads=False) == lifted("rt", leads=False)


@pytest.mark.root
def test_what_spins_in_the_kernel_is_called_with_the_lowest_priority() -> None:
    """Whoever holds what the kernel spins for must be able to run, or it spins for ever."""
    code = (
        "import os\n"
        "from watchdog.guardian import scheduling\n"
        "scheduling.apply_to_self('rt')\n"
        "with scheduling.behind_all():\n"
        "    inside = os.sched_getparam(0).sched_priority\n"
        "policy = os.sched_getscheduler(0)\n"
        "print(inside, os.sched_getparam(0).sched_priority, policy & os.SCHED_RESET_ON_FORK > 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "10", "True"]


def test_an_ordinary_process_stays_what_it_is() -> None:
    """There is nothing to step back from."""
    before = os.sched_getscheduler(0)
    with scheduling.behind_all():
        assert os.sched_getscheduler(0) == before
