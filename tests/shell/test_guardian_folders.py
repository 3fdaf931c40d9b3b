"""The data and run directories: made, narrowed, handed over, or refused with the reason."""

import os
import stat
from pathlib import Path

import pytest

from watchdog.guardian import folders


def test_a_directory_is_made_with_its_mode(tmp_path: Path) -> None:
    """Data is for the service alone."""
    path = tmp_path / "a" / "data"
    folders.prepare(str(path), folders.DATA_MODE, os.geteuid(), os.getegid())
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_wider_mode_is_narrowed(tmp_path: Path) -> None:
    """Whoever made it."""
    tmp_path.chmod(0o777)
    folders.prepare(str(tmp_path), folders.RUN_MODE, os.geteuid(), os.getegid())
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    """With what to set instead."""
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(folders.FolderError, match=r"cluster\.data_dir"):
        folders.prepare(str(file), folders.DATA_MODE, os.geteuid(), os.getegid())


def test_the_node_gets_its_files_and_we_keep_ours(tmp_path: Path) -> None:
    """When the service's user changes; hard links could be to anything and stay."""
    if os.geteuid() != 0:
        pytest.skip("needs root: changes owners")
    for name in ("node.state", "guardian.ledger", "linked"):
        (tmp_path / name).write_text("")
    os.link(tmp_path / "linked", tmp_path / "linked-too")
    folders.prepare(str(tmp_path), folders.DATA_MODE, 65534, 65534)
    owners = {entry.name: entry.stat().st_uid for entry in tmp_path.iterdir()}
    assert owners["node.state"] == 65534
    assert owners["guardian.ledger"] == 0
    assert owners["linked"] == 0
