"""`quorumdog nodes`: pgpool's list for people and for scripts."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from ipc.messages import Reply, ok
from tests.shell.scripted import ScriptedDaemon
from tests.unit.watchdog.shell.samples import core_status, plan
from watchdog.cli import main
from watchdog.shell.pgpool_view import node_list


def run(path: Path, *arguments: str) -> Result:
    """Run the verb in this process."""
    return CliRunner().invoke(main, ["nodes", "--socket", str(path), *arguments])


def listed(_: dict[str, object]) -> Reply:
    """Answer with three nodes, of which one is lost."""
    core = core_status()
    core["nodes"][1] |= {"reachable": False, "reason": "silent"}
    return ok(node_list(plan(), core, is_checked=True))


def test_people_get_a_table(tmp_path: Path) -> None:
    """With pgpool's numbers and names of the states."""
    with ScriptedDaemon(tmp_path / "s", listed) as daemon:
        found = run(tmp_path / "s")
    assert found.exit_code == 0
    assert found.stdout.splitlines() == [
        "ID  NODE   ADDRESS         PGPOOL  STATE  NAME OF STATE  PRI",
        "0   alpha  10.0.0.11:9000  9999    4      LEADER         3",
        "1   beta   10.0.0.12:9000  9999    8      LOST           2",
        "2   gamma  10.0.0.13:9000  9999    7      STANDBY        1",
        "coordinator: alpha; quorum: yes (2 votes needed); escalated here: yes",
    ]
    assert daemon.heard == [{"NodeID": -1}]


def test_scripts_get_the_list_itself(tmp_path: Path) -> None:
    """With a number for its meaning."""
    with ScriptedDaemon(tmp_path / "s", listed):
        found = run(tmp_path / "s", "--json")
    body = json.loads(found.stdout)
    assert body.pop("schema") == 1
    assert body == listed({}).body


def test_no_daemon_is_exit_3(tmp_path: Path) -> None:
    """And another one than expected, too."""
    assert run(tmp_path / "none").exit_code == 3
    with ScriptedDaemon(tmp_path / "s", listed):
        assert run(tmp_path / "s", "--node", "beta").exit_code == 3
