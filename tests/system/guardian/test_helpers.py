"""Lifecheck and web are started, ended and survived: nothing they do moves the VIP."""

import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.guardian.bench import HARD_MS, SOFT_MS, Bench, is_alive, wait_for
from tests.system.guardian.scripted import TIMING, Relayed, check, lifecheck, pids_of, start
from tests.system.guardian.test_hooks import deescalate, hook
from watchdog.guardian.clock import now
from watchdog.guardian_protocol import Deescalate, HookEnded, Off, pack
from watchdog.instant import MS, elapsed_hi


@pytest.fixture
def relayed(bench: Bench) -> Iterator[Relayed]:
    """Where scripted lifechecks report to."""
    made = Relayed(bench)
    yield made
    made.close()


def program(bench: Bench, name: str, text: str) -> list[str]:
    """Write a helper's program; its command. It writes its pid down first."""
    file = bench.folder / name
    file.write_text(f"#!/bin/sh\necho $$ >> {bench.folder}/{name}.pids\n{text}")
    file.chmod(0o755)
    return [str(file)]


def test_helpers_start_when_the_node_is_up_and_run_as_everybody(bench: Bench) -> None:
    """Neither the guardian's class nor its badness for the OOM killer is inherited."""
    out = bench.folder / "told"
    text = f"(ls /proc/self/fd; env; chrt -p $$; cat /proc/$$/oom_score_adj; echo $*) > {out}\n"
    bench.helpers["web"] = program(bench, "web", text + "exec sleep 60\n")
    bench.start(http={"port": 1}, scheduling="rt")
    node = bench.node()
    time.sleep(0.2)
    assert not out.exists(), "the control socket would not be there yet"
    node.greet()
    wait_for("it told", lambda: out.exists() and "--plan-fd" in out.read_text())
    told = out.read_text()
    assert told.split("\n")[:5] == ["0", "1", "2", "3", "4"], "4 is the listing's own"
    assert "HOME=" not in told
    assert "SCHED_OTHER" in told
    assert told.split("\n")[-3:] == ["21", "--plan-fd 3", ""]
    (pid,) = pids_of(bench.folder / "web.pids")
    assert os.getsid(pid) == pid
    assert bench.stop() == 0
    assert not is_alive(pid)


def test_a_helper_may_not_take_the_guardians_class_by_itself(bench: Bench) -> None:
    """The unit's LimitRTPRIO is inherited; above the guardian it could starve it."""
    bench.helpers["web"] = program(bench, "web", "exec sleep 60\n")
    before = resource.getrlimit(resource.RLIMIT_RTPRIO)
    with contextlib.suppress(ValueError):  # no CAP_SYS_RESOURCE: then it is 0 for us as well
        resource.setrlimit(resource.RLIMIT_RTPRIO, (20, 20))
    try:
        bench.start(http={"port": 1})
    finally:
        resource.setrlimit(resource.RLIMIT_RTPRIO, before)
    bench.node().greet()
    (pid,) = pids_of(bench.folder / "web.pids")
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert limits.split("Max realtime priority")[1].split()[:2] == ["0", "0"]


def test_lifecheck_has_the_guard_socket_and_a_key_of_its_own(
    bench: Bench, relayed: Relayed
) -> None:
    """32 bytes, derived; and the user of the node process."""
    node = start(bench)
    helper = relayed.next()
    assert (helper.key_size, helper.uid) == (32, node.uid)
    # The pid that the guardian knows is the one that runs: everything before was an exec.
    assert bench.logged(f"helper=lifecheck pid={helper.pid}")


def test_a_helper_stays_when_the_node_restarts_and_moves_nothing_when_it_dies(
    bench: Bench, relayed: Relayed
) -> None:
    """Its life and the lease have nothing to do with each other."""
    node = start(bench)
    helper = relayed.next()
    os.kill(node.pid, signal.SIGKILL)
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    assert is_alive(helper.pid)
    os.kill(helper.pid, signal.SIGKILL)
    node.keep_on(epoch=1, seconds=0.5)
    successor = relayed.next()
    assert successor.pid != helper.pid
    assert bench.has_all_vips()
    os.kill(successor.pid, signal.SIGSTOP)
    node.keep_on(epoch=1, seconds=0.3)
    assert bench.has_all_vips()


def test_a_helper_that_ignores_sigterm_delays_no_stop(bench: Bench) -> None:
    """The node is told at the same time; a second later it is SIGKILL."""
    ready = bench.folder / "ready"
    text = f"trap '' TERM\n: > {ready}\nwhile :; do sleep 1; done\n"
    bench.helpers["web"] = program(bench, "web", text)
    bench.start(http={"port": 1})
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    (pid,) = pids_of(bench.folder / "web.pids")
    wait_for("it is deaf", ready.exists)
    began = time.monotonic()
    assert bench.process
    bench.process.terminate()
    wait_for("the VIP is off", lambda: not bench.has_vip(), 0.9)
    assert is_alive(pid), "it was not waited for"
    assert bench.process.wait(5) == 0
    assert time.monotonic() - began < 2
    assert not is_alive(pid)


def test_helpers_die_with_a_killed_guardian(bench: Bench) -> None:
    """PDEATHSIG: the next guardian starts its own."""
    bench.helpers["web"] = program(bench, "web", "exec sleep 60\n")
    bench.start(http={"port": 1})
    bench.node().greet()
    (pid,) = pids_of(bench.folder / "web.pids")
    wait_for("it sleeps", lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes())
    assert bench.process
    bench.process.kill()
    bench.process.wait()
    wait_for("it is dead", lambda: not is_alive(pid))


def test_one_that_exits_at_once_forever_is_started_ever_more_slowly(bench: Bench) -> None:
    """50 ms doubling to 5 s: it costs nothing, and the deadline holds meanwhile."""
    bench.helpers["web"] = program(bench, "web", "exit 1\n")
    bench.start(http={"port": 1})
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    node.keep_on(epoch=1, seconds=3)
    assert 5 <= len(pids_of(bench.folder / "web.pids")) <= 7
    assert bench.has_all_vips()


def test_one_that_refuses_its_configuration_is_an_alarm_and_no_more(bench: Bench) -> None:
    """The node goes on without it."""
    bench.helpers["web"] = program(bench, "web", "exit 2\n")
    bench.start(http={"port": 1})
    node = bench.node()
    node.greet()
    wait_for("the alarm", lambda: bench.logged("event=helper_refused"))
    node.escalate(epoch=1)
    node.keep_on(epoch=1, seconds=1)
    assert len(pids_of(bench.folder / "web.pids")) == 1


def test_a_program_that_is_not_there_moves_nothing(bench: Bench) -> None:
    """An installation that lost a file still holds its VIP."""
    bench.helpers = {"web": ["/nonexistent/web"], "lifecheck": ["/nonexistent/lifecheck"]}
    node = start(bench, http={"port": 1})
    node.escalate(epoch=1)
    node.keep_on(epoch=1, seconds=0.5)
    assert bench.has_all_vips()
    assert bench.stop() == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff" * 40, "unknown kind ff"),
        (pack(Deescalate(1, "off with it")), "is not for the guardian from lifecheck"),
    ],
)
def test_a_lifecheck_that_breaks_the_protocol_is_killed_and_started_again(
    bench: Bench, relayed: Relayed, data: bytes, words: str
) -> None:
    """It may command nothing, and what it says wrong is no fault of the node's."""
    node = start(bench)
    helper = relayed.next()
    node.escalate(epoch=1)
    helper.link.send(data)
    helper.wait_gone()
    node.keep_on(epoch=1, seconds=0.4)
    assert relayed.next().pid != helper.pid
    assert bench.logged(words)
    assert bench.has_all_vips()


def test_a_lifecheck_that_hangs_up_and_goes_on_is_ended_after_a_moment(bench: Bench) -> None:
    """One that only dies is not told off: its socket closes before its process is gone."""
    text = "exec 5>&-\n[ -e $0.twice ] && exec sleep 60\n: > $0.twice\n"
    bench.helpers["lifecheck"] = program(bench, "lifecheck", text)
    node = start(bench)
    node.escalate(epoch=1)
    node.keep_on(epoch=1, seconds=1.8)
    assert len(pids_of(bench.folder / "lifecheck.pids")) == 3
    assert bench.log.read_text().count("event=helper_killed") == 1
    assert bench.logged("closed its end of the socketpair and went on")


def test_a_flood_of_wishes_is_ended(bench: Bench, relayed: Relayed) -> None:
    """A thousand a second would keep a real-time guardian busy; the log stays short."""
    node = start(bench, check("db", ["/bin/false"], restarts=0))
    helper = relayed.next()
    node.escalate(epoch=1)
    for _ in range(1000):
        try:
            helper.ask("db")
        except OSError:
            break
    while helper.link.recv(4096):
        pass
    node.keep_on(epoch=1, seconds=0.4)
    assert relayed.next().pid != helper.pid
    assert bench.logged("more than 100 packets in a second")
    assert bench.log.read_text().count("restart_refused") == 1
    assert bench.has_all_vips()


def test_a_wish_for_a_check_that_has_no_action_is_a_fault_of_lifecheck(
    bench: Bench, relayed: Relayed
) -> None:
    """Both read the same plan, so its own copy is broken."""
    start(bench)
    helper = relayed.next()
    helper.ask("/bin/rm")
    helper.wait_gone()
    wait_for("it is named", lambda: bench.logged("has no restart action"))


def test_a_helper_that_fills_stderr_stops_no_deadline(bench: Bench) -> None:
    """Nobody reads: the guardian's own lines wait, and it goes off in time."""
    readable, writable = os.pipe()
    bench.stderr = writable
    bench.helpers["web"] = program(bench, "web", "exec yes xxxxxxxxxxxxxxxxxxxxxxxxxx >&2\n")
    bench.start(http={"port": 1})
    node = bench.node()
    node.greet()
    pids_of(bench.folder / "web.pids")
    s = node.escalate(epoch=1)
    node.keep_on(epoch=1, seconds=0.3)
    s = node.open_round()
    os.kill(node.pid, signal.SIGSTOP)
    bench.wait_off()
    assert SOFT_MS / 2 * MS < elapsed_hi(now(), s) < HARD_MS * MS
    os.kill(node.pid, signal.SIGCONT)
    assert bench.stop() == 0
    for fd in (readable, writable):
        os.close(fd)


@pytest.mark.parametrize("has_cgroup", [True, False])
def test_what_a_dead_helper_leaves_is_ended_and_is_no_hook(bench: Bench, has_cgroup: bool) -> None:
    """A command probe of a killed lifecheck: it neither stays nor keeps the node from OFF."""
    left, below = bench.folder / "left", bench.folder / "below"
    inner = f"sleep 60 & echo $! >> {below}; echo $$ >> {left}; wait"
    bench.helpers["web"] = program(bench, "web", f"setsid env -i sh -c '{inner}' &\nwait\n")
    bench.hides_cgroups = not has_cgroup
    up = hook(bench, "up", "exit 0\n")
    bench.start(http={"port": 1}, hooks={"escalation": up}, timing_ms=TIMING)
    node = bench.node()
    node.greet()
    first = pids_of(left)[0]
    node.escalate(epoch=1)
    assert node.hear(HookEnded).ok
    os.kill(pids_of(bench.folder / "web.pids")[0], signal.SIGKILL)
    wait_for("its orphan is dead", lambda: not is_alive(first))
    wait_for("and what that one started", lambda: not is_alive(pids_of(below)[0]))
    second = pids_of(left, 2)[1]
    deescalate(node)
    node.hear(Off)
    helper = pids_of(bench.folder / "web.pids", 2)[1]
    assert is_alive(helper), "a helper is no hook"
    assert is_alive(second), "nor is what it runs"
    assert bench.stop() == 0
    wait_for("nothing is left", lambda: not is_alive(helper) and not is_alive(second))


@pytest.mark.parametrize("has_cgroup", [True, False])
def test_a_deaf_helper_leaves_nothing_when_the_guardian_ends(
    bench: Bench, has_cgroup: bool
) -> None:
    """Its SIGKILL comes late, and what it has started is orphaned only then."""
    left = bench.folder / "left"
    text = f"trap '' TERM\nsh -c 'echo $$ >> {left}; sleep 60' &\nwhile :; do sleep 1; done\n"
    bench.helpers["web"] = program(bench, "web", text)
    bench.hides_cgroups = not has_cgroup
    bench.start(http={"port": 1})
    bench.node().greet()
    (pid,) = pids_of(left)
    assert bench.stop() == 0
    wait_for("it is dead", lambda: not is_alive(pid), 0.5)


def test_what_helpers_left_under_a_killed_guardian_is_ended_by_the_next(bench: Bench) -> None:
    """PDEATHSIG ends the helper, but not what it has started; its group does."""
    left = bench.folder / "left"
    text = f"setsid sh -c 'echo $$ >> {left}; exec sleep 60' &\nwait\n"
    bench.helpers["web"] = program(bench, "web", text)
    bench.start(http={"port": 1})
    bench.node().greet()
    (first,) = pids_of(left)
    assert bench.process
    bench.process.kill()
    bench.process.wait()
    bench.start(http={"port": 1})
    bench.node().greet()
    wait_for("it is dead", lambda: not is_alive(first))
    assert is_alive(pids_of(left, 2)[1])


def test_a_witness_without_rights_runs_its_helpers_too(bench: Bench) -> None:
    """No cgroup, no raw socket, no setpriv to another user: all of it can be done without."""
    bench.unprivileged = True
    relayed = Relayed(bench)
    bench.start(vips=[], witness=True, lifecheck=lifecheck())
    node = bench.node()
    node.greet()
    helper = relayed.next()
    assert is_alive(helper.pid)
    assert bench.stop() == 0
    assert not is_alive(helper.pid)
    relayed.close()
