"""Key, certificates and hooks as they are on this machine."""

import os
from pathlib import Path

import pytest

from tests.unit.watchdog.config.samples import GOOD, loaded
from watchdog.config.errors import Problem
from watchdog.config.files import check_warnings, hook_warnings, key_problems, pki_problems

RANDOM = bytes(range(7, 250, 7))[:32]
AUTHKEY = 'authkey_file = "{}"\n[nodes]'


def problems_of_key(folder: Path, value: str, env: dict[str, str] | None = None) -> list[Problem]:
    """What is wrong with the key that `authkey_file = value` names."""
    text = GOOD.replace("[nodes]", AUTHKEY.format(value))
    return list(key_problems(loaded(folder, text).config, env or {}))


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    """Write a key."""
    file = folder / "authkey"
    file.write_bytes(content)
    file.chmod(mode)
    return str(file)


@pytest.mark.parametrize("content", [RANDOM, RANDOM * 128, RANDOM + b"\n"], ids=len)
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_random_key_that_only_its_owner_reads_is_accepted(
    content: bytes, mode: int, tmp_path: Path
) -> None:
    """At least 32 bytes."""
    assert problems_of_key(tmp_path, key_file(tmp_path, content, mode)) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has 0 bytes; it needs 32 to 4096"),
        (RANDOM[:31], "has 31 bytes"),
        (RANDOM * 129, "has over 4096 bytes"),
        (b"correct horse battery staple and more", "is text or a pattern"),
        (b"0123456789abcdef" * 4 + b"\n", "is text or a pattern"),
        (bytes(32), "is text or a pattern"),
        (b"\xff\x00" * 40, "is text or a pattern"),
    ],
    ids=range(7),
)
def test_key_that_can_be_guessed_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    """A stranger who connects once can try keys offline."""
    (problem,) = problems_of_key(tmp_path, key_file(tmp_path, content))
    assert sentence in problem.what
    assert "quorumdog key gen" in problem.hint
    assert "horse" not in problem.what


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601, 0o777])
def test_key_that_others_can_touch_is_refused(mode: int, tmp_path: Path) -> None:
    """Whoever has it is a node."""
    (problem,) = problems_of_key(tmp_path, key_file(tmp_path, RANDOM, mode))
    assert f"has mode {mode:04o}" in problem.what
    assert problem.hint.startswith("chmod 600 ")


def test_key_that_is_missing_or_no_file_is_refused(tmp_path: Path) -> None:
    """With the command that makes one."""
    (missing,) = problems_of_key(tmp_path, f"{tmp_path}/none")
    assert "cannot be read: No such file" in missing.what
    (folder,) = problems_of_key(tmp_path, str(tmp_path))
    assert "is no regular file" in folder.what
    os.mkfifo(tmp_path / "fifo")
    (fifo,) = problems_of_key(tmp_path, f"{tmp_path}/fifo")
    assert "is no regular file" in fifo.what


def test_key_may_be_a_credential_of_systemd(tmp_path: Path) -> None:
    """It is handed over in a directory that only the service sees."""
    key_file(tmp_path, RANDOM, 0o440)
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert problems_of_key(tmp_path, "credential:authkey", env) == []
    (problem,) = problems_of_key(tmp_path, "credential:authkey")
    assert "systemd has handed over no credentials" in problem.what


def test_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """The certificates may be public."""
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("pem")
        (tmp_path / name).chmod(0o644)
    table = f'pki = {{ ca = "{tmp_path}/ca", cert = "{tmp_path}/cert", key = "{tmp_path}/key" }}'
    config = loaded(tmp_path, GOOD.replace("[nodes]", f"{table}\n[nodes]")).config
    (problem,) = pki_problems(config)
    assert problem.path == ("cluster", "pki", "key")
    assert "has mode 0644" in problem.what
    (tmp_path / "cert").unlink()
    assert [problem.path[-1] for problem in pki_problems(config)] == ["cert", "key"]


def test_without_pki_there_is_nothing_to_find(tmp_path: Path) -> None:
    """The ordinary mode."""
    assert list(pki_problems(loaded(tmp_path).config)) == []


@pytest.mark.parametrize(
    ("mode", "folder_mode", "sentence"),
    [
        (0o755, 0o755, None),
        (0o700, 0o1777, None),
        (0o644, 0o755, "is not executable"),
        (0o757, 0o755, "can be written by every user"),
        (0o755, 0o777, "can be written by every user"),
    ],
)
def test_hook_that_will_not_run_is_a_warning(
    mode: int, folder_mode: int, sentence: str | None, tmp_path: Path
) -> None:
    """Before the night in which it is needed."""
    place = tmp_path / "hooks"
    place.mkdir()
    (place / "go").write_text("#!/bin/sh\n")
    (place / "go").chmod(mode)
    place.chmod(folder_mode)
    config = loaded(tmp_path, f'{GOOD}[hooks]\nescalation = "{place}/go"\n').config
    found = [problem.what for problem in hook_warnings(config)]
    assert len(found) == (sentence is not None)
    assert sentence is None or sentence in found[0]


def test_missing_hook_is_a_warning(tmp_path: Path) -> None:
    """Also one that is a directory."""
    text = f'{GOOD}[hooks]\nescalation = "/nowhere/x"\nstate_change = ["{tmp_path}", "a"]\n'
    first, second = [problem.what for problem in hook_warnings(loaded(tmp_path, text).config)]
    assert "escalation hook /nowhere/x cannot be run: No such file" in first
    assert "is no regular file" in second


def test_what_a_probe_looks_at_and_is_not_there_is_a_warning(tmp_path: Path) -> None:
    """A misspelt path would take the VIP away; that a file is missing may be the question."""
    wrong = 'disk = "/nowhere/d"\n', 'log_growth = "/nowhere/g"\n', 'file = "/nowhere/f"\n'
    match = f'[check.m]\nlog_match = "{tmp_path}/x"\npattern = "x"\n'
    text = "".join(f"[check.{name}]\n{line}" for name, line in zip("dgf", wrong, strict=True))
    found = [
        problem.what
        for problem in check_warnings(loaded(tmp_path, GOOD + text + match).config, None)
    ]
    assert found == [
        "[check.d] disk /nowhere/d: No such file or directory",
        "[check.g] log_growth /nowhere/g: No such file or directory",
        f"[check.m] log_match {tmp_path}/x: No such file or directory",
    ]


def programs(folder: Path, node: str | None = "alpha") -> list[Problem]:
    """Warnings about two programs in `folder`: one that a check runs, one that restarts."""
    text = f"""{GOOD}
[check.a]
command = ["{folder}/look", "x"]
[check.b]
on_fail = "restart"
restart = ["{folder}/again"]
[[check.b.probe]]
kind = "command"
command = "{folder}/look"
"""
    return list(check_warnings(loaded(folder, text).config, node))


def test_program_of_a_check_that_will_not_run_is_a_warning(tmp_path: Path) -> None:
    """A check that cannot look is DOWN from its first run on."""
    assert [problem.path for problem in programs(tmp_path)] == [
        ("check", "a", "command"),
        ("check", "b", "restart"),
        ("check", "b", "probe[1]", "command"),
    ]
    for name in ("look", "again"):
        (tmp_path / name).write_text("#!/bin/sh\n")
    assert all("is not executable" in problem.what for problem in programs(tmp_path))
    for name in ("look", "again"):
        (tmp_path / name).chmod(0o755)
    assert programs(tmp_path) == []


def test_restart_that_others_could_exchange_is_a_warning(tmp_path: Path) -> None:
    """The guardian runs it as root; a probe's program runs as the daemon's user."""
    for name in ("look", "again"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o757)
    (problem,) = programs(tmp_path)
    assert "[check.b] restart" in problem.what
    assert "can be written by every user" in problem.what


def test_witness_runs_no_program_of_a_check(tmp_path: Path) -> None:
    """So it may lack them; on a machine that is no node they are looked for."""
    assert programs(tmp_path, "gamma") == []
    assert len(programs(tmp_path, None)) == 3
