"""The guardian's ledger on a real disk: what was saved is found, and damage is told from blank."""

from pathlib import Path

import pytest

from watchdog import slots
from watchdog.guardian.actions import Ledger
from watchdog.guardian.ledger import FILE, LedgerError, LedgerFile

CLUSTER = b"c" * 32


def load(folder: Path, node: str = "alpha") -> tuple[Ledger, str]:
    """Read what is on disk now."""
    return LedgerFile(str(folder), CLUSTER, node).load()


def test_a_new_directory_is_a_clean_ledger(tmp_path: Path) -> None:
    """Nothing was ever on here."""
    assert load(tmp_path) == (Ledger(0, False), "")


def test_what_is_saved_is_found(tmp_path: Path) -> None:
    """Every save is the newest, whichever slot it went to."""
    file = LedgerFile(str(tmp_path), CLUSTER, "alpha")
    file.load()
    for epoch in range(1, 6):
        file.save(Ledger(epoch, dirty=epoch % 2 == 0))
        assert load(tmp_path) == (Ledger(epoch, dirty=epoch % 2 == 0), "")


def test_damage_leaves_a_floor_and_owes_a_hook(tmp_path: Path) -> None:
    """What the newest record said is unknown; the next save mends the file."""
    file = LedgerFile(str(tmp_path), CLUSTER, "alpha")
    file.load()
    file.save(Ledger(7, dirty=False))
    path = tmp_path / FILE
    raw = bytearray(path.read_bytes())
    raw[slots.offset(1) + 60] ^= 1
    path.write_bytes(raw)
    found, note = load(tmp_path)
    assert found == Ledger(7, dirty=True)
    assert "damaged" in note
    file = LedgerFile(str(tmp_path), CLUSTER, "alpha")
    file.load()
    file.save(Ledger(8, dirty=False))
    assert load(tmp_path) == (Ledger(8, False), "")


def test_a_foreign_ledger_is_refused_with_its_owner(tmp_path: Path) -> None:
    """Two nodes on one directory would lend each other epochs."""
    file = LedgerFile(str(tmp_path), CLUSTER, "beta")
    file.load()
    file.save(Ledger(1, dirty=False))
    with pytest.raises(LedgerError, match="node beta"):
        load(tmp_path)


def test_a_ledger_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    """Whole and ours, but longer: guessing would forget an epoch or a hook that is owed."""
    LedgerFile(str(tmp_path), CLUSTER, "alpha").load()
    slot = slots.encode(1, bytes(10), CLUSTER, "alpha")
    (tmp_path / FILE).write_bytes(slot + bytes(slots.SLOT_SIZE))
    with pytest.raises(LedgerError, match=r"10 bytes, not 9: another version"):
        load(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory or a link could lead anywhere."""
    (tmp_path / FILE).mkdir()
    with pytest.raises(LedgerError, match="cannot use"):
        load(tmp_path)
    (tmp_path / FILE).rmdir()
    (tmp_path / FILE).symlink_to("/etc/passwd")
    with pytest.raises(LedgerError, match="cannot use"):
        load(tmp_path)


def test_after_a_failed_save_both_slots_are_written(tmp_path: Path) -> None:
    """A descriptor whose sync failed once may have lost what it says is written."""
    file = LedgerFile(str(tmp_path), CLUSTER, "alpha")
    file.load()
    file.save(Ledger(1, dirty=False))
    import os

    os.close(file._fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.save(Ledger(2, dirty=False))
    file.save(Ledger(3, dirty=True))
    raw = (tmp_path / FILE).read_bytes()
    assert raw.count((3).to_bytes(8, "big") + b"\x01") == 2
