"""Where the socket may be made; serving clients is tests/shell/test_ipc_server.py."""

import os
import stat
from pathlib import Path

import pytest

from ipc.binding import SocketPathError, bind


def test_socket_is_made_for_owner_and_group_only(tmp_path: Path) -> None:
    """Others on the machine have no business with the cluster."""
    path = tmp_path / "s"
    with bind(path, os.getegid()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_stale_socket_of_ours_is_replaced(tmp_path: Path) -> None:
    """A daemon that was killed leaves one behind."""
    path = tmp_path / "s"
    bind(path).close()
    with bind(path):
        assert path.is_socket()


def test_socket_that_somebody_serves_is_left_alone(tmp_path: Path) -> None:
    """A second daemon must not steal the first one's clients."""
    path = tmp_path / "s"
    with bind(path), pytest.raises(SocketPathError, match="another daemon"):
        bind(path)


def test_file_in_the_way_is_never_removed(tmp_path: Path) -> None:
    """Nothing is unlinked by name alone."""
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(SocketPathError, match="not a socket of ours"):
        bind(path)
    assert path.read_text() == "precious"


def test_symlink_in_the_way_is_never_followed(tmp_path: Path) -> None:
    """It could point at a socket of somebody else."""
    with bind(tmp_path / "other"):
        (tmp_path / "s").symlink_to(tmp_path / "other")
        with pytest.raises(SocketPathError, match="not a socket of ours"):
            bind(tmp_path / "s")


def test_path_too_long_for_the_kernel_is_refused_by_name(tmp_path: Path) -> None:
    """The kernel's own message does not say what the limit is."""
    with pytest.raises(SocketPathError, match="107 bytes"):
        bind(tmp_path / ("x" * 108))


def test_missing_directory_is_named(tmp_path: Path) -> None:
    """What, where, why, and what to look at."""
    with pytest.raises(SocketPathError, match="No such file"):
        bind(tmp_path / "none" / "s")
