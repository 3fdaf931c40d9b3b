"""Words for what stands in the place of the state file."""

import stat

import pytest

from watchdog.shell.disk import kind_of


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (stat.S_IFDIR, "a directory"),
        (stat.S_IFIFO, "a fifo"),
        (stat.S_IFSOCK, "a socket"),
        (stat.S_IFREG, "a file"),
        (stat.S_IFCHR, "a device"),
        (stat.S_IFBLK, "a device"),
    ],
)
def test_every_kind_of_file_has_its_words(mode: int, words: str) -> None:
    """The operator must be told what to move away."""
    assert kind_of(mode | 0o600) == words
