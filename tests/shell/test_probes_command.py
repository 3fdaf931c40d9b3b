"""Probe `command` with programs that behave and programs that do not."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from lifecheck.probes import Outcome, Probe
from tests.shell.probing import cancelled, children, look, once, probe


def _command(*argv: str, style: str = "exit", output: str | None = None) -> Probe:
    return probe("command", argv=list(argv), style=style, output=output)


def _sh(text: str, **options: Any) -> Probe:
    return _command("/bin/sh", "-c", text, **options)


def test_the_conventions_are_applied() -> None:
    """One of each; all codes are in the unit tests."""
    assert once(_command("true")) == (True, "exit code 0")
    assert once(_command("false")) == (False, "exit code 1")
    nagios = _sh("echo 'WARNING - slow'; exit 1", style="nagios")
    assert once(nagios) == (True, "exit code 1 (warning): WARNING - slow")
    assert once(_sh("exit 3", style="lsb")) == (False, "exit code 3 (not running)")
    assert once(_sh("exit 7", style="ocf")) == (False, "exit code 7 (not running)")
    assert once(_sh("echo; echo running", style="heartbeat")).ok


def test_the_output_must_match_as_well() -> None:
    """And only then."""
    assert once(_sh("echo x; echo ready", output="^ready$")).ok
    told = "no '^ready$' in its output: exit code 0: not ready"
    assert once(_sh("echo not ready", output="^ready$")) == (False, told)
    assert not once(_sh("echo ready; exit 1", output="ready")).ok
    evil = once(_sh("printf '%060d' 0 | tr 0 a; echo b", output="(a+)+$"))
    assert "takes longer" in evil.detail


def test_death_by_signal_fails_and_is_named() -> None:
    """Whatever was printed before."""
    outcome = once(_sh("echo OK; kill -SEGV $$", style="heartbeat"))
    assert outcome == (False, "ended by SIGSEGV: OK")


def test_only_the_first_word_is_ever_shown(tmp_path: Path) -> None:
    """Passwords stand among the others."""
    missing = once(_command(str(tmp_path / "check"), "--password", "secret"))
    assert "secret" not in missing.detail

    async def story() -> None:
        assert await cancelled(_command("sleep", "65")) == "running sleep"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda file: None, "no such file"),
        (lambda file: file.mkdir(), "not a file"),
        (lambda file: file.write_text("#!/bin/sh\n"), "not executable"),
        (lambda file: os.mkfifo(file, 0o755), "not a file"),
        (lambda file: (file.write_text("junk"), file.chmod(0o755)), "Exec format error"),
        (
            lambda file: (file.write_text("#!/nowhere/sh\n"), file.chmod(0o755)),
            "No such file or directory",
        ),
    ],
    ids=["missing", "folder", "mode", "fifo", "junk", "interpreter"],
)
def test_what_cannot_be_started_says_why(tmp_path: Path, make: Any, told: str) -> None:
    """The probe fails; lifecheck does not."""
    file = tmp_path / "check"
    make(file)
    outcome = once(_command(str(file)))
    assert not outcome.ok
    assert outcome.detail.endswith(f"cannot be started: {told}")


def test_a_program_that_is_nowhere_in_the_path_says_where_was_looked() -> None:
    """The path is ours, not that of whoever started us."""
    outcome = once(_command("no-such-program"))
    assert outcome.detail.startswith("no-such-program cannot be started: not found in /usr/local")


def test_a_program_that_vanishes_between_two_runs_fails_the_second(tmp_path: Path) -> None:
    """And the first is not remembered."""
    file = tmp_path / "check"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    subject = _command(str(file))

    async def story() -> list[Outcome]:
        first = await look(subject)
        file.unlink()
        return [first, await look(subject)]

    assert [outcome.ok for outcome in asyncio.run(story())] == [True, False]


def test_a_daemon_that_holds_the_output_does_not_hold_the_probe() -> None:
    """Classic trap: reading until the end of the pipe never ends."""
    start = time.monotonic()
    assert once(_sh("sleep 66 & echo started")) == (True, "exit code 0: started")
    assert time.monotonic() - start < 2


def test_a_cancelled_command_is_killed_with_all_its_children(tmp_path: Path) -> None:
    """Also those that ignore SIGTERM and hold the pipe; the next run works at once."""
    before = children()
    pids = tmp_path / "pids"
    text = f"trap '' TERM; sleep 67 & echo $$ $! >> {pids}; wait"

    async def story() -> None:
        subject = _sh(text)
        await cancelled(subject, 0.2)
        await cancelled(subject, 0.2)
        lines = pids.read_text().splitlines()
        assert len(lines) == 2, "each run was a new one"
        await asyncio.sleep(0.1)
        states = {pid: _state(pid) for line in lines for pid in line.split()}
        assert set(states.values()) <= {"gone", "Z"}, states
        subject.close()

    asyncio.run(story())
    assert children() == before


def _state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


def test_a_flood_of_output_is_cancelled_like_anything_else() -> None:
    """And the loop went on turning meanwhile."""

    async def story() -> None:
        await cancelled(_command("yes"), 0.3)

    asyncio.run(story())


def test_a_cancel_while_it_is_being_looked_for_starts_nothing(tmp_path: Path) -> None:
    """The thread's answer comes to nobody."""
    mark = tmp_path / "mark"

    async def story() -> None:
        assert await cancelled(_command("touch", str(mark)), 0) == "running touch"
        await asyncio.sleep(0.1)

    asyncio.run(story())
    assert not mark.exists()
