"""The shipped scripts alone: no [vip] table, the address by `ip`, a service, and a notification.

The scripts are copied, as `make install` does: the guardian runs only what nobody but root (or
the user that it runs as) could have changed.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import REPOSITORY
from tests.system.cluster import SystemCluster, run_cluster
from tests.system.guardian.bench import is_alive
from tests.system.operating import configure, quorumdog
from tests.system.prober import Story, story
from watchdog.cli.demo.lab import INTERFACE, VIP

pytestmark = pytest.mark.root
NOTE: Final = """#!/bin/sh
{ printf '{"environment": "'; env | tr '\\n' '|'; printf '", "event": '; cat; printf '}\\n'; } \\
    | tr -d '\\n' >> "$1"; echo >> "$1"
"""
EVENTS: Final = ("escalation", "escalation", "de_escalation", "de_escalation")


def _scripts(folder: Path) -> Path:
    target = folder / "scripts"
    shutil.copytree(REPOSITORY / "scripts", target)
    for file in (target, *target.iterdir()):
        file.chmod(0o755)
    note = target / "note.sh"
    note.write_text(NOTE)
    note.chmod(0o755)
    return target


def _pid_file(cluster: SystemCluster, name: str) -> Path:
    return cluster.cluster.folder / name / "service.pid"


def _notes(cluster: SystemCluster, name: str) -> Path:
    return cluster.cluster.folder / name / "notes"


def _hooks(cluster: SystemCluster, name: str, scripts: Path) -> str:
    vip = f"{scripts}/vip.sh {VIP}/24 {INTERFACE}"
    service = f"{scripts}/service.sh run {_pid_file(cluster, name)} sleep 3600"
    command = json.dumps([f"{scripts}/chain.sh", vip, service])
    told = json.dumps([f"{scripts}/note.sh", str(_notes(cluster, name))])
    return f"[hooks]\nescalation = {command}\nde_escalation = {command}\nstate_change = {told}"


@pytest.fixture(scope="module")
def hooked() -> Iterator[SystemCluster]:
    """Three nodes that have hooks and nothing else."""
    with run_cluster(3, start=False, vips=(), watched=(VIP,)) as cluster:
        scripts = _scripts(cluster.cluster.folder)
        for name in cluster.names:
            tables = _hooks(cluster, name, scripts)
            configure(cluster, name, replace(cluster.cluster.layout, tables=tables))
            cluster.start(name)
        yield cluster


def _serving(cluster: SystemCluster) -> set[str]:
    """The nodes whose service runs."""
    found = set()
    for name in cluster.names:
        file = _pid_file(cluster, name)
        words = file.read_text().split() if file.exists() else []
        if words and is_alive(int(words[0])):
            found.add(name)
    return found


def _is_only(cluster: SystemCluster, name: str) -> bool:
    return cluster.holding() == {name} == _serving(cluster)


def _told(cluster: SystemCluster, name: str) -> list[dict[str, Any]]:
    file = _notes(cluster, name)
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines if line]


def test_the_scripts_move_address_and_service_three_times(hooked: SystemCluster) -> None:
    """Switchover there and back, then a death: always one place, where the coordinator is."""
    with story(hooked) as told:
        first, second = told.leader, told.others[0]
        told.wait("the first has both", lambda: _is_only(hooked, first))
        _switch(told, first, second)
        _switch(told, second, first)
        hooked.kill(first)
        third = hooked.wait_coordinator(other_than=first)
        told.wait("the third has both", lambda: _is_only(hooked, third))
        assert hooked.wait_healthy() == third
        _check_note(hooked, third)
        told.wait(
            "the killed one told of its return", lambda: _states(hooked, first)[-1] == "STANDBY"
        )
        assert "COORDINATOR" in _states(hooked, first)


def _states(cluster: SystemCluster, name: str) -> list[str]:
    return [note["event"]["new_state"] for note in _told(cluster, name)]


def _switch(told: Story, giver: str, taker: str) -> None:
    cluster = told.cluster
    order = ("switchover", "--to", taker)
    told.wait("accepted", lambda: quorumdog(cluster, giver, *order).returncode == 0)
    assert cluster.wait_coordinator(other_than=giver) == taker
    told.wait(f"{taker} has both", lambda: _is_only(cluster, taker))
    cluster.wait_healthy()


def _check_note(cluster: SystemCluster, third: str) -> None:
    """The state_change hook gets the same by environment and by JSON, and nothing inherited."""
    won = [n for n in _told(cluster, third) if n["event"]["new_state"] == "COORDINATOR"][-1]
    event = won["event"]
    assert (event["schema"], event["event"], event["node"]) == (1, "state_change", third)
    assert (event["old_state"], event["cluster"]) == ("STANDBY", "demo")
    assert event["epoch"] > 0
    environment = dict(part.split("=", 1) for part in won["environment"].split("|") if part)
    for name, value in event.items():
        if name != "schema":
            assert environment[f"QUORUMDOG_{name.upper()}"] == str(value)
    others = {name for name in environment if not name.startswith("QUORUMDOG_")}
    assert others <= {"PATH", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_"}


@pytest.fixture
def place() -> Iterator[SystemCluster]:
    """A machine on which nothing runs."""
    with run_cluster(1, start=False, vips=(), watched=(VIP,)) as cluster:
        yield cluster


def test_each_script_may_run_twice_in_a_row(place: SystemCluster) -> None:
    """Escalation twice, de-escalation twice: exit code 0 and the same end, each time."""
    name = place.names[0]
    scripts = _scripts(place.cluster.folder)
    pid_file = _pid_file(place, name)
    vip = [str(scripts / "vip.sh"), f"{VIP}/24", INTERFACE]
    service = [str(scripts / "service.sh"), "run", str(pid_file), "sleep", "3600"]
    chain = [str(scripts / "chain.sh"), " ".join(vip), " ".join(service)]
    pids = set()
    try:
        for command in (vip, service, chain):
            for event in EVENTS:
                done = _run(place, name, command, event)
                assert (done.returncode, done.stderr) == (0, ""), (command, event)
                has_vip = VIP in place.lab.addresses(name)
                assert has_vip == (event == "escalation" and command is not service)
                is_serving = name in _serving(place)
                assert is_serving == (event == "escalation" and command is not vip)
                if is_serving:
                    pids.add(pid_file.read_text())
        assert len(pids) == 2, "started once for each script, not once for each run"
    finally:
        if pid_file.exists():
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    wrong = _run(place, name, vip, "state_change")
    assert wrong.returncode == 2
    assert "QUORUMDOG_EVENT" in wrong.stderr


def _run(
    cluster: SystemCluster, name: str, command: list[str], event: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        cluster.lab.command(name, command),
        env={"PATH": os.environ["PATH"], "QUORUMDOG_EVENT": event, "QUORUMDOG_DEADLINE_MS": "500"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
