"""Figures of the machine, and their hysteresis."""

import pytest

from lifecheck.probes.resources import Limit, disk_used_percent, memory_used_percent


def test_a_failed_limit_stays_failed_until_the_figure_is_clear() -> None:
    """Otherwise a figure that hovers at the limit moves the service to and fro."""
    limit = Limit(90, 80)
    figures = [89, 90, 91, 90, 81, 80, 85, 90, 91]
    found = [limit.judge(figure, "x").ok for figure in figures]
    assert found == [True, True, False, False, False, True, True, True, False]


def test_the_detail_says_figure_and_limit() -> None:
    """And which of the two limits counts now."""
    limit = Limit(90, 80)
    assert limit.judge(91, "memory 91 % used").detail == "memory 91 % used, at most 90"
    assert limit.judge(85, "memory 85 % used").detail == "memory 85 % used, again well at 80"


def test_memory_counts_what_could_be_had() -> None:
    """Caches are not used memory."""
    text = "MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:    250 kB\n\nodd\n"
    assert memory_used_percent(text) == 75.0
    assert memory_used_percent("MemTotal: 0 kB\nMemAvailable: 0 kB") == 100.0


@pytest.mark.parametrize("text", ["", "MemTotal: 5 kB", "MemTotal: x kB\nMemAvailable: 1 kB"])
def test_what_is_no_meminfo_is_said(text: str) -> None:
    """Never a figure out of nothing."""
    with pytest.raises(ValueError, match=r"\w"):
        memory_used_percent(text)


@pytest.mark.parametrize(
    ("blocks", "free", "available", "percent"),
    [(1000, 500, 450, 53), (1000, 1000, 950, 0), (1000, 50, 0, 100), (100, 50, 50, 50)],
)
def test_disk_counts_as_df_does(blocks: int, free: int, available: int, percent: int) -> None:
    """Rounded up, and what only root may use is not there."""
    assert disk_used_percent(blocks, free, available) == percent


def test_a_file_system_without_blocks_has_no_percentage() -> None:
    """/proc is one."""
    with pytest.raises(ValueError, match="size"):
        disk_used_percent(0, 0, 0)
