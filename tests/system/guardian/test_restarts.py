"""Restart actions: asked for by a name, bounded, and never beyond what the tenure allows."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.system.guardian.bench import Bench, is_alive, wait_for
from tests.system.guardian.scripted import Relayed, check, pids_of, seen_for, start
from tests.system.guardian.test_hooks import deescalate, hook
from watchdog.guardian_protocol import HookEnded, Off

SERVICE: Final = "setsid env -i sh -c 'echo $$ >> {file}; exec sleep 60' &\nsleep 0.1\n"
"""What an action leaves running: a daemon in a session of its own, with an empty environment."""


@pytest.fixture
def relayed(bench: Bench) -> Iterator[Relayed]:
    """Where scripted lifechecks report to."""
    made = Relayed(bench)
    yield made
    made.close()


def test_it_is_told_what_it_is_for_and_runs_as_a_hook(bench: Bench, relayed: Relayed) -> None:
    """docs/hooks.md: environment, JSON on stdin, argv, descriptors; nothing comes from a packet."""
    out = bench.folder / "told"
    text = f'cat > {out}\nenv > {out}.env\necho "$1" > {out}.args\n'
    text += f"ulimit -t >> {out}.args\necho hi\n"
    start(bench, check("db", hook(bench, "again", text)))
    assert relayed.next().restart("db") == (1, True, "exit code 0")
    told = json.loads(out.read_text())
    assert (told["event"], told["check"], told["when"]) == ("restart", "db", "always")
    assert told["deadline_ms"] == 2000
    environment = Path(f"{out}.env").read_text().splitlines()
    assert "QUORUMDOG_EVENT=restart" in environment
    assert "QUORUMDOG_CHECK=db" in environment
    assert Path(f"{out}.args").read_text().split() == ["an", "argument", "unlimited"]
    wait_for("its words are in the log", lambda: bench.logged("hook=restart text=hi"))


def test_it_runs_as_the_hooks_user(bench: Bench, relayed: Relayed) -> None:
    """`hooks.user` is for whatever the guardian runs for the operator."""
    start(bench, check("db", ["/usr/bin/id", "-un"]), hooks={"user": "nobody"})
    assert relayed.next().restart("db").ok
    wait_for("it said so", lambda: bench.logged("text=nobody"))


def test_a_failure_and_a_file_that_may_not_run_are_told(bench: Bench, relayed: Relayed) -> None:
    """Lifecheck gives the node up on it; the text says why."""
    open_to_all = hook(bench, "open", "exit 0\n", 0o777)
    start(bench, check("bad", hook(bench, "bad", "exit 7\n")), check("open", open_to_all))
    helper = relayed.next()
    assert helper.restart("bad") == (1, False, "exit code 7")
    refused = helper.restart("open")
    assert not refused.ok
    assert "is writable by others" in refused.detail


def test_one_that_hangs_is_killed_at_its_bound(bench: Bench, relayed: Relayed) -> None:
    """With its process group."""
    pids = bench.folder / "pids"
    text = f"echo $$ >> {pids}\nsh -c 'echo $$ >> {pids}; sleep 60' &\nsleep 60\n"
    start(bench, check("db", hook(bench, "hang", text), timeout_ms=300))
    helper = relayed.next()
    assert helper.restart("db") == (1, False, "not done within its bound; killed")
    wait_for("all are dead", lambda: not any(is_alive(pid) for pid in pids_of(pids, 2)))


def test_it_runs_once_at_a_time_and_so_often_in_its_window(bench: Bench, relayed: Relayed) -> None:
    """The guardian counts for itself, also over a restart of lifecheck."""
    start(bench, check("db", hook(bench, "slow", "sleep 0.3\n"), restarts=2))
    helper = relayed.next()
    first, second = helper.ask("db"), helper.ask("db")
    assert helper.hear() == (second, False, "it runs already")
    assert helper.hear() == (first, True, "exit code 0")
    assert helper.restart("db").ok
    os.kill(helper.pid, signal.SIGKILL)
    refused = relayed.next().restart("db")
    assert not refused.ok
    assert "2 times within 600 s" in refused.detail


def test_it_goes_on_when_lifecheck_dies(bench: Bench, relayed: Relayed) -> None:
    """Half a restart would be worse; the next process is told nothing of it."""
    done = bench.folder / "done"
    text = f"sleep 0.4\n: > {done}\n"
    start(bench, check("db", hook(bench, "slow", text)), check("other", ["/bin/true"]))
    helper = relayed.next()
    helper.ask("db")
    wait_for("it runs", lambda: bench.logged("event=restart_started"))
    os.kill(helper.pid, signal.SIGKILL)
    successor = relayed.next()
    wait_for("it was done", lambda: done.exists() and bench.logged("event=restart_ended"))
    assert successor.restart("other") == (1, True, "exit code 0")


@pytest.mark.parametrize("has_cgroup", [True, False])
def test_a_service_that_counts_always_outlives_the_tenure(
    bench: Bench, relayed: Relayed, has_cgroup: bool
) -> None:
    """A de-escalation ends what hooks started, and this is none of it."""
    service, hooked = bench.folder / "service", bench.folder / "hooked"
    bench.hides_cgroups = not has_cgroup
    up = hook(bench, "up", SERVICE.format(file=hooked))
    again = hook(bench, "again", SERVICE.format(file=service))
    node = start(bench, check("db", again), hooks={"escalation": up})
    helper = relayed.next()
    node.escalate(epoch=1)
    assert node.hear(HookEnded).ok
    assert helper.restart("db").ok
    deescalate(node)
    node.hear(Off)
    assert not is_alive(pids_of(hooked)[0])
    assert is_alive(pids_of(service)[0])
    assert bench.stop() == 0
    assert seen_for(0.2, lambda: is_alive(pids_of(service)[0]))
    os.kill(pids_of(service)[0], signal.SIGKILL)


@pytest.mark.parametrize("has_cgroup", [True, False])
def test_what_counts_only_while_on_runs_only_then_and_ends_with_it(
    bench: Bench, relayed: Relayed, has_cgroup: bool
) -> None:
    """G5: OFF is confirmed when nothing of it is left, with a hook configured or without."""
    service = bench.folder / "service"
    bench.hides_cgroups = not has_cgroup
    argv = hook(bench, "again", SERVICE.format(file=service))
    node = start(bench, check("db", argv, when="escalated"))
    helper = relayed.next()
    refused = helper.restart("db")
    assert (refused.ok, "not escalated" in refused.detail) == (False, True)
    node.escalate(epoch=1)
    assert node.hear(HookEnded).ok
    assert helper.restart("db").ok
    (pid,) = pids_of(service)
    assert is_alive(pid)
    assert ("cgroup" in bench.group_of(service)) == has_cgroup
    deescalate(node)
    node.hear(Off)
    assert not is_alive(pid)
    assert not helper.restart("db").ok


def test_it_is_refused_until_the_escalation_hook_has_succeeded(
    bench: Bench, relayed: Relayed
) -> None:
    """Before that the hook itself is starting what would be restarted."""
    node = start(
        bench,
        check("db", ["/bin/true"], when="escalated"),
        hooks={"escalation": hook(bench, "up", "sleep 0.3\nexit 1\n")},
    )
    helper = relayed.next()
    node.escalate(epoch=1)
    assert not helper.restart("db").ok
    assert not node.hear(HookEnded).ok
    assert not helper.restart("db").ok


@pytest.mark.parametrize("has_cgroup", [True, False])
def test_a_running_action_is_dead_before_the_de_escalation_hook_starts(
    bench: Bench, relayed: Relayed, has_cgroup: bool
) -> None:
    """Otherwise it starts again what the hook has just stopped."""
    pids, seen = bench.folder / "pids", bench.folder / "seen"
    bench.hides_cgroups = not has_cgroup
    action = f"echo $$ >> {pids}\ntrap '' TERM\nwhile :; do sleep 0.01; done\n"
    down = f"if kill -0 $(cat {pids}); then echo alive; else echo dead; fi > {seen} 2>/dev/null\n"
    node = start(
        bench,
        check("db", hook(bench, "again", action), when="escalated"),
        hooks={"de_escalation": hook(bench, "down", down)},
    )
    helper = relayed.next()
    node.escalate(epoch=1)
    assert node.hear(HookEnded).ok
    helper.ask("db")
    (pid,) = pids_of(pids)
    deescalate(node)
    node.hear(Off)
    assert seen.read_text() == "dead\n"
    assert not is_alive(pid)
    assert helper.hear() == (1, False, "killed by SIGKILL")
    assert not bench.logged("de_escalation_failed")


@pytest.mark.parametrize("delay_ms", range(0, 30, 3))
def test_off_is_confirmed_only_when_a_racing_action_is_gone(
    bench: Bench, relayed: Relayed, delay_ms: int
) -> None:
    """Wherever the going-off falls into its start: nothing of it is alive after Off."""
    pids = bench.folder / "pids"
    action = f"echo $$ >> {pids}\n" + SERVICE.format(file=pids)
    node = start(bench, check("db", hook(bench, "again", action), when="escalated", restarts=9))
    helper = relayed.next()
    node.escalate(epoch=1)
    assert node.hear(HookEnded).ok
    helper.ask("db")
    time.sleep(delay_ms / 1000)
    deescalate(node)
    node.hear(Off)
    written = pids.read_text().split() if pids.exists() else []
    assert not [pid for pid in written if is_alive(int(pid))]
    assert seen_for(0.1, lambda: (pids.read_text().split() if pids.exists() else []) == written)
    ended = helper.hear()
    assert ended.ticket == 1


def test_none_starts_while_the_daemon_stops(bench: Bench, relayed: Relayed) -> None:
    """It would be killed in the middle; and a bad file is named at the start already."""
    start(bench, check("db", ["/nonexistent/again"]), check("ok", ["/bin/true"]))
    assert bench.logged("event=hook_unusable")
    helper = relayed.next()
    os.kill(helper.pid, signal.SIGSTOP)
    helper.ask("ok")
    assert bench.process
    bench.process.terminate()
    assert bench.process.wait(5) == 0
    assert not bench.logged("event=restart_started")


def test_a_node_that_dies_takes_a_running_action_with_it(bench: Bench, relayed: Relayed) -> None:
    """The fast path of a failover does not wait for it."""
    pids = bench.folder / "pids"
    action = f"echo $$ >> {pids}\n" + SERVICE.format(file=pids) + "sleep 60\n"
    node = start(bench, check("db", hook(bench, "again", action), when="escalated"))
    helper = relayed.next()
    node.escalate(epoch=1)
    assert node.hear(HookEnded).ok
    helper.ask("db")
    written = pids_of(pids, 2)
    os.kill(node.pid, signal.SIGKILL)
    bench.wait_off()
    assert bench.node().greet().off_clean
    assert not any(is_alive(pid) for pid in written)
