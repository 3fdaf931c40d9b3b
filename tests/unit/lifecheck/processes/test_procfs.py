"""Texts of /proc, as the kernel writes them."""

import pytest

from lifecheck.processes.procfs import Stat, parse_stat

FIELDS = b"S 1 7 7 0 -1 4194564 100 0 0 0 1 2 0 0 20 0 3 0 4242 1000000 25 18446744073709551615"


@pytest.mark.parametrize("name", [b"sleep", b"a b", b"x) S 1 (", b"()", b"\xff\xfe"])
def test_a_name_may_hold_anything(name: bytes) -> None:
    """A process calls itself what it likes, brackets and blanks too."""
    found = parse_stat(b"7 (" + name + b") " + FIELDS)
    assert found is not None
    assert found._replace(rss=0) == Stat("S", 4194564, 3, 0)
    assert found.rss % 25 == 0


@pytest.mark.parametrize(
    "line", [b"", b"7 (x", b"7 (x) S 1", b"7 (x) " + b"x " * 30, b"7 (x) " + b"\xff " * 30]
)
def test_a_process_that_ended_meanwhile_is_nothing(line: bytes) -> None:
    """The file is empty or the read failed."""
    assert parse_stat(line) is None
