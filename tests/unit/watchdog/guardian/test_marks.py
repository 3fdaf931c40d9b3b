"""The mark in the text of the kernel."""

import pytest

from watchdog.guardian.marks import mark_in

LIMITS = b"""Limit                     Soft Limit           Hard Limit           Units
Max locked memory         8388608              8388608              bytes
Max file locks            5                    4294967297           locks
Max pending signals       96365                96365                signals
"""


def test_the_hard_limit_is_the_mark() -> None:
    """A program may lower its soft limit and raise it again; only the hard one stays."""
    assert mark_in(LIMITS) == 4294967297


@pytest.mark.parametrize(
    "text",
    [
        b"",
        LIMITS.replace(b"4294967297", b"unlimited"),
        LIMITS.replace(b"4294967297           locks", b""),
        b"Max file locks",
    ],
)
def test_whoever_has_none_is_not_marked(text: bytes) -> None:
    """Zero is nobody's mark."""
    assert mark_in(text) == 0
