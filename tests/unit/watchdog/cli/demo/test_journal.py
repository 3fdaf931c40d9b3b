"""The file of raw observations: appended by many, read in the order of time."""

from pathlib import Path

import pytest

from watchdog.cli.demo.journal import Journal, read


def test_observations_come_back_in_the_order_of_time(tmp_path: Path) -> None:
    """Writers are several processes; what was seen first comes first."""
    one, other = Journal(tmp_path / "file"), Journal(tmp_path / "file")
    one.write("late", 20, node="a")
    other.write("early", 10)
    one.write_all([{"t": 20, "kind": "same instant"}, {"t": 30, "kind": "last"}])
    one.close()
    other.close()
    assert [o["kind"] for o in read(tmp_path / "file")] == ["early", "late", "same instant", "last"]


def test_an_observation_without_a_time_was_seen_now(tmp_path: Path) -> None:
    """Two in a row are in order."""
    journal = Journal(tmp_path / "file")
    journal.write("first")
    journal.write("second")
    journal.close()
    first, second = read(tmp_path / "file")
    assert 0 < first["t"] <= second["t"]


def test_a_damaged_file_is_no_story(tmp_path: Path) -> None:
    """Half a line means that a figure would be computed from half of what was seen."""
    (tmp_path / "file").write_text('{"t": 1, "kind"', encoding="utf-8")
    with pytest.raises(ValueError, match="delimiter"):
        read(tmp_path / "file")
