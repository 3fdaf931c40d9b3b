"""Probes `log_growth`, `file` and those of resources, on this machine as it is."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from lifecheck.probes import Probe
from tests.shell.probing import look, once, probe


def _growth(path: Path, within_ms: int = 60_000) -> Probe:
    return probe("log_growth", path=str(path), within_ms=within_ms)


def _add(path: Path, text: str) -> None:
    with path.open("a") as writer:
        writer.write(text)


def test_a_log_must_grow_in_time(tmp_path: Path) -> None:
    """The arithmetic is in the unit tests; here is a real file and the real clock."""
    log = tmp_path / "log"
    log.write_text("x")

    async def story() -> None:
        subject = _growth(log, within_ms=50)
        assert (await look(subject)).ok
        await asyncio.sleep(0.06)
        outcome = await look(subject)
        assert not outcome.ok
        assert outcome.detail.startswith(f"{log} has 1 bytes, last growth seen 0.1 s ago"[:100])
        _add(log, "y")
        assert (await look(subject)).ok

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["log_growth", "log_match"])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "does not exist"),
        (Path.mkdir, "not a regular file"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
    ids=["missing", "folder", "fifo", "loop"],
)
def test_what_is_no_log_fails_and_is_said(
    tmp_path: Path, kind: str, make: object, told: str
) -> None:
    """A slip in the path must not look well."""
    path = tmp_path / "log"
    assert callable(make)
    make(path)
    outcome = once(
        _growth(path)
        if kind == "log_growth"
        else probe("log_match", path=str(path), pattern="x", hold_ms=1)
    )
    assert not outcome.ok
    assert told in outcome.detail


def test_a_file_must_be_there_and_new_enough(tmp_path: Path) -> None:
    """By the time of its last change."""
    file = tmp_path / "mark"
    assert once(probe("file", path=str(file), age_max_ms=None)) == (False, f"{file} does not exist")
    file.write_text("x")
    assert once(probe("file", path=str(file), age_max_ms=60_000)).ok
    os.utime(file, (0, time.time() - 100))
    assert not once(probe("file", path=str(file), age_max_ms=60_000)).ok
    assert once(probe("file", path=str(tmp_path), age_max_ms=None)).ok, "a folder is there too"
    below = once(probe("file", path=f"{file}/x", age_max_ms=None))
    assert below == (False, f"{file}/x: Not a directory")
    assert not once(probe("file", path="a\0b", age_max_ms=None)).ok


def test_this_machine_has_a_load_memory_and_a_disk(tmp_path: Path) -> None:
    """Real figures, against limits that are always and never reached."""
    assert once(probe("load", max=1e6, clear=1e6)).ok
    assert not once(probe("load", max=-1.0, clear=-1.0)).ok
    assert once(probe("memory", max_percent=100, clear_percent=90)).ok
    assert not once(probe("memory", max_percent=0, clear_percent=0)).ok
    disk = once(probe("disk", path=str(tmp_path), max_percent=100, clear_percent=90))
    assert disk.ok
    assert f"{tmp_path} " in disk.detail
    missing = once(probe("disk", path="/nowhere", max_percent=100, clear_percent=90))
    assert missing == (False, "/nowhere does not exist")
    no_size = once(probe("disk", path="/proc", max_percent=100, clear_percent=90))
    assert no_size == (False, "looking at /proc: a file system without a size")
