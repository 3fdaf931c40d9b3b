"""Which hook files may be run, on real files."""

from pathlib import Path

import pytest

from watchdog.guardian import hook_files


def make(folder: Path, mode: int = 0o755) -> Path:
    """Make a file that could be a hook."""
    folder.chmod(0o755)
    file = folder / "hook"
    file.write_text("#!/bin/sh\n")
    file.chmod(mode)
    return file


def judge(path: Path | str) -> str:
    """Say why the hook is refused, trusting root and us."""
    import os

    return hook_files.fault((str(path), "argument"), {0, os.geteuid()})


def test_a_plain_executable_file_is_accepted(tmp_path: Path) -> None:
    """Also below /tmp: its sticky bit protects what we own there."""
    assert judge(make(tmp_path)) == ""


@pytest.mark.parametrize(
    ("mode", "words"),
    [(0o644, "chmod +x"), (0o777, "chmod go-w"), (0o775, "chmod go-w"), (0o6755, "chmod ug-s")],
)
def test_a_mode_that_is_dangerous_is_refused(tmp_path: Path, mode: int, words: str) -> None:
    """With the command that mends it."""
    assert words in judge(make(tmp_path, mode))


def test_a_directory_where_others_may_write_is_refused(tmp_path: Path) -> None:
    """Whoever can rename can replace."""
    folder = tmp_path / "open"
    folder.mkdir()
    file = make(folder)
    folder.chmod(0o777)
    assert f"{folder} is writable" in judge(file)
    folder.chmod(0o1777)
    assert judge(file) == ""


def test_links_are_followed_and_both_ways_to_the_file_are_judged(tmp_path: Path) -> None:
    """A good link to a bad place is bad, and so is a bad link to a good place."""
    folder = tmp_path / "open"
    folder.mkdir()
    file = make(tmp_path)
    link = folder / "link"
    link.symlink_to(file)
    folder.chmod(0o777)
    assert "is writable" in judge(link)
    folder.chmod(0o755)
    assert judge(link) == ""


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Missing, a directory, or not even a full path."""
    assert "put the file there" in judge(tmp_path / "missing")
    assert "not a regular file" in judge(tmp_path)
    assert "absolute path" in judge("hook")


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """Its owner could change it at any time."""
    file = make(tmp_path)
    assert "belongs to uid" in hook_files.fault((str(file),), {12345})
