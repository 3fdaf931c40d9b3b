"""The stored membership, as `run` and `check` read it before anything starts."""

import os
from pathlib import Path
from typing import Any

import pytest

from watchdog import slots
from watchdog.cli.stored import stored_members
from watchdog.config.numbers import cluster_id
from watchdog.core.effects import HardState
from watchdog.wire.record import pack_record

MEMBERS = (("a", 1), ("b", 1), ("w", 1))


def plan(folder: Path, cluster: str = "c", node: str = "a") -> dict[str, Any]:
    """What of a plan is looked at."""
    return {"data_dir": str(folder), "cluster_id": cluster_id(cluster).hex(), "node": node}


def write_state(folder: Path) -> bytes:
    """A state of node a with one record."""
    record = HardState(1, 5, None, 1250, bytes(32), MEMBERS)
    slot = slots.encode(1, pack_record(record), cluster_id("c"), "a")
    raw = slot + bytes(slots.FILE_SIZE - len(slot))
    (folder / "state").write_bytes(raw)
    return raw


def test_stored_members_are_read_and_nothing_is_changed(tmp_path: Path) -> None:
    """Reading comes before the daemon has any lock."""
    raw = write_state(tmp_path)
    assert stored_members(plan(tmp_path)) == MEMBERS
    assert (tmp_path / "state").read_bytes() == raw


def test_fresh_node_has_stored_nothing(tmp_path: Path) -> None:
    """No file, an empty one, or one of zeros."""
    assert stored_members(plan(tmp_path)) is None
    for content in (b"", bytes(slots.FILE_SIZE)):
        (tmp_path / "state").write_bytes(content)
        assert stored_members(plan(tmp_path)) is None


@pytest.mark.parametrize(("cluster", "node"), [("other", "a"), ("c", "b")])
def test_state_of_somebody_else_is_not_obeyed(cluster: str, node: str, tmp_path: Path) -> None:
    """The node process refuses it and says whose it is."""
    write_state(tmp_path)
    assert stored_members(plan(tmp_path, cluster, node)) is None


def test_garbage_is_left_to_the_node_process(tmp_path: Path) -> None:
    """It recovers from its peers, which nothing here can."""
    (tmp_path / "state").write_bytes(os.urandom(slots.FILE_SIZE))
    assert stored_members(plan(tmp_path)) is None
    raw = bytearray(write_state(tmp_path))
    raw[slots.SLOT_SIZE] = 1  # the other slot: perhaps a newer record, now damaged
    (tmp_path / "state").write_bytes(raw)
    assert stored_members(plan(tmp_path)) is None
    slot = slots.encode(1, b"no record", cluster_id("c"), "a")
    (tmp_path / "state").write_bytes(slot + bytes(slots.FILE_SIZE - len(slot)))
    assert stored_members(plan(tmp_path)) is None


def test_state_that_is_no_file_never_makes_it_wait(tmp_path: Path) -> None:
    """Opening a pipe would wait for a writer."""
    os.mkfifo(tmp_path / "state")
    assert stored_members(plan(tmp_path)) is None
    (tmp_path / "state").unlink()
    (tmp_path / "state").mkdir()
    assert stored_members(plan(tmp_path)) is None
