"""`quorumdog status` as a program: output, exit code, and what it does not import."""

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from ipc.messages import Reply, ok
from tests.shell.scripted import ScriptedDaemon
from tests.unit.watchdog.cli.test_status import body
from watchdog.cli import main


def run(socket: Path, *arguments: str) -> Result:
    """Run the verb in this process."""
    return CliRunner().invoke(main, ["status", "--socket", str(socket), *arguments])


def test_table_and_exit_code_come_from_the_daemons_answer(tmp_path: Path) -> None:
    """Healthy is 0."""
    with ScriptedDaemon(tmp_path / "s", lambda _: ok(body())):
        found = run(tmp_path / "s")
    assert found.exit_code == 0
    assert found.stdout.startswith("pg-prod: coordinator alpha")


def test_json_is_the_answer_itself_and_nothing_else(tmp_path: Path) -> None:
    """The exit code still means the same."""
    with ScriptedDaemon(tmp_path / "s", lambda _: ok(body(coordinator=None))):
        found = run(tmp_path / "s", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout) == body(coordinator=None)


def test_watch_draws_until_the_daemon_is_gone(tmp_path: Path) -> None:
    """The end of the daemon ends it with 3."""
    looks = 0

    def script(_: dict[str, object]) -> Reply:
        nonlocal looks
        looks += 1
        if looks > 2:
            raise ConnectionAbortedError
        return ok(body())

    with ScriptedDaemon(tmp_path / "s", script):
        found = run(tmp_path / "s", "--watch")
    assert found.exit_code == 3
    assert found.stdout.count("pg-prod: coordinator alpha") == 2


def test_status_loads_nothing_that_is_slow() -> None:
    """It is run by every monitoring check, so it must answer within 100 ms."""
    code = (
        "import sys; import watchdog.cli.status; "
        "print([m for m in ('pydantic', 'cryptography', 'asyncio', 'msgpack', 'ssl', "
        "'transitions') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
