"""The process watch on real processes, with every accelerator and none: who is alive."""

import asyncio
import os
import signal
import sys

import pytest

from lifecheck.processes import newcomers, procfs
from lifecheck.processes.accelerators import NAMES
from lifecheck.processes.matching import Rule
from tests.shell.process_lab import (
    ACCELERATED,
    children,
    nursery,
    prefix,
    read_line,
    script,
    script_prefix,
    set_last_pid,
    sleeper,
    state,
    tell,
    title,
    until,
    watching,
)

Names = tuple[str, ...]

LEADER_ENDS = """
import ctypes, sys, threading
def live():
    print("alive", flush=True)
    sys.stdin.readline()
threading.Thread(target=live).start()
ctypes.CDLL(None).syscall(60, 0)
"""
HANDS_OVER = """
import os, sys
for line in iter(lambda: os.read(0, 1), b""):
    if line == b"x" and os.fork():
        os._exit(0)
"""
SUPERVISOR = """
import subprocess, sys
while True:
    child = subprocess.Popen([sys.stdin.readline().strip(), "300"], executable="/bin/sleep")
    print(child.pid, flush=True)
    child.wait()
"""
EXECS = """
import os, sys
print("ready", flush=True)
os.execv("/bin/sleep", [sys.stdin.readline().strip(), "300"])
"""
EXECS_ITSELF = """
import os, sys
print(os.getpid(), flush=True)
sys.stdin.readline()
os.execv(sys.executable, sys.orig_argv)
"""
RETITLES = """
import ctypes, os, signal, sys
def retitle(text):
    fields = open("/proc/self/stat", "rb").read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    ctypes.memmove(start, text.encode().ljust(end - start, b"\\0"), end - start)
words = sys.stdin.readline().split()
if os.fork():
    print("forked", flush=True)
    signal.pause()
os.read(0, 1)
retitle(words[0] + " worker")
while True:
    os.read(0, 1) or os._exit(0)
"""


@ACCELERATED
def test_a_kill_is_told_and_a_new_process_is_found(names: Names) -> None:
    """The plain story, in which no look is waited for."""

    async def story() -> None:
        name = title()
        async with watching(prefix(name), names=names) as watched:
            assert watched.alive() == 0
            assert name in watched.seen().detail
            for _ in range(2):
                with sleeper(name) as child:
                    await watched.until_alive(1)
                    assert watched.seen().pids == (child.pid,)
                    child.kill()
                    await watched.until_alive(0)
                    assert f"pid {child.pid} ended" in watched.seen().detail

    asyncio.run(story())


@ACCELERATED
def test_a_stopped_process_lives(names: Names) -> None:
    """SIGSTOP is what a debugger does; another process's death is told meanwhile."""

    async def story() -> None:
        stopped, other = title(), title()
        with sleeper(stopped) as first, sleeper(other) as second:
            async with watching(prefix(stopped), prefix(other), names=names) as watched:
                first.send_signal(signal.SIGSTOP)
                await until(lambda: state(first.pid) == "T")  # when it is its turn to run
                second.kill()
                await watched.until_alive(0, 1)
                assert watched.alive(0) == 1

    asyncio.run(story())


@ACCELERATED
def test_a_zombie_that_nobody_reaps_is_dead(names: Names) -> None:
    """Its number exists and takes signals; it serves nobody. Also for who looks only now."""

    async def story() -> None:
        name = title()
        with sleeper(name) as child:
            async with watching(prefix(name), names=names) as watched:
                child.kill()
                await watched.until_alive(0)
            assert state(child.pid) == "Z"
            async with watching(prefix(name), names=names) as late:
                assert late.alive() == 0

    asyncio.run(story())


@ACCELERATED
def test_a_process_whose_leading_thread_has_ended_lives(names: Names) -> None:
    """It is shown as a zombie with an empty command line, and serves: found, kept, and its end."""

    async def story() -> None:
        mark = title()
        with script(LEADER_ENDS, mark) as child:
            rule = Rule(prefixes=(script_prefix(mark),))
            async with watching(rule, names=names) as early:
                await early.until_alive(1)
                assert read_line(child) == "alive"
                await until(lambda: state(child.pid) == "Z")
                assert procfs.read(f"/proc/{child.pid}/cmdline", 64) == b""
                async with watching(rule, names=names) as late:
                    assert early.alive() == late.alive() == 1
                    assert late.seen().early == 0
                    tell(child)
                    await late.until_alive(0)
                await early.until_alive(0)

    asyncio.run(story())


@ACCELERATED
@pytest.mark.root
def test_a_number_that_is_given_out_again_is_another_process(names: Names) -> None:
    """It happens before the watch hears of the death: the heir counts only by its own name."""
    if os.geteuid() != 0:
        pytest.skip("ns_last_pid is root's")

    async def story() -> None:
        name, stranger = title(), title()
        for heir, alive in ((name, 1), (stranger, 0)):
            with sleeper(name) as child:
                async with watching(prefix(name), names=names) as watched:
                    await watched.until_alive(1)
                    child.kill()
                    child.wait()
                    for _ in range(500):
                        set_last_pid(child.pid - 1)
                        with sleeper(heir) as second:
                            if second.pid != child.pid:
                                continue
                            await watched.until(lambda: len(watched.history) > 1)
                            await watched.until_alive(alive)
                            second.kill()
                            await watched.until_alive(0)
                            break
                    else:
                        pytest.fail("the number was not given out again")

    asyncio.run(story())


@ACCELERATED
def test_exec_into_another_program_leaves_the_check(names: Names) -> None:
    """The number and the pidfd stay; what it is does not."""

    async def story() -> None:
        mark, name = title(), title()
        rules = Rule(prefixes=(script_prefix(mark),)), prefix(name)
        with script(EXECS, mark) as child:
            assert read_line(child) == "ready"
            async with watching(*rules, names=names) as watched:
                await watched.until_alive(1, 0)
                assert watched.alive(1) == 0
                tell(child, name)
                await until(lambda: procfs.command(child.pid).startswith(name.encode()))
                watched.watch.look_again(0)
                await watched.until_alive(1, 1)
                assert watched.alive(0) == 0
                assert watched.seen(1).pids == (child.pid,)

    asyncio.run(story())


@ACCELERATED
def test_a_process_that_calls_exec_on_itself_is_never_missed(names: Names) -> None:
    """Between the two programs its command line is empty for a moment."""

    async def story() -> None:
        mark = title()
        with script(EXECS_ITSELF, mark) as child:
            first = read_line(child)
            async with watching(Rule(prefixes=(script_prefix(mark),)), names=names) as watched:
                for _ in range(10):
                    tell(child)
                    watched.watch.look_again(0)
                    assert await asyncio.to_thread(read_line, child) == first
                assert {seen.alive for _, seen in watched.history} == {1}

    asyncio.run(story())


@ACCELERATED
@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
def test_a_daemon_that_hands_over_to_its_child_is_never_missed(
    names: Names,
    many: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second fork of a daemon; also when too many were born to look at each."""
    if many:
        monkeypatch.setattr(newcomers, "RANGE_MAX", 0)

    async def story() -> None:
        mark = title()
        with script(HANDS_OVER, mark) as child:
            assert child.stdin
            async with watching(Rule(prefixes=(script_prefix(mark),)), names=names) as watched:
                before = watched.seen().pids
                for _ in range(20):
                    child.stdin.write("x")
                    child.stdin.flush()
                    await watched.until_not(before)
                    await watched.until_alive(1)
                    before = watched.seen().pids
                assert min(seen.alive for _, seen in watched.history) == 1

    asyncio.run(story())


@ACCELERATED
def test_a_title_that_is_written_after_the_fork_counts(names: Names) -> None:
    """The child first looks like its parent, as those of PostgreSQL do; it is no heir of it."""

    async def story() -> None:
        mark, name = title(), title("w")
        rules = Rule(prefixes=(script_prefix(mark),)), prefix(name)
        with script(RETITLES, mark) as child:
            async with watching(*rules, names=names) as watched:
                tell(child, name)
                assert read_line(child) == "forked"
                (child_pid,) = children(child.pid)
                tell(child, "")
                await until(lambda: procfs.command(child_pid).startswith(name.encode()))
                child.kill()
                await watched.until_alive(0, 0)
                await watched.until_alive(1, 1)
                assert watched.seen(1).pids == (child_pid,)

    asyncio.run(story())


@ACCELERATED
def test_every_kind_of_process_has_to_be_there_often_enough(names: Names) -> None:
    """Two prefixes, two of each: the count is that of the kind that is worst off."""

    async def story() -> None:
        first, second = title(), title()
        with nursery() as parent:
            ones, twos = parent.spawn(3, first), parent.spawn(2, second)
            async with watching(prefix(first, second, min_count=2), names=names) as watched:
                await watched.until_alive(2)
                os.kill(ones[0], signal.SIGKILL)
                os.kill(twos[0], signal.SIGKILL)
                await watched.until_alive(1)
                assert "wanted 2" in watched.seen().detail
                assert second in watched.seen().detail
                parent.spawn(1, second)
                await watched.until_alive(2)

    asyncio.run(story())


@ACCELERATED
def test_what_a_supervisor_restarts_is_found_again(names: Names) -> None:
    """Under its new number, however short the gap was."""

    async def story() -> None:
        mark, name = title(), title()
        with script(SUPERVISOR, mark) as supervisor:
            tell(supervisor, name)
            pid = int(read_line(supervisor))
            async with watching(prefix(name), names=names) as watched:
                for _ in range(5):
                    await watched.until_pids(pid)
                    tell(supervisor, name)
                    os.kill(pid, signal.SIGKILL)
                    pid = int(await asyncio.to_thread(read_line, supervisor))
                await watched.until_pids(pid)

    asyncio.run(story())


@pytest.mark.root
def test_ten_thousand_processes_are_watched() -> None:
    """All found by command line, one missed at once, all missed in the end; plain and not."""

    async def story() -> None:
        name = title()
        with nursery() as parent:
            pids = parent.spawn(10_000, name)
            for names in ((), NAMES):
                async with watching(prefix(name, min_count=9_999), names=names) as watched:
                    await watched.until_alive(len(pids))
                    assert len(watched.seen().pids) == 64
                    os.kill(pids.pop(), signal.SIGKILL)
                    await watched.until_alive(len(pids))
                    if names:
                        os.killpg(parent.group, signal.SIGKILL)
                        await watched.until_alive(0)
                    assert watched.log.events == []

    asyncio.run(story())


def test_beyond_the_limit_of_descriptors_processes_are_looked_at() -> None:
    """It is said in the log and in the detail, and a death is still seen."""

    async def story() -> None:
        name = title()
        with nursery() as parent:
            pids = parent.spawn(5, name)
            async with watching(prefix(name)) as watched:
                watched.watch._census.table.fds_max = 5
                pids += parent.spawn(3, name)
                watched.watch.look_again(0)
                await watched.until_alive(8)
                assert watched.log.events == ["processes_limited"]
                assert "3 without a descriptor" in watched.seen().detail
                os.kill(pids[-1], signal.SIGKILL)
                await watched.until_alive(7)

    asyncio.run(story())


def test_a_rule_may_be_paced_and_looked_at_again() -> None:
    """`check set every=` and `check reset` reach the watch."""

    async def story() -> None:
        async with watching(prefix(title())) as watched:
            watched.watch.pace(0, 500)
            before = len(watched.history)
            watched.watch.look_again(0)
            await watched.until(lambda: len(watched.history) > before)

    asyncio.run(story())


def test_nothing_is_known_before_the_first_look() -> None:
    """Who has not looked yet must not call anybody dead."""

    async def story() -> None:
        async with watching(Rule(exe=sys.executable)) as watched:
            watched.watch._has_looked = False
            assert watched.watch.seen(0) is None

    asyncio.run(story())
