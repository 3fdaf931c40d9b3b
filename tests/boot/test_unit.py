"""The unit under a real systemd: what is locked does not hinder, and what stands still is killed.

The files are those of `make install`; systemd is the first process of namespaces of its own.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.system.manager import ADDRESS, INTERFACE, UNIT, VIP, Manager, booted
from watchdog.cli.privileges import has_capability

pytestmark = pytest.mark.root
PACKAGING = REPOSITORY / "packaging"
DROP_INS = sorted(path.name for path in (PACKAGING / "dropins").iterdir())
WATCHDOG_S = 3.0
MEMBER = f"""
[cluster]
name = "unit"
scheduling = "rt"
gate = "nft"
[nodes]
alpha = {{ address = "{ADDRESS}" }}
[vip.v]
address = "{VIP}/24"
interface = "{INTERFACE}"
[hooks]
escalation = "/etc/quorumdog/up"
[ipc]
group = "adm"
[http]
[check.init]
process = "/lib/systemd/systemd"
[check.self]
ping = "{ADDRESS}"
on_fail = "report"
[check.command]
command = ["/bin/grep", "NoNewPrivs.*1", "/proc/self/status"]
on_fail = "report"
"""
HOOK = """\
#!/bin/sh
id -u
touch /run/quorumdog/was-here && echo run-is-writable
touch /usr/was-here 2>/dev/null && echo usr-is-writable
exec sleep 1000 &
"""
CAP_SYS_RESOURCE = 24
MAY_RAISE_LIMITS = has_capability(CAP_SYS_RESOURCE)
"""Without it systemd cannot give LimitRTPRIO=, as on a machine that is a container itself."""
WITNESS = f"""
[cluster]
name = "unit"
scheduling = "{"rt" if MAY_RAISE_LIMITS else "normal"}"
[nodes]
alpha = {{ address = "{ADDRESS}", role = "witness" }}
beta = {{ address = "10.78.0.2" }}
gamma = {{ address = "10.78.0.3" }}
[vip.v]
address = "{VIP}/24"
interface = "{INTERFACE}"
"""


def configure(machine: Manager, text: str) -> None:
    """The files of a node."""
    folder = machine.root / "etc/quorumdog"
    (folder / "quorumdog.conf").write_text(text, encoding="utf-8")
    (folder / "up").write_text(HOOK, encoding="utf-8")
    (folder / "up").chmod(0o755)
    machine.run("quorumdog", "key", "gen", "/etc/quorumdog/authkey")


def start(machine: Manager) -> None:
    """Start the service; systemctl returns when it is ready."""
    machine.run("systemctl", "start", UNIT)


def wait_on(machine: Manager) -> None:
    """Until it holds the VIP, and has told systemd so."""
    machine.wait("on", lambda: machine.property("StatusText").startswith("on"))
    assert machine.has_vip()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, stage: Path) -> Iterator[Manager]:
    """A machine with a cluster of one member, running."""
    with booted(tmp_path_factory.mktemp("member"), stage) as manager:
        configure(manager, MEMBER)
        start(manager)
        wait_on(manager)
        yield manager


def test_a_member_misses_nothing_under_the_unit(machine: Manager) -> None:
    """Gate, real time, locked memory, own user, sockets: no line says that it could not be had."""
    machine.wait("checks", lambda: "event=check_up" in machine.log())
    log = machine.log()
    for event in ("privileges_kept", "not_permitted", "gate_"):
        assert f"event={event}" not in log, log
    assert "event=memory_not_locked level=warning" not in log, log
    assert "level=alarm" not in log
    assert "Permission denied" not in log
    assert "Operation not permitted" not in log
    assert "gate nft" in machine.run("quorumdog", "status", check=False)
    shown = machine.run("ps", "-eo", "user:20,cls,args")
    for part in ("watchdog.shell", "lifecheck", "watchdog.web"):
        line = next(line for line in shown.splitlines() if f"-m {part}" in line)
        assert line.startswith("quorumdog "), line
    status = Path(f"/proc/{machine.guardian()}/status").read_text(encoding="ascii")
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


def test_a_check_works_under_the_unit(machine: Manager) -> None:
    """Each kind that needs a right: pidfds and accelerators, a raw socket, a program."""
    machine.wait(
        "all checks up",
        lambda: machine.run("quorumdog", "status", check=False).count(" up ") == 3,
    )
    socket = machine.root / "run/quorumdog/.s.PGPOOLWD_CMD.9000"
    assert socket.stat().st_gid == 4  # adm: the group of [ipc]


def test_a_hook_is_root_in_a_system_that_it_cannot_change(machine: Manager) -> None:
    """services.conf lifts that."""
    machine.wait("the hook's output", lambda: "text=run-is-writable" in machine.log())
    assert "hook=escalation text=0" in machine.log()
    assert "usr-is-writable" not in machine.log()
    assert not (machine.root / "usr/was-here").exists()


def test_a_guardian_whose_loop_turns_is_left_alone(machine: Manager) -> None:
    """Twice the time that systemd waits for a ping."""
    before = machine.guardian()
    time.sleep(2 * WATCHDOG_S)
    assert machine.guardian() == before
    assert machine.property("NRestarts") == "0"
    assert machine.property("WatchdogUSec") == "3s"


def test_a_guardian_that_stands_still_is_killed_and_started_again(machine: Manager) -> None:
    """Its pings stop; the VIP is long gone by then, because the sentinel has taken it."""
    guardian = machine.guardian()
    os.kill(guardian, signal.SIGSTOP)
    began = time.monotonic()
    machine.wait("VIP off", lambda: not machine.has_vip(), WATCHDOG_S)
    machine.wait("killed", lambda: machine.property("NRestarts") == "1", 4 * WATCHDOG_S)
    assert time.monotonic() - began > WATCHDOG_S / 2, "killed before a ping was missed"
    wait_on(machine)
    assert machine.guardian() != guardian


def test_what_is_killed_as_a_whole_is_cleared(machine: Manager) -> None:
    """Guardian, sentinel and node at once: ExecStopPost is the last that can act."""
    machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", UNIT)
    machine.wait("restarted", lambda: machine.property("NRestarts") == "2")
    assert f"clear_vips: removed {VIP}/24" in machine.log()
    wait_on(machine)


def test_a_stopped_service_leaves_nothing(machine: Manager) -> None:
    """No VIP, no gate, no process of a hook."""
    machine.run("systemctl", "stop", UNIT)
    assert not machine.has_vip()
    assert "quorumdog" not in machine.run("nft", "list", "tables")
    assert "sleep 1000" not in machine.run("ps", "-eo", "args")
    assert machine.property("Result") == "success"


def test_a_hook_may_change_the_system_with_the_drop_in_for_services(machine: Manager) -> None:
    """For those that run a service themselves."""
    machine.drop_in("services.conf")
    start(machine)
    machine.wait("the hook's output", lambda: "usr-is-writable" in machine.log())
    machine.run("systemctl", "stop", UNIT)


def test_a_witness_needs_no_right_at_all(tmp_path: Path, stage: Path) -> None:
    """It votes: real time, its state and its key, and nothing else."""
    with booted(tmp_path, stage) as witness:
        configure(witness, WITNESS)
        start(witness)  # as root first: what that leaves behind must be no obstacle
        witness.run("systemctl", "stop", UNIT)
        witness.drop_in("witness.conf")
        start(witness)
        guardian = witness.guardian()
        status = Path(f"/proc/{guardian}/status").read_text(encoding="ascii")
        assert "CapBnd:\t0000000000000000" in status
        assert "\nUid:\t0" not in status
        wanted = os.SCHED_RR if MAY_RAISE_LIMITS else os.SCHED_OTHER
        assert os.sched_getscheduler(guardian) & ~os.SCHED_RESET_ON_FORK == wanted
        time.sleep(2 * WATCHDOG_S)
        assert witness.guardian() == guardian, witness.log()
        alive = "lifecheck: says alive"
        witness.wait(
            "its lifecheck", lambda: alive in witness.run("quorumdog", "status", check=False)
        )
        assert "event=helper_exited" not in witness.log()
