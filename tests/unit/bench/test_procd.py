"""When the kills of the experiment come, and what is read of other programs."""

import pytest

from bench.procd import CALM_S, busy_percent, queries_per_s, wait_s


def test_kills_are_spread_evenly_over_the_period() -> None:
    """The mean of what a poller needs is half its period; five random kills would not show it."""
    assert [wait_s(30.0, 0.0, n, 5) for n in range(5)] == [3.0, 9.0, 15.0, 21.0, 27.0]


def test_the_period_counts_from_the_last_look() -> None:
    """It may have begun long before the cluster was well again."""
    assert wait_s(30.0, 5.0, 1, 5) == 4.0
    assert wait_s(30.0, 25.0, 1, 5) == 14.0


def test_nobody_is_killed_before_the_cluster_is_calm_again() -> None:
    """Whole periods are waited, so that the place in the period stays."""
    assert [round(wait_s(1.0, 0.0, n, 5) % 1.0, 3) for n in range(5)] == [0.1, 0.3, 0.5, 0.7, 0.9]
    for every_s in (0.0, 1.0, 30.0):
        assert all(wait_s(every_s, 0.7, n, 20) >= CALM_S for n in range(20))


def test_what_is_told_at_once_is_killed_when_calm() -> None:
    """There is no period."""
    assert wait_s(0.0, 0.0, 3, 5) == CALM_S


def test_the_rate_is_read_from_the_last_lines_of_pgbench() -> None:
    """Its other numbers have other names."""
    printed = "latency average = 0.5 ms\ntps = 14704.12 (without initial connection time)\n"
    assert queries_per_s(printed) == pytest.approx(14704.12)
    with pytest.raises(RuntimeError, match="no rate"):
        queries_per_s("pgbench: error")


def test_waiting_for_a_disk_is_not_busy() -> None:
    """Columns: user, nice, system, idle, iowait, irq, softirq, steal, and guests in user again."""
    before = "cpu  0 0 0 0 0 0 0 0 0 0"
    assert busy_percent(before, "cpu  50 0 15 20 10 0 5 0 40 0") == pytest.approx(70.0)
