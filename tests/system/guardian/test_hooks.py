"""Hooks that misbehave: each is bounded, named, and never keeps a VIP or a process behind."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.system.guardian.bench import HARD_MS, Bench, Node, is_alive, wait_for
from watchdog.guardian_protocol import (
    CheckReady,
    Deescalate,
    HookEnded,
    Notify,
    Off,
    OffFailed,
    ReadyChecked,
)

DEESC_MS = 200
TIMING = {"deesc": DEESC_MS, "drop": 50, "slack": 100, "escalation_timeout": 600}


def hook(bench: Bench, name: str, text: str, mode: int = 0o755) -> list[str]:
    """Write a hook; its argv."""
    file = bench.folder / name
    file.write_text("#!/bin/sh\n" + text)
    file.chmod(mode)
    return [str(file), "an argument"]


def start(bench: Bench, timing: dict[str, int] | None = None, **hooks: object) -> Node:
    """Start the guardian with these hooks; its greeted node."""
    bench.start(hooks=hooks, timing_ms=timing or TIMING)
    node = bench.node()
    node.greet()
    return node


def deescalate(node: Node) -> None:
    """Ask to go off."""
    node.n += 1
    node.say(Deescalate(node.n, "asked by the test"))


def alive(file: Path) -> bool:
    """Whether the process whose pid a hook wrote down still runs."""
    return is_alive(int(file.read_text()))


def test_hooks_are_told_what_happens_and_run_in_order(bench: Bench) -> None:
    """The environment, the JSON on stdin and the argv say what docs/hooks.md promises."""
    out = bench.folder / "told"
    text = f'cat >> {out}\nenv >> {out}.env\necho "$1" >> {out}.args\necho said\n'
    text += f"ls /proc/self/fd > {out}.fds; umask > {out}.umask; pwd >> {out}.umask\n"
    argv = hook(bench, "told.sh", text)
    node = start(bench, escalation=argv, de_escalation=argv)
    node.escalate(epoch=11)
    assert node.hear(HookEnded).ok
    deescalate(node)
    node.hear(Off)
    up, down = [json.loads(line) for line in out.read_text().splitlines()]
    assert (up["event"], up["epoch"], up["node"], up["cluster"]) == (
        "escalation", 11, "alpha", "bench",
    )  # fmt: skip
    assert (down["event"], down["reason"]) == ("de_escalation", "asked by the test")
    assert 0 < down["deadline_ms"] <= DEESC_MS
    environment = Path(f"{out}.env").read_text()
    assert "QUORUMDOG_VIPS=10.77.0.100/24 fd77::100/64" in environment
    assert "HOME=" not in environment
    assert Path(f"{out}.args").read_text() == "an argument\n" * 2
    assert bench.logged("text=said")
    assert Path(f"{out}.fds").read_text().split() == ["0", "1", "2", "3"], "3 is the listing's own"
    assert Path(f"{out}.umask").read_text().split() == ["0077", "/"]


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("missing", None, "put the file there"),
        ("plain", 0o644, "is not executable"),
        ("open", 0o777, "is writable by others"),
        ("setuid", 0o4755, "is setuid"),
    ],
)
def test_a_hook_that_may_not_run_fails_the_escalation_by_name(
    bench: Bench, name: str, mode: int | None, words: str
) -> None:
    """The node hears a failure, READY is refused, and the log says what to do."""
    argv = [str(bench.folder / name)] if mode is None else hook(bench, name, "exit 0\n", mode)
    node = start(bench, escalation=argv)
    node.say(CheckReady(1))
    checked = node.hear(ReadyChecked)
    assert not checked.ok
    assert words in checked.reason
    node.escalate(epoch=1)
    ended = node.hear(HookEnded)
    assert not ended.ok
    assert words in ended.detail
    assert bench.logged("hook_unusable")


def test_hooks_run_as_their_user(bench: Bench) -> None:
    """`hooks.user`: most hooks need less than root, because VIPs are not their business."""
    node = start(bench, escalation=["/usr/bin/id", "-un"], user="nobody")
    node.escalate(epoch=1)
    assert node.hear(HookEnded).ok
    wait_for("it said so", lambda: bench.logged("text=nobody"))


def test_a_hook_user_that_does_not_exist_is_named(bench: Bench) -> None:
    """Never as somebody else instead."""
    node = start(bench, escalation=["/usr/bin/id"], user="no-such-user-here")
    node.say(CheckReady(1))
    assert "no-such-user-here" in node.hear(ReadyChecked).reason


def test_a_hook_that_fails_is_reported_with_its_code(bench: Bench) -> None:
    """The node resigns on it; the guardian only tells."""
    node = start(bench, escalation=hook(bench, "bad", "echo no such table >&2\nexit 3\n"))
    node.escalate(epoch=1)
    ended = node.hear(HookEnded)
    assert (ended.ok, ended.detail) == (False, "exit code 3")
    assert bench.logged("no such table")


def test_a_hanging_escalation_hook_is_killed_at_its_bound(bench: Bench) -> None:
    """With everything it started; the lease goes on meanwhile."""
    pid = bench.folder / "pid"
    node = start(
        bench, escalation=hook(bench, "hang", f"trap '' TERM\necho $$ > {pid}\nsleep 60\n")
    )
    node.escalate(epoch=1)
    node.keep_on(epoch=1, seconds=0.7)
    ended = [p for p in node.other if isinstance(p, HookEnded)] or [node.hear(HookEnded)]
    assert not ended[0].ok
    assert bench.has_all_vips()
    wait_for("the hook is dead", lambda: not alive(pid))


def test_a_hanging_de_escalation_hook_never_leads_to_a_will(bench: Bench) -> None:
    """What it should have ended may live elsewhere: voters must wait out their promise."""
    listener = bench.will_listener()
    pid = bench.folder / "pid"
    argv = hook(bench, "hang", f"echo $$ > {pid}\nsleep 60\n")
    node = start(bench, de_escalation=argv)
    node.arm_will(b"will")
    node.escalate(epoch=1)
    os.kill(node.pid, 9)
    bench.wait_off()
    bench.node().greet()
    assert not alive(pid)
    assert bench.logged("de_escalation_failed")
    assert bench.logged("will_withheld")
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.recv(100)


def test_a_failing_de_escalation_hook_is_off_but_failed(bench: Bench) -> None:
    """OffFailed first, so that no RELEASE follows; then Off, because nothing is on."""
    node = start(bench, de_escalation=hook(bench, "bad", "exit 1\n"))
    node.escalate(epoch=1)
    deescalate(node)
    assert node.hear(OffFailed).why == "exit code 1"
    node.hear(Off)
    assert not bench.has_vip()


def test_the_vip_goes_before_the_hook_and_by_order_after_it(bench: Bench) -> None:
    """`order`: which of the two may wait for the other."""
    out = bench.folder / "seen"
    test = "ip addr show v0 | grep -q 10.77.0.100"
    text = f"if {test}; then echo with; else echo without; fi >> {out}\n"
    argv = hook(bench, "look", text)
    for order, seen in (("vip-first", "without"), ("hook-first", "with")):
        out.unlink(missing_ok=True)
        node = start(bench, {**TIMING, "deesc": 350}, de_escalation=argv, order=order)
        node.escalate(epoch=1 if order == "vip-first" else 2)
        deescalate(node)
        node.hear(Off)
        assert out.read_text().strip() == seen
        assert not bench.has_vip()
        assert bench.stop() == 0


def test_a_hook_that_prints_100_mb_is_cut_and_done(bench: Bench) -> None:
    """64 KiB or 500 lines go to the log; the rest is thrown away without stopping the hook."""
    text = f"yes {'x' * 99} | head -c 100000000\n"
    timing = {**TIMING, "escalation_timeout": 30_000}
    node = start(bench, timing, escalation=hook(bench, "loud", text))
    node.escalate(epoch=1)
    ended: list[HookEnded] = []
    for _ in range(600):
        node.keep_on(epoch=1, seconds=0.05)
        ended = [p for p in node.other if isinstance(p, HookEnded)]
        if ended:
            break
    assert ended[0].ok
    assert bench.logged("only the first 64 KiB or 500 lines are kept")
    assert bench.log.stat().st_size < 300_000


@pytest.mark.parametrize("has_cgroup", [True, False])
def test_a_daemon_that_left_its_parents_is_killed_with_the_rest(
    bench: Bench, has_cgroup: bool
) -> None:
    """Forked twice in a session of its own: the group, or the subreaper, still has it."""
    pid = bench.folder / "pid"
    text = f"setsid sh -c 'sleep 60 & echo $! > {pid}' &\nwait\nsleep 0.1\n"
    bench.hides_cgroups = not has_cgroup
    node = start(bench, escalation=hook(bench, "daemon", text))
    node.escalate(epoch=1)
    assert node.hear(HookEnded).ok
    assert alive(pid)
    assert ("cgroup" in bench.group_of(pid)) == has_cgroup
    deescalate(node)
    node.hear(Off)
    assert not alive(pid)
    assert bench.stop() == 0


def test_the_state_change_hook_runs_beside_everything(bench: Bench) -> None:
    """Serial, bounded, and never on the path of a failover: the VIP does not wait for it."""
    out = bench.folder / "changes"
    text = (
        f'echo "$QUORUMDOG_OLD_STATE $QUORUMDOG_NEW_STATE $QUORUMDOG_REASON" >> {out}\nsleep 0.2\n'
    )
    node = start(bench, state_change=hook(bench, "change", text))
    for new in ("STANDBY", "COORDINATOR"):
        node.say(Notify("LOADING", new, "", "alpha", 3, "because"))
    began = time.monotonic()
    node.escalate(epoch=3)
    assert time.monotonic() - began < HARD_MS / 1000
    wait_for("both ran", lambda: out.exists() and len(out.read_text().splitlines()) == 2)
    assert out.read_text() == "LOADING STANDBY because\nLOADING COORDINATOR because\n"


@pytest.mark.parametrize("has_cgroup", [True, False])
def test_what_state_change_hooks_leave_takes_no_descriptor_of_the_guardian(
    bench: Bench, has_cgroup: bool
) -> None:
    """Each once kept a pipe where no cgroup can be made, until the loop had no place left."""
    pids = bench.folder / "pids"
    pids.touch()
    bench.hides_cgroups = not has_cgroup
    argv = hook(bench, "leave", f"echo said by $$\nsleep 60 &\necho $! >> {pids}\n")
    node = start(bench, state_change=argv, de_escalation=hook(bench, "down", "exit 0\n"))
    assert bench.process
    held = Path(f"/proc/{bench.process.pid}/fd")
    before = len(list(held.iterdir()))
    for _ in range(10):
        node.say(Notify("LOADING", "STANDBY", "", "alpha", 3, "because"))
    wait_for("all have run", lambda: bench.log.read_text().count("said by") == 10)
    wait_for("no pipe is held", lambda: len(list(held.iterdir())) == before)
    left = [int(pid) for pid in pids.read_text().split()]
    assert len(left) == 10
    assert has_cgroup or all(map(is_alive, left)), "they hold the other ends"
    assert bench.stop() == 0
    assert not any(map(is_alive, left))
