"""How the quick verbs find the daemon, and what they say when it is not there."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ipc.messages import bad, ok
from tests.shell.scripted import ScriptedDaemon
from watchdog.cli import main


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, arguments, env=env)


def config(folder: Path, text: str) -> str:
    """Write a configuration; its path."""
    file = folder / "quorumdog.conf"
    file.write_text(text)
    return str(file)


def test_socket_follows_from_run_dir_and_port_of_the_file(tmp_path: Path) -> None:
    """The same path that the daemon made."""
    file = config(tmp_path, f'[cluster]\nrun_dir = "{tmp_path}"\nport = 9123\n')
    with ScriptedDaemon(tmp_path / ".s.PGPOOLWD_CMD.9123", lambda body: ok({})) as daemon:
        assert run("form", "--config", file).exit_code == 0
    assert daemon.heard == [{"verb": "form"}]


@pytest.mark.parametrize("way", ["environment", "flag"])
def test_environment_and_flag_win_over_the_file(tmp_path: Path, way: str) -> None:
    """The precedence of `run`."""
    file = config(tmp_path, '[cluster]\nrun_dir = "/nowhere"\n')
    env = {"QUORUMDOG__CLUSTER__RUN_DIR": str(tmp_path)} if way == "environment" else None
    flag = ["--set", f"cluster.run_dir={tmp_path}"] if way == "flag" else []
    with ScriptedDaemon(tmp_path / ".s.PGPOOLWD_CMD.9000", lambda body: ok({})):
        assert run("form", "--config", file, *flag, env=env).exit_code == 0


def test_key_of_the_socket_is_sent_when_the_file_names_one(tmp_path: Path) -> None:
    """[ipc] authkey_file, without its line end."""
    (tmp_path / "key").write_text("secret\n")
    file = config(tmp_path, f'[ipc]\nauthkey_file = "{tmp_path}/key"\n')
    with ScriptedDaemon(tmp_path / "s", lambda body: ok({})) as daemon:
        assert run("form", "--config", file, "--socket", str(tmp_path / "s")).exit_code == 0
    assert daemon.heard == [{"verb": "form", "IPCAuthKey": "secret"}]


def test_no_daemon_is_exit_3_with_where_why_and_what_next(tmp_path: Path) -> None:
    """Scripts tell it from a refusal by the code, people by the text."""
    found = run("status", "--socket", str(tmp_path / "none"))
    assert found.exit_code == 3
    assert f"no answer at {tmp_path}/none: No such file or directory" in found.stderr
    assert "`quorumdog run --config" in found.stderr


def test_missing_configuration_is_exit_3_and_names_the_ways_out(tmp_path: Path) -> None:
    """`status` on a machine that has none."""
    found = run("status", "--config", str(tmp_path / "none"))
    assert found.exit_code == 3
    assert f"cannot read {tmp_path}/none: No such file" in found.stderr
    assert "--socket" in found.stderr


def test_configuration_of_others_is_exit_3_and_says_who_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordinary user's first `status`; another --config would not help."""

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    found = run("status", "--config", str(tmp_path / "quorumdog.conf"))
    assert found.exit_code == 3
    assert "Permission denied" in found.stderr
    assert "sudo quorumdog" in found.stderr


def only_for_root(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """Make the configuration unreadable, as it is for members of [ipc] group."""
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != file and may(path, mode))


def test_who_may_open_the_socket_needs_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members of [ipc] group may not enter /etc/quorumdog; the key in there is not theirs."""
    file = config(tmp_path, '[cluster]\nrun_dir = "/nowhere"\n')
    only_for_root(monkeypatch, file)
    with ScriptedDaemon(tmp_path / ".s.PGPOOLWD_CMD.9000", lambda body: ok({})):
        env = {"QUORUMDOG__CLUSTER__RUN_DIR": str(tmp_path)}
        assert run("form", "--config", file, env=env).exit_code == 0
        socket = str(tmp_path / ".s.PGPOOLWD_CMD.9000")
        assert run("form", "--config", file, "--socket", socket).exit_code == 0


def test_broken_configuration_points_to_check(tmp_path: Path) -> None:
    """The quick verbs explain nothing that `check` explains better."""
    found = run("status", "--config", config(tmp_path, "[cluster\n"))
    assert found.exit_code == 3
    assert "quorumdog check --config" in found.stderr


def test_refusal_is_exit_1_with_the_daemons_words(tmp_path: Path) -> None:
    """They are printed without control characters."""
    with ScriptedDaemon(tmp_path / "s", lambda body: bad("not now\x1b[2J")):
        found = run("form", "--socket", str(tmp_path / "s"))
    assert found.exit_code == 1
    assert found.stderr == "quorumdog: form refused: not now?[2J\n"


def test_other_node_than_expected_is_not_taken_for_it(tmp_path: Path) -> None:
    """--node guards a script against asking the wrong machine."""
    with ScriptedDaemon(tmp_path / "s", lambda body: ok({"local": "beta"})):
        found = run("status", "--node", "alpha", "--socket", str(tmp_path / "s"))
    assert found.exit_code == 3
    assert "is beta, not alpha" in found.stderr
