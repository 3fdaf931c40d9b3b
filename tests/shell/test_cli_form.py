"""`quorumdog form` passes the order on and says what became of it."""

from pathlib import Path

from click.testing import CliRunner

from ipc.messages import ok
from tests.shell.scripted import ScriptedDaemon
from watchdog.cli import main


def test_form_prints_the_answer(tmp_path: Path) -> None:
    """The core says what it will do without."""
    answer = ok({"MESSAGE": "forming without gamma"})
    with ScriptedDaemon(tmp_path / "s", lambda body: answer) as daemon:
        found = CliRunner().invoke(main, ["form", "--socket", str(tmp_path / "s")])
    assert (found.exit_code, found.stdout) == (0, "forming without gamma\n")
    assert daemon.heard == [{"verb": "form"}]
