"""The sentinel beside a guardian that is killed, stopped or well; its network is its own."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shell.sentinel_stage import (
    PATIENCE_S,
    SLACK_MS,
    VIPS,
    Stage,
    is_alive,
    stage,
    wait_for,
)
from watchdog.guardian import clock, locks
from watchdog.instant import MS

pytestmark = pytest.mark.root
HARD_MS = 600
LONG_MS = 60_000
QUIET_S = 0.3
WILL_COPIES = 3
SLEEPER = ("/bin/sleep", "300")


@pytest.fixture
def root() -> None:
    """Namespaces of the network need root."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a network of its own")


@pytest.fixture
def well(tmp_path: Path, root: None) -> Iterator[Stage]:
    """A guardian with VIPs and no hooks."""
    with stage(tmp_path) as made:
        yield made


@pytest.fixture
def hooked(tmp_path: Path, root: None) -> Iterator[Stage]:
    """A guardian with VIPs and an escalation hook."""
    with stage(tmp_path, escalation=True) as made:
        yield made


@pytest.fixture
def owing(tmp_path: Path, root: None) -> Iterator[Stage]:
    """A guardian with VIPs and a de-escalation hook."""
    with stage(tmp_path, escalation=True, de_escalation=True) as made:
        yield made


def _listener(made: Stage) -> socket.socket:
    def make() -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        return listener

    return made.inside(make)


def _heard(listener: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(listener.recv(1000))
        except BlockingIOError:
            return found


def _wait_ended(made: Stage) -> None:
    wait_for("the sentinel ended", lambda: not is_alive(made.pid))


# --- the guardian is killed


def test_a_killed_guardian_leaves_no_vip(well: Stage) -> None:
    """Long before `hard`; then it ends by itself."""
    well.go_on(LONG_MS)
    well.signal(signal.SIGKILL)
    _wait_ended(well)
    assert well.vips == 0
    assert well.logged("event=sentinel_acted")


def test_also_when_nothing_was_watched(well: Stage) -> None:
    """Removing what should not be there hurts nobody."""
    well.order("add")
    well.signal(signal.SIGKILL)
    _wait_ended(well)
    assert well.vips == 0


def test_a_write_torn_by_the_kill_changes_nothing(well: Stage) -> None:
    """What was whole before it counts."""
    well.go_on(LONG_MS)
    well.order("tear")
    well.signal(signal.SIGKILL)
    _wait_ended(well)
    assert well.vips == 0


def test_it_holds_the_node_lock_until_it_is_done_and_the_other_never(well: Stage) -> None:
    """A successor must find a machine on which nothing acts any more."""
    held = {fd.readlink() for fd in Path(f"/proc/{well.pid}/fd").iterdir()}
    assert well.folder / locks.NODE_LOCK in held
    assert well.folder / locks.GUARDIAN_LOCK not in held
    well.signal(signal.SIGKILL)
    fd, killed = locks.take_node_lock(str(well.folder), str(well.folder))
    os.close(fd)
    assert killed == []
    assert not is_alive(well.pid)


def test_a_stopped_sentinel_of_a_dead_guardian_is_killed_by_the_successor(well: Stage) -> None:
    """The successor has removed everything before it asks for this lock."""
    os.kill(well.pid, signal.SIGSTOP)
    well.signal(signal.SIGKILL)
    well.guardian.wait()
    fd, killed = locks.take_node_lock(str(well.folder), str(well.folder))
    os.close(fd)
    assert killed == [well.pid]


def test_a_node_process_that_lives_on_is_killed(well: Stage) -> None:
    """Before its will is sent."""
    pid = well.order("spawn", *SLEEPER)
    well.order("node", pid)
    well.signal(signal.SIGKILL)
    _wait_ended(well)
    assert not is_alive(pid)


# --- the guardian is stopped


def test_a_stopped_guardian_leaves_no_vip_beyond_hard(well: Stage) -> None:
    """And not before its last moment: it may only be slow."""
    began = clock.now().boot_ns
    well.go_on(HARD_MS)
    well.signal(signal.SIGSTOP)
    while well.vips:
        assert clock.now().boot_ns - began < PATIENCE_S * 1000 * MS
        time.sleep(0.002)
    lasted = clock.now().boot_ns - began
    assert lasted >= (HARD_MS - SLACK_MS) * MS
    assert is_alive(well.pid), "it goes on watching"
    assert is_alive(well.guardian.pid)


def test_the_end_moves_with_the_tenure(well: Stage) -> None:
    """Renewals cost no wake-up, and count from the newest."""
    hard_ms = 3000
    well.go_on(hard_ms)
    for _ in range(6):
        time.sleep(0.6)
        well.order("watch", 0, hard_ms)
        assert well.vips == len(VIPS)
    well.signal(signal.SIGSTOP)
    wait_for("off", lambda: well.vips == 0)


def test_a_tenure_that_is_over_at_once_is_ended_at_once(well: Stage) -> None:
    """Its round was sent long ago."""
    well.order("add")
    well.order("watch", 10_000, HARD_MS)
    wait_for("off", lambda: well.vips == 0)


def test_what_comes_back_while_the_guardian_is_late_is_removed_again(well: Stage) -> None:
    """It may have been stopped in the middle of adding it, and run for a moment."""
    well.go_on(HARD_MS)
    wait_for("off", lambda: well.vips == 0)
    well.order("add")
    wait_for("off again", lambda: well.vips == 0)


def test_a_guardian_that_goes_on_anew_is_left_alone(well: Stage) -> None:
    """What it did for an old tenure says nothing of a new one."""
    well.go_on(HARD_MS)
    wait_for("off", lambda: well.vips == 0)
    well.order("unwatch")
    well.go_on(LONG_MS)
    time.sleep(QUIET_S)
    assert well.vips == len(VIPS)


def test_what_is_not_watched_is_left_alone(well: Stage) -> None:
    """Off is for the guardian to say, however old what it said before is."""
    well.go_on(HARD_MS)
    well.order("unwatch")
    time.sleep((HARD_MS + 200) / 1000)
    assert well.vips == len(VIPS)


# --- hooks


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_what_is_in_the_hooks_cgroup_is_killed(hooked: Stage, number: int) -> None:
    """Where there is one, it alone says who belongs to a hook."""
    procs = hooked.hook_group / "cgroup.procs"
    with subprocess.Popen(SLEEPER, start_new_session=True) as unmarked:
        procs.write_text(str(unmarked.pid))
        hooked.go_on(HARD_MS)
        hooked.signal(number)
        assert unmarked.wait(PATIENCE_S) == -signal.SIGKILL
    wait_for("off", lambda: hooked.vips == 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_what_hooks_left_is_found_without_its_parents(hooked: Stage, number: int) -> None:
    """Also a daemon that forked twice, in a session of its own, and forgot its environment."""
    file = hooked.folder / "daemon"
    script = f"setsid env -i sh -c 'sleep 300 & echo $! > {file}; wait' & exit 0"
    shell = hooked.order("spawn", "/bin/sh", "-c", script)
    wait_for("the daemon runs", lambda: file.exists() and bool(file.read_text().strip()))
    wait_for("its parent ended", lambda: not is_alive(shell))
    daemon = int(file.read_text())
    hooked.go_on(HARD_MS)
    hooked.signal(number)
    wait_for("it is gone", lambda: not is_alive(daemon))
    wait_for("off", lambda: hooked.vips == 0)


def test_strangers_are_spared(hooked: Stage) -> None:
    """Whoever does not descend from the guardian has no mark, whatever it is called."""
    with stage(_folder(hooked, "other"), escalation=True) as other:
        pid = other.order("spawn", *SLEEPER)
        hooked.go_on(LONG_MS)
        hooked.signal(signal.SIGKILL)
        _wait_ended(hooked)
        assert is_alive(pid)


def _folder(made: Stage, name: str) -> Path:
    folder = made.folder / name
    folder.mkdir()
    return folder


# --- the will


def test_the_will_is_sent_as_armed_when_the_guardian_is_dead(well: Stage) -> None:
    """Three copies, after everything is off."""
    listener = _listener(well)
    pid = well.order("spawn", *SLEEPER)
    well.order("node", pid)
    well.order("will", "last words", listener.getsockname()[1])
    well.go_on(LONG_MS)
    well.signal(signal.SIGKILL)
    _wait_ended(well)
    assert _heard(listener) == [b"last words"] * WILL_COPIES
    assert not is_alive(pid)
    listener.close()


def test_the_will_of_a_node_that_was_waited_for_is_sent_too(well: Stage) -> None:
    """The guardian died before it could send it; the next node has none yet."""
    listener = _listener(well)
    well.order("node", well.order("spawn", *SLEEPER))
    well.order("will", "one", listener.getsockname()[1])
    well.order("node_gone")
    well.signal(signal.SIGKILL)
    _wait_ended(well)
    assert _heard(listener) == [b"one"] * WILL_COPIES
    listener.close()


def test_the_will_of_one_node_is_not_the_next_ones(well: Stage) -> None:
    """The next one lives, and has not made its own."""
    listener = _listener(well)
    for _ in range(2):
        well.order("node", well.order("spawn", *SLEEPER))
    well.order("will", "two", listener.getsockname()[1])
    well.order("node", well.order("spawn", *SLEEPER))
    well.signal(signal.SIGKILL)
    _wait_ended(well)
    assert _heard(listener) == []
    listener.close()


def test_a_stopped_guardian_has_no_will_sent(well: Stage) -> None:
    """Its node may live, and it itself may wake."""
    listener = _listener(well)
    well.order("node", well.order("spawn", *SLEEPER))
    well.order("will", "early", listener.getsockname()[1])
    well.go_on(HARD_MS)
    well.signal(signal.SIGSTOP)
    wait_for("off", lambda: well.vips == 0)
    time.sleep(QUIET_S)
    assert _heard(listener) == []
    listener.close()


@pytest.mark.parametrize("is_on", [True, False])
def test_no_will_when_a_de_escalation_hook_was_owed(owing: Stage, *, is_on: bool) -> None:
    """What it would have ended may live elsewhere; never on, it owes nothing."""
    listener = _listener(owing)
    owing.order("node", owing.order("spawn", *SLEEPER))
    owing.order("will", "maybe", listener.getsockname()[1])
    if is_on:
        owing.go_on(LONG_MS)
        owing.order("unwatch")
    owing.signal(signal.SIGKILL)
    _wait_ended(owing)
    assert _heard(listener) == [b"maybe"] * (0 if is_on else WILL_COPIES)
    assert owing.vips == 0
    listener.close()


# --- its own end


def test_an_orderly_end_touches_nothing(well: Stage) -> None:
    """The VIP stays, for whoever says so."""
    well.go_on(LONG_MS)
    well.order("end")
    assert not is_alive(well.pid)
    assert well.vips == len(VIPS)


def test_a_stopped_sentinel_is_ended_as_well(well: Stage) -> None:
    """The end of the daemon must not wait for it."""
    os.kill(well.pid, signal.SIGSTOP)
    well.order("end")
    assert not is_alive(well.pid)


def test_signals_of_a_service_manager_do_not_end_it(well: Stage) -> None:
    """A stop signals every process of the unit; it must live as long as there is work."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(well.pid, number)
    well.go_on(LONG_MS)
    assert is_alive(well.pid)
    assert Path(f"/proc/{well.pid}/comm").read_text() == "qd-sentinel\n"
    assert os.getsid(well.pid) == well.pid


def test_it_runs_above_the_guardian_when_the_class_is_real_time(tmp_path: Path, root: None) -> None:
    """And keeps its pages."""
    with stage(tmp_path, scheduling="rt") as made:
        assert os.sched_getscheduler(made.pid) == os.SCHED_RR
        assert os.sched_getparam(made.pid).sched_priority == 11
        status = Path(f"/proc/{made.pid}/status").read_text()
        assert "VmLck:\t       0 kB" not in status
        made.go_on(LONG_MS)
        made.signal(signal.SIGKILL)
        _wait_ended(made)
        assert made.vips == 0
