"""`check test`: what a check sees here and now, without a daemon."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result

from tests.unit.watchdog.cli.runs import AS_MYSELF, configured, run


def tried(folder: Path, check: str, *more: str) -> Result:
    """`check test c` for one check of that name."""
    file = configured(folder, f"{check}\n")
    return run("check", "--config", file, "test", "c", *(more or AS_MYSELF))


def test_each_probe_says_what_it_sees(tmp_path: Path) -> None:
    """One of them is enough to be DOWN, and the others are still run."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = tried(
            tmp_path,
            f"""[check.c]
on_fail = "report"
[[check.c.probe]]
kind = "tcp"
tcp = "127.0.0.1:{port}"
[[check.c.probe]]
kind = "file"
file = "{tmp_path}/none"
[[check.c.probe]]
kind = "ping"
ping = "127.0.0.1"
""",
        )
    lines = found.output.splitlines()
    assert found.exit_code == 1
    assert lines[0].startswith("c: DOWN (on_fail report, when always")
    assert lines[1].startswith("  up   tcp: ")
    assert lines[2].startswith("  DOWN file: ")
    assert lines[3].startswith(("  up   ping: 127.0.0.1", "  DOWN ping: no socket"))


def test_run_that_takes_too_long_is_ended_at_its_time_out(tmp_path: Path) -> None:
    """And says what it was at."""
    text = '[check.c]\ncommand = ["/bin/sleep", "60"]\ntimeout = "100ms"'
    found = tried(tmp_path, text)
    assert found.exit_code == 1
    assert "DOWN command: timed out after 100 ms: running /bin/sleep" in found.output


def test_processes_that_match_are_listed(tmp_path: Path) -> None:
    """With number and command line; twenty of them, and how many more."""
    mark = f"{tmp_path}/mark"
    words = [sys.executable, "-c", "input()", mark]
    children = [subprocess.Popen(words, stdin=subprocess.PIPE) for _ in range(22)]
    try:
        text = f'[check.c]\nprocess = "{sys.executable} -c input() {mark}"\nmin_count = '
        found = tried(tmp_path, f"{text}22")
        assert found.exit_code == 0, found.output
        assert "up   process: 22 of command line `" in found.output
        assert "; at least 22 wanted" in found.output
        numbers = sorted(child.pid for child in children)
        assert f"{numbers[0]:>7} {sys.executable} -c input() {mark}"[:100] in found.output
        assert "       and 2 more" in found.output.splitlines()
        assert tried(tmp_path, f"{text}23").exit_code == 1
    finally:
        for child in children:
            child.communicate()


def test_each_beginning_is_counted_by_itself(tmp_path: Path) -> None:
    """A service that has lost one of its kinds of process is not whole."""
    found = tried(tmp_path, f'[check.c]\nprocess = ["{sys.executable}", "/nowhere/x"]')
    assert found.exit_code == 1
    assert "0 of command line `/nowhere/x`" in found.output


def test_what_keeps_a_rule_from_seeing_is_said(tmp_path: Path) -> None:
    """Otherwise 'not there' and 'not to be seen' would look the same."""
    found = tried(tmp_path, f'[check.c]\npidfile = "{tmp_path}/none"')
    assert f"pidfile {tmp_path}/none: No such file" in found.output


def test_unknown_check_is_answered_with_those_there_are(tmp_path: Path) -> None:
    """Exit code 2, so that nobody takes it for DOWN."""
    file = configured(tmp_path, '[check.postgres]\nfile = "/x"\n[check.other]\nfile = "/x"\n')
    close = run("check", "test", "postgrs", "--config", file)
    assert (close.exit_code, "did you mean `postgres`?" in close.output) == (2, True)
    far = run("check", "test", "zzz", "--config", file)
    assert (far.exit_code, "there are: postgres, other" in far.output) == (2, True)
    none = run("check", "test", "zzz", "--config", configured(tmp_path))
    assert (none.exit_code, "the file has none" in none.output) == (2, True)


def test_faults_of_the_file_are_all_said(tmp_path: Path) -> None:
    """As by every verb that needs the whole file."""
    found = tried(tmp_path, "[check.c]\nload = 0\nevery = 5")
    assert found.exit_code == 2
    assert "2 faults; nothing was done" in found.output


@pytest.mark.parametrize("user", ["no-such-user", "nobody"])
def test_user_who_cannot_look_is_refused(user: str, tmp_path: Path) -> None:
    """In another process, because a change of the user is for good."""
    file = configured(tmp_path, '[check.c]\nfile = "/"')
    words = ["-m", "watchdog", "check", "--config", file, "test", "c", "--user", user]
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    text = ended.stdout + ended.stderr
    if user == "nobody" and ended.returncode != 2:
        assert "looking as nobody" in text
    else:
        assert ended.returncode == 2
        assert any(word in text for word in ("there is no user", "cannot read", "cannot become"))
