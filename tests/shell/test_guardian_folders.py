"""The data and run directories: made, narrowed, handed over, or refused with the reason."""

import grp
import hashlib
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


def test_the_group_of_the_socket_may_enter_its_directory(tmp_path: Path) -> None:
    """[ipc] group: what is made in it gets the group too, though the node is no member."""
    if os.geteuid() != 0:
        pytest.skip("needs root: changes owners")
    folder = tmp_path / "run"
    folders.prepare_run(str(folder), 65534, 65534, "games")
    games = grp.getgrnam("games").gr_gid
    found = folder.stat()
    assert (found.st_uid, found.st_gid) == (65534, games)
    assert stat.S_IMODE(found.st_mode) == 0o2750
    (folder / "socket").write_text("")
    assert (folder / "socket").stat().st_gid == games


def test_without_a_group_the_directory_is_the_nodes_alone(tmp_path: Path) -> None:
    """As it was before; also when there was a group before."""
    tmp_path.chmod(0o2750)
    folders.prepare_run(str(tmp_path), os.geteuid(), os.getegid(), "")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_an_unknown_group_is_refused_by_name(tmp_path: Path) -> None:
    """With the way to make it."""
    with pytest.raises(folders.FolderError, match="groupadd --system nosuch"):
        folders.prepare_run(str(tmp_path), os.geteuid(), os.getegid(), "nosuch")


def test_state_of_a_run_as_root_is_handed_over(tmp_path: Path) -> None:
    """The directory is right already; the node process of the next run could not read it."""
    if os.geteuid() != 0:
        pytest.skip("needs root: changes owners")
    os.chown(tmp_path, 65534, 65534)
    (tmp_path / "state").write_text("")
    folders.prepare(str(tmp_path), folders.DATA_MODE, 65534, 65534)
    assert (tmp_path / "state").stat().st_uid == 65534
    (tmp_path / "state").unlink()
    (tmp_path / "other").write_text("")
    os.link(tmp_path / "other", tmp_path / "state")
    folders.prepare(str(tmp_path), folders.DATA_MODE, 65534, 65534)
    assert (tmp_path / "other").stat().st_uid == 0


def test_the_tag_is_of_the_directory_and_not_of_a_way_to_it(tmp_path: Path) -> None:
    """Whoever cleans up after a guardian reads the path from the file, links and all."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    digest = hashlib.sha256(str((tmp_path / "data").resolve()).encode()).hexdigest()
    for way in ("data", "link", "link/../data"):
        assert folders.tag_of(str(tmp_path / way)) == digest[:12]
