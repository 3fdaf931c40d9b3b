"""`quorumdog inform`: the word reaches the daemon, and its refusal reaches the person."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ipc.messages import Reply, bad, ok
from tests.shell.scripted import ScriptedDaemon
from watchdog.cli import main


def run(path: Path, *arguments: str) -> Result:
    """Run the verb in this process."""
    return CliRunner().invoke(main, ["inform", "--socket", str(path), *arguments])


def taken(_: dict[str, object]) -> Reply:
    """Agree to everything."""
    return ok({"MESSAGE": "beta is taken to be dead"})


def test_the_word_is_handed_over_with_its_reason(tmp_path: Path) -> None:
    """As the native verb, by name."""
    with ScriptedDaemon(tmp_path / "s", taken) as daemon:
        found = run(tmp_path / "s", "beta", "DEAD", "-m", "no answer")
    assert (found.exit_code, found.stdout) == (0, "beta is taken to be dead\n")
    assert daemon.heard == [
        {"verb": "inform", "node": "beta", "verdict": "dead", "message": "no answer"}
    ]


def test_a_refusal_is_exit_1_with_the_daemons_sentence(tmp_path: Path) -> None:
    """It has the names that would do."""
    text = "no node is called betta; the nodes are: alpha, beta"
    with ScriptedDaemon(tmp_path / "s", lambda _: bad(text)):
        found = run(tmp_path / "s", "betta", "alive")
    assert (found.exit_code, found.stderr) == (1, f"quorumdog: inform refused: {text}\n")


def test_another_daemon_than_expected_is_told_nothing(tmp_path: Path) -> None:
    """--node guards a script against telling the wrong machine."""
    with ScriptedDaemon(tmp_path / "s", lambda _: ok({"local": "gamma"})) as daemon:
        found = run(tmp_path / "s", "beta", "dead", "--node", "alpha")
    assert found.exit_code == 3
    assert daemon.heard == [{"verb": "status"}]


@pytest.mark.parametrize("arguments", [["beta"], ["beta", "ill"], [], ["beta", "dead", "alive"]])
def test_wrong_input_is_exit_2(tmp_path: Path, arguments: list[str]) -> None:
    """Before anybody is asked."""
    assert run(tmp_path / "none", *arguments).exit_code == 2


def test_no_daemon_is_exit_3(tmp_path: Path) -> None:
    """Not the success that pgpool's client reports."""
    assert run(tmp_path / "none", "beta", "dead").exit_code == 3
