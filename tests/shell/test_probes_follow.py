"""Following a log through everything that happens to logs."""

import os
from pathlib import Path

import pytest

from lifecheck.probes.follow import BEHIND_MAX, CHUNK, JUMP_TO, Follower


def _new(follower: Follower) -> list[bytes]:
    """Everything that is new, read as the probe reads it."""
    found = []
    for _ in range(100):
        follower.read()
        batch = follower.take()
        found += batch.lines
        if not batch.more:
            return found
    raise AssertionError("there is always more")


def _add(file: Path, text: str) -> None:
    with file.open("a") as writer:
        writer.write(text)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with a line of yesterday."""
    file = tmp_path / "log"
    file.write_text("old\n")
    return file


def test_only_what_is_written_from_now_on_is_read(log: Path) -> None:
    """The fault of yesterday is over."""
    follower = Follower(str(log))
    assert _new(follower) == []
    _add(log, "a\nb\nc")
    assert _new(follower) == [b"a", b"b"]
    _add(log, "d\n")
    assert _new(follower) == [b"cd"]
    follower.close()


def test_a_renamed_log_is_read_to_its_end_and_then_the_new_one(log: Path) -> None:
    """Between the last look and the rotation something was written too."""
    follower = Follower(str(log))
    _new(follower)
    _add(log, "last\ncut")
    log.rename(log.with_suffix(".1"))
    _add(log.with_suffix(".1"), "?\nlate\n")
    log.write_text("first\n")
    assert _new(follower) == [b"last", b"cut?", b"late", b"first"]
    follower.close()


def test_a_log_that_goes_away_and_comes_back_is_read_from_its_beginning(log: Path) -> None:
    """Some programs make it again only when they have something to say."""
    follower = Follower(str(log))
    _new(follower)
    log.unlink()
    assert _new(follower) == []
    assert _new(follower) == []
    log.write_text("new\n")
    assert _new(follower) == [b"new"]
    follower.close()


def test_an_emptied_log_is_read_from_its_beginning(log: Path) -> None:
    """copytruncate."""
    follower = Follower(str(log))
    _new(follower)
    _add(log, "a long line\ncut")
    _new(follower)
    os.truncate(log, 0)
    assert _new(follower) == [b"cut"]
    _add(log, "b\n")
    assert _new(follower) == [b"b"]
    follower.close()


def test_a_log_that_comes_late_is_read_whole(tmp_path: Path) -> None:
    """It was not there before; and until then the reader is told."""
    log = tmp_path / "log"
    follower = Follower(str(log))
    with pytest.raises(FileNotFoundError):
        follower.read()
    log.write_text("a\n")
    assert _new(follower) == [b"a"]
    follower.close()


def test_what_nobody_took_is_not_read_again_and_not_lost(log: Path) -> None:
    """A run may be cancelled between reading and looking."""
    follower = Follower(str(log))
    _new(follower)
    _add(log, "a\n")
    follower.read()
    _add(log, "b\n")
    follower.read()
    assert follower.take().lines == [b"a"]
    assert _new(follower) == [b"b"]
    follower.close()


def test_much_is_read_in_parts(log: Path) -> None:
    """The loop gets its turn in between."""
    follower = Follower(str(log))
    _new(follower)
    _add(log, "0123456\n" * (CHUNK // 4))
    follower.read()
    batch = follower.take()
    assert batch.more
    assert len(batch.lines) == CHUNK // 8
    assert len(_new(follower)) == CHUNK // 8
    follower.close()


def test_a_log_that_grows_faster_than_it_can_be_read_is_jumped_through(log: Path) -> None:
    """What it says now matters more than what it said; the reader is told."""
    follower = Follower(str(log))
    _new(follower)
    with log.open("r+b") as writer:
        writer.truncate(BEHIND_MAX + 100)  # a hole: it costs nothing
        writer.seek(0, os.SEEK_END)
        writer.write(b"\nnow\n")
    follower.read()
    assert "grows too fast" in follower.take().note
    assert _new(follower)[-1:] == [b"now"]
    assert follower._position - (log.stat().st_size - JUMP_TO) == JUMP_TO
    follower.close()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_what_is_no_file_is_refused_without_being_opened(tmp_path: Path, make: object) -> None:
    """Opening a fifo waits for a writer, and wakes one; some devices start things."""
    assert callable(make)
    make(tmp_path / "log")
    with pytest.raises(ValueError, match="not a regular file"):
        Follower(str(tmp_path / "log")).read()


def test_a_log_that_becomes_a_folder_is_refused_too(log: Path) -> None:
    """Whatever somebody did there."""
    follower = Follower(str(log))
    _new(follower)
    log.unlink()
    log.mkdir()
    with pytest.raises(ValueError, match="not a regular file"):
        follower.read()
    follower.close()
