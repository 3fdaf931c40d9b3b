"""`quorumdog switchover`: what is sent, and what --wait waits for."""

from pathlib import Path

from click.testing import CliRunner, Result

from ipc.messages import Reply, bad, ok
from tests.shell.scripted import ScriptedDaemon
from watchdog.cli import main


def run(socket: Path, *arguments: str) -> Result:
    """Run the verb in this process."""
    return CliRunner().invoke(main, ["switchover", "--socket", str(socket), *arguments])


class Cluster:
    """Says that alpha leads until it has been asked `late` times after the switchover."""

    def __init__(self, late: int = 0) -> None:
        self.late = late
        self.has_moved = False

    def __call__(self, body: dict[str, object]) -> Reply:
        """Answer one request."""
        if body["verb"] == "switchover":
            self.has_moved = not body["dry_run"]
            return ok({"MESSAGE": "handing over to beta"})
        if not self.has_moved:
            return ok({"coordinator": "alpha"})
        self.late -= 1
        return ok({"coordinator": None if self.late >= 0 else "beta"})


def test_request_carries_target_reason_and_dry_run(tmp_path: Path) -> None:
    """And the answer is printed."""
    with ScriptedDaemon(tmp_path / "s", Cluster()) as daemon:
        found = run(tmp_path / "s", "--to", "beta", "--reason", "kernel", "--dry-run")
    assert (found.exit_code, found.stdout) == (0, "handing over to beta\n")
    assert daemon.heard[-1] == {
        "verb": "switchover",
        "to": "beta",
        "reason": "kernel",
        "dry_run": True,
    }


def test_wait_returns_when_another_coordinator_is_known(tmp_path: Path) -> None:
    """The moment without one is not the end."""
    with ScriptedDaemon(tmp_path / "s", Cluster(late=3)):
        found = run(tmp_path / "s", "--wait")
    assert found.exit_code == 0
    assert found.stdout == "handing over to beta\ncoordinator is beta\n"


def test_another_taker_than_wanted_is_exit_1(tmp_path: Path) -> None:
    """A script must not go on to take gamma's place for beta's."""
    with ScriptedDaemon(tmp_path / "s", Cluster()):
        found = run(tmp_path / "s", "--to", "gamma", "--wait")
        assert run(tmp_path / "s", "--to", "beta").exit_code == 0
    assert found.exit_code == 1
    assert "beta took the place, not gamma" in found.stderr


def test_refusal_is_exit_1_with_the_reason(tmp_path: Path) -> None:
    """Nothing is waited for."""

    def script(body: dict[str, object]) -> Reply:
        if body["verb"] == "status":
            return ok({"coordinator": "alpha"})
        return bad("beta is not eligible: standing down")

    with ScriptedDaemon(tmp_path / "s", script):
        found = run(tmp_path / "s", "--to", "beta", "--wait")
    assert found.exit_code == 1
    assert found.stderr == "quorumdog: switchover refused: beta is not eligible: standing down\n"
