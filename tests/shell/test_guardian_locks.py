"""The two locks of a data directory, and the record of processes."""

import os
from pathlib import Path

import pytest

from watchdog.guardian import locks, processes


def test_a_second_guardian_is_told_who_the_first_is(tmp_path: Path) -> None:
    """A lock belongs to the open file, so one process can play both."""
    first = locks.take_guardian_lock(str(tmp_path))
    with pytest.raises(locks.LockedError, match=f"pid {os.getpid()} holds"):
        locks.take_guardian_lock(str(tmp_path))
    os.close(first)
    os.close(locks.take_guardian_lock(str(tmp_path)))


def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    """It would be another file's."""
    (tmp_path / locks.GUARDIAN_LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(locks.LockedError, match="symbolic link"):
        locks.take_guardian_lock(str(tmp_path))


def test_the_record_reads_back_with_start_times(tmp_path: Path) -> None:
    """A number alone may be another process by now."""
    locks.write_record(str(tmp_path), [os.getpid()])
    found = processes.stat_of(os.getpid())
    assert found
    assert locks.read_record(str(tmp_path)) == [(os.getpid(), found.start)]


def test_the_sentinels_record_has_the_mark_too(tmp_path: Path) -> None:
    """It is no record of a node process, and the other way round."""
    locks.write_sentinel(str(tmp_path), os.getpid(), 2**40)
    found = processes.stat_of(os.getpid())
    assert found
    assert locks.read_record(str(tmp_path), locks.SENTINEL_RECORD) == [(os.getpid(), found.start)]
    assert (tmp_path / locks.SENTINEL_RECORD).read_text().split()[2] == str(2**40)
    assert locks.read_record(str(tmp_path)) == []


@pytest.mark.parametrize("text", ["", "x y\n", "1\n", "1 2 3\n", "-1 2\n"])
def test_a_record_that_is_none_names_nobody(tmp_path: Path, text: str) -> None:
    """Better an orphan than an innocent."""
    (tmp_path / locks.RECORD).write_text(text)
    assert locks.read_record(str(tmp_path)) == []


def test_a_record_of_somebody_else_names_nobody(tmp_path: Path) -> None:
    """The directory is the node's: it must not be able to have us kill for it."""
    assert locks.read_record(str(tmp_path)) == []
    (tmp_path / locks.RECORD).symlink_to("/proc/self/stat")
    assert locks.read_record(str(tmp_path)) == []
    if os.geteuid() == 0:
        (tmp_path / locks.RECORD).unlink()
        locks.write_record(str(tmp_path), [os.getpid()])
        os.chown(tmp_path / locks.RECORD, 65534, 65534)
        assert locks.read_record(str(tmp_path)) == []


def test_the_node_lock_is_free_at_first(tmp_path: Path) -> None:
    """No orphans, nobody killed."""
    fd, killed = locks.take_node_lock(str(tmp_path), str(tmp_path))
    os.close(fd)
    assert killed == []


def test_a_node_lock_held_by_an_unknown_process_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is recorded: we must not guess whom to kill."""
    monkeypatch.setattr(locks, "WAITS_MAX", 2)
    fd, _ = locks.take_node_lock(str(tmp_path), str(tmp_path))
    with pytest.raises(locks.LockedError, match="fuser"):
        locks.take_node_lock(str(tmp_path), str(tmp_path))
    os.close(fd)
