"""Users: found, judged by what they can read, and the words that make somebody one."""

from pathlib import Path

from watchdog.guardian import users

STRANGER = users.Account("stranger", 54321, 54321, (54321,))


def test_root_is_found_and_nobody_is_not_everybody() -> None:
    """By the machine's own list."""
    root = users.find("root")
    assert root
    assert root.uid == 0
    assert users.find("no-such-user-here") is None


def test_a_stranger_reads_what_the_modes_allow(tmp_path: Path) -> None:
    """Every directory on the way must let them pass."""
    shown = tmp_path / "shown"
    shown.write_text("")
    folders = [tmp_path, *list(tmp_path.parents)[:-1]]
    closed = users.unreadable(STRANGER, [str(shown)])
    modes = [folder.stat().st_mode & 0o001 for folder in folders]
    assert bool(closed) == (not all(modes))
    root = users.Account("root", 0, 0, (0,))
    assert users.unreadable(root, [str(shown)]) == ""
    assert users.unreadable(STRANGER, ["/usr/bin"]) == ""


def test_owner_and_group_count_before_others(tmp_path: Path) -> None:
    """As the kernel does it: the first class that fits decides."""
    file = tmp_path / "file"
    file.write_text("")
    status = file.stat()
    file.chmod(0o044)
    owner = users.Account("owner", status.st_uid or 1, 1, (1,))
    if status.st_uid:
        assert users.unreadable(owner, [str(file)]) == str(file)
    file.chmod(0o404)
    member = users.Account("member", 54321, status.st_gid, (status.st_gid,))
    assert users.unreadable(member, [str(file)])


def test_the_words_drop_everything_or_only_the_user() -> None:
    """The node keeps no capability at all; hooks may have been given some."""
    words = users.prefix(STRANGER, keeps_nothing=True)
    assert "--reuid=54321" in words
    assert "--no-new-privs" in words
    assert words[-1] == "--"
    assert "--no-new-privs" not in users.prefix(STRANGER, keeps_nothing=False)
