"""`check set` and `check reset`: what is refused at once, and what the daemon is asked."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ipc.messages import Reply, bad, ok
from tests.shell.scripted import ScriptedDaemon
from watchdog.cli import main


def run(*arguments: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, ["check", *arguments])


def test_settings_reach_the_daemon_as_they_were_typed(tmp_path: Path) -> None:
    """Lifecheck reads them by the rules of the file."""
    with ScriptedDaemon(tmp_path / "s", lambda body: ok({})) as daemon:
        words = ["pg", "every=1s", "2.timeout = 500ms", "fails=5"]
        found = run("set", *words, "--socket", str(tmp_path / "s"))
    assert daemon.heard == [
        {
            "verb": "check_set",
            "name": "pg",
            "settings": {"every": "1s", "2.timeout": "500ms", "fails": "5"},
        }
    ]
    assert found.exit_code == 0
    assert "pg: every=1s 2.timeout=500ms fails=5 until it is reset" in found.stdout


def test_reset_names_the_check(tmp_path: Path) -> None:
    """Its pace and its fail count."""
    with ScriptedDaemon(tmp_path / "s", lambda body: ok({})) as daemon:
        found = run("reset", "set", "--socket", str(tmp_path / "s"))
    assert daemon.heard == [{"verb": "check_reset", "name": "set"}]
    assert (found.exit_code, found.stdout) == (0, "set: as configured again, fail count 0\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["every"], "the keys are: every, timeout, fails, rises, window"),
        (["every=5"], "every=5: needs a duration such as 500ms"),
        (["every=1ms"], "must be from 50ms"),
        (["evry=1s"], "unknown setting"),
        (["fails=0"], "needs a whole number from 1"),
        (["17.fails=2"], "17.fails"),
        (["every=1s", "timeout=2s"], "must not be longer than every"),
        (["every=1s", "every=2s"], "every is given twice"),
        (["on_fail=veto"], "unknown setting"),
    ],
)
def test_what_cannot_be_is_explained_before_anybody_is_asked(
    words: list[str], sentence: str, tmp_path: Path
) -> None:
    """Exit code 2, as for every wrong word; there is no daemon here at all."""
    found = run("set", "pg", *words, "--socket", str(tmp_path / "none"))
    assert found.exit_code == 2
    assert sentence in found.stderr


def test_refusal_of_the_daemon_is_shown(tmp_path: Path) -> None:
    """It lists the names that there are."""
    refusal = "no check is called 'pq' on this node; there are: pg"
    with ScriptedDaemon(tmp_path / "s", lambda body: bad(refusal)):
        found = run("set", "pq", "every=1s", "--socket", str(tmp_path / "s"))
    assert found.exit_code == 1
    assert refusal in found.stderr


def test_daemon_of_another_node_is_not_changed(tmp_path: Path) -> None:
    """Several nodes on one machine have several sockets."""

    def script(body: dict[str, object]) -> Reply:
        return ok({"local": "beta"} if body["verb"] == "status" else {})

    with ScriptedDaemon(tmp_path / "s", script) as daemon:
        found = run("--node", "alpha", "set", "pg", "fails=2", "--socket", str(tmp_path / "s"))
    assert found.exit_code == 3
    assert "is beta, not alpha" in found.stderr
    assert [body["verb"] for body in daemon.heard] == ["status"]


def test_no_daemon_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """As for every verb that asks one."""
    assert run("reset", "pg", "--socket", str(tmp_path / "none")).exit_code == 3
