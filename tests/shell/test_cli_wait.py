"""`quorumdog wait` against a daemon that pushes, dies and comes back from a script."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.shell.registering import RegisteringDaemon
from tests.unit.watchdog.shell.samples import core_status, plan
from watchdog.cli import main
from watchdog.shell.pgpool_view import node_list


def nodes(**core: Any) -> dict[str, object]:
    """A node list of alpha, with these changes."""
    return node_list(plan(), core_status() | core, is_checked=False)


def state(name: str) -> dict[str, object]:
    """A node list in which alpha is in this state, and nobody leads."""
    core = core_status() | {"coordinator": None}
    core["nodes"][0] |= {"state": name}
    return node_list(plan(), core, is_checked=False)


def run(path: Path, *arguments: str) -> Result:
    """Run the verb in this process."""
    return CliRunner().invoke(main, ["wait", "--socket", str(path), *arguments])


def test_what_is_so_already_is_not_waited_for(tmp_path: Path) -> None:
    """The list that answers the registration is enough; the words are ours, not pgpool's."""
    with RegisteringDaemon(tmp_path / "s", [[nodes()]]):
        found = run(tmp_path / "s", "--state", "coordinator", "--quorum", "yes")
    assert found.exit_code == 0
    assert found.stdout == "alpha is COORDINATOR, coordinator alpha, quorum\n"


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (["--state", "STANDBY"], state("STANDBY")),
        (["--coordinator", "beta"], nodes(coordinator="beta")),
        (["--quorum", "no"], nodes(quorum={"ok": False, "need": 2, "have": 1})),
        (["--state", "waiting_for_quorum"], state("WAITING_FOR_QUORUM")),
    ],
)
def test_a_push_ends_the_wait(
    tmp_path: Path, arguments: list[str], last: dict[str, object]
) -> None:
    """Others before it do not."""
    with RegisteringDaemon(tmp_path / "s", [[nodes(), state("LOADING"), last]]):
        found = run(tmp_path / "s", *arguments, "--timeout", "5s")
    assert found.exit_code == 0, found.output


def test_a_candidate_is_a_standby(tmp_path: Path) -> None:
    """pgpool has a number for it; our state is STANDBY all the time."""
    core = core_status() | {"phase": "candidate"}
    core["nodes"][0] |= {"state": "STANDBY"}
    standing = node_list(plan(), core, is_checked=False)
    with RegisteringDaemon(tmp_path / "s", [[standing]]):
        assert run(tmp_path / "s", "--state", "standby").exit_code == 0


def test_time_out_is_exit_1_with_what_is_so_instead(tmp_path: Path) -> None:
    """A script that fails should say why."""
    with RegisteringDaemon(tmp_path / "s", [[state("LOADING"), nodes()]]):
        found = run(tmp_path / "s", "--coordinator", "beta", "--timeout", "100ms")
    assert found.exit_code == 1
    assert found.stderr == (
        "quorumdog: not within 0.1 s: alpha is COORDINATOR, coordinator alpha, quorum\n"
    )


def test_a_restart_of_the_daemon_is_survived(tmp_path: Path) -> None:
    """An update restarts it while somebody waits for what comes after."""
    lives = [[nodes()], [state("LOADING")], [state("LOADING"), nodes(coordinator="beta")]]
    with RegisteringDaemon(tmp_path / "s", lives, gap_s=0.1):
        found = run(tmp_path / "s", "--coordinator", "beta", "--timeout", "10s")
    assert found.exit_code == 0, found.output
    assert found.stdout == "alpha is COORDINATOR, coordinator beta, quorum\n"


def test_no_daemon_is_exit_3_at_once_or_at_the_end(tmp_path: Path) -> None:
    """At once when there was none; at the time-out when it went and did not come back."""
    assert run(tmp_path / "none", "--quorum", "yes").exit_code == 3
    with RegisteringDaemon(tmp_path / "s", [[nodes()], [nodes()]], gap_s=2.0):
        found = run(tmp_path / "s", "--coordinator", "beta", "--timeout", "300ms")
    assert found.exit_code == 3
    assert f"no answer at {tmp_path}/s" in found.stderr


def test_a_typing_error_in_a_name_is_not_waited_for(tmp_path: Path) -> None:
    """It would be a wait for nothing."""
    with RegisteringDaemon(tmp_path / "s", [[nodes()]]):
        found = run(tmp_path / "s", "--coordinator", "betta")
    assert found.exit_code == 2
    assert found.stderr == (
        "quorumdog: no node is called betta\n  the nodes are: alpha, beta, gamma\n"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "say for what: --state, --coordinator or --quorum"),
        (["--state", "leading"], "is not one of"),
        (["--quorum", "perhaps"], "is not one of"),
        (["--quorum", "yes", "--timeout", "30"], "write a number and ms, s, m or h"),
        (["--quorum", "yes", "--timeout", "-1s"], "write a number and ms, s, m or h"),
    ],
)
def test_wrong_input_is_exit_2_with_a_sentence(
    tmp_path: Path, arguments: list[str], text: str
) -> None:
    """Before anybody is asked."""
    found = run(tmp_path / "none", *arguments)
    assert found.exit_code == 2
    assert text in found.stderr


def test_other_node_than_expected_is_not_taken_for_it(tmp_path: Path) -> None:
    """--node guards a script against asking the wrong machine."""
    with RegisteringDaemon(tmp_path / "s", [[nodes()]]):
        found = run(tmp_path / "s", "--quorum", "yes", "--node", "beta")
    assert found.exit_code == 3
    assert "is alpha, not beta" in found.stderr
