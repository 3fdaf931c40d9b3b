"""The start: locks, leftovers and orphans of a predecessor, and what is refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.guardian.bench import VIP, VIP6, Bench, ip, is_alive, wait_for
from tests.system.guardian.test_hooks import TIMING, hook
from watchdog.guardian_protocol import HookEnded


def test_a_second_guardian_on_the_same_directory_is_refused(bench: Bench) -> None:
    """It names the first one, touches nothing, and ends."""
    bench.start()
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    first = bench.process
    assert first
    bench.start()
    assert bench.process
    for _ in range(400):
        if bench.process.poll() is not None:
            break
        node.keep_on(epoch=1, seconds=0.05)
    assert bench.process.poll() == 1
    bench.process = first
    assert bench.logged(f"pid {first.pid} holds")
    assert node.extend(epoch=1)
    assert bench.has_all_vips()


@pytest.mark.parametrize("is_watched", [True, False])
@pytest.mark.parametrize("has_cgroup", [True, False])
def test_leftovers_of_a_killed_guardian_are_removed_and_its_hook_is_run(
    bench: Bench, *, is_watched: bool, has_cgroup: bool
) -> None:
    """G8: the sentinel takes everything off; when it cannot, the next start does."""
    bench.hides_cgroups = not has_cgroup
    out, pid = bench.folder / "down", bench.folder / "pid"
    hooks = {
        "escalation": hook(bench, "up", f"sleep 60 & echo $! > {pid}\n"),
        "de_escalation": hook(bench, "down.sh", f"echo down >> {out}\n"),
    }
    bench.start(hooks=hooks, timing_ms=TIMING)
    node = bench.node()
    node.greet()
    node.escalate(epoch=9)
    assert node.hear(HookEnded).ok
    assert bench.process
    os.kill(node.pid, signal.SIGSTOP)
    sentinel = bench.sentinel_pid
    if not is_watched:
        os.kill(sentinel, signal.SIGSTOP)
    bench.process.kill()
    bench.process.wait()
    if is_watched:
        bench.wait_off()
        wait_for("the hook's process ended", lambda: not is_alive(int(pid.read_text())))
        wait_for("the sentinel ended", lambda: not is_alive(sentinel))
        assert not out.exists(), "a hook is the guardian's to run"
    else:
        assert bench.has_vip()
    bench.start(hooks=hooks, timing_ms=TIMING)
    successor = bench.node()
    welcome = successor.greet()
    assert (welcome.last_epoch, welcome.off_clean) == (9, True)
    assert not bench.has_vip()
    assert out.read_text() == "down\n"
    wait_for("the hook's process ended", lambda: not is_alive(int(pid.read_text())))
    assert not is_alive(node.pid), "the orphan held node.lock"
    assert not is_alive(sentinel)
    assert bench.logged("orphan_killed") != is_watched


def test_addresses_that_somebody_else_put_there_are_refused_all_or_nothing(bench: Bench) -> None:
    """An escalation with one VIP of two would be worse than none."""
    bench.start()
    node = bench.node()
    node.greet()
    ip("-n", bench.inside, "addr", "add", f"{VIP6}/64", "dev", "v0", "nodad")
    s = node.open_round()
    node.n += 1
    node.say(bench.escalate_packet(node, s))
    wait_for("refused", lambda: bench.logged("already there"))
    bench.wait_off()


def test_a_missing_interface_is_named(bench: Bench) -> None:
    """At the start as a warning, at the escalation as its failure."""
    vip = {"name": "db", "address": VIP, "prefix": 24, "family": 4, "interface": "nosuch0"}
    bench.start(vips=[vip])
    node = bench.node()
    node.greet()
    assert bench.logged("no such interface")
    s = node.open_round()
    node.n += 1
    node.say(bench.escalate_packet(node, s))
    wait_for("failed", lambda: bench.logged("vip_failed"))


def test_a_class_that_is_not_permitted_is_refused_with_the_ways_out(bench: Bench) -> None:
    """Never another class than the file says: the others' promises were made for that one."""
    file = bench.write_plan(vips=[], scheduling="rt")
    launcher = Path(__file__).with_name("launcher.py")
    words = ["setpriv", "--bounding-set=-sys_nice", "prlimit", "--rtprio=0", sys.executable, "-I"]
    done = subprocess.run(
        [*words, launcher, file, "relay", "socket"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "CAP_SYS_NICE" in done.stderr
    assert "cluster.scheduling" in done.stderr


@pytest.mark.parametrize("missing", ["net_admin", "net_raw"])
def test_vips_without_the_right_to_move_them_are_refused(bench: Bench, missing: str) -> None:
    """At the start, not at the first failover."""
    words = ["setpriv", f"--bounding-set=-{missing}", sys.executable, "-I"]
    launcher = Path(__file__).with_name("launcher.py")
    done = subprocess.run(
        [*words, launcher, bench.write_plan(), "relay", "socket"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert f"CAP_{missing.upper()}" in done.stderr
    assert "leave [vip] out" in done.stderr


def test_a_witness_needs_no_privileges(bench: Bench) -> None:
    """Neither VIP nor hook nor real-time class: any user may vote."""
    bench.unprivileged = True
    bench.start(vips=[], witness=True)
    node = bench.node()
    assert node.greet().off_clean
    assert bench.stop() == 0


def test_with_rt_the_node_runs_below_the_guardian_and_hooks_run_as_everybody(bench: Bench) -> None:
    """A hook that inherits SCHED_RR can starve the machine."""
    out = bench.folder / "class"
    argv = hook(bench, "chrt", f"chrt -p $$ > {out}\n")
    bench.start(scheduling="rt", hooks={"escalation": argv}, timing_ms=TIMING)
    node = bench.node()
    node.greet()
    assert bench.process
    assert os.sched_getscheduler(bench.process.pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    assert os.sched_getparam(bench.process.pid).sched_priority == 10
    assert os.sched_getscheduler(node.pid) == os.SCHED_RR
    assert os.sched_getparam(node.pid).sched_priority == 9
    node.escalate(epoch=1)
    assert node.hear(HookEnded).ok
    assert "SCHED_OTHER" in out.read_text()


def test_the_node_drops_to_its_user_when_that_user_can_read_the_code(bench: Bench) -> None:
    """Otherwise it keeps ours and the log says so; a node that cannot start is worse."""
    bench.start(user="nobody", data_dir="/run/quorumdog-test/data", run_dir="/run/quorumdog-test")
    try:
        node = bench.node()
        node.greet()
        assert node.uid == 65534 or bench.logged("privileges_kept")
    finally:
        bench.stop()
        subprocess.run(["rm", "-r", "/run/quorumdog-test"], check=True)


def test_an_unreadable_key_is_refused(bench: Bench) -> None:
    """What, where, why, what to do."""
    bench.start(authkey_file="/nonexistent/authkey")
    assert bench.process
    assert bench.process.wait(10) == 2
    assert bench.logged("quorumdog key gen")
