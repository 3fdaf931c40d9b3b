"""One kill of PostgreSQL as a row."""

from bench.asking import Found
from bench.postgres_killed import kill
from watchdog.cli.demo.timeline import Change

MS = 1_000_000
VIP = "10.77.0.100"
FOUND = Found(1000 * MS, 1035 * MS, "beta", 17)


def test_the_move_counts_from_the_kill_to_the_next_node() -> None:
    """What came before, what went, and the killed node's own addresses say nothing."""
    changes = [
        Change(900 * MS, "beta", True, VIP),
        Change(1004 * MS, "alpha", False, VIP),
        Change(1010 * MS, "alpha", True, VIP),
        Change(1018 * MS, "beta", True, VIP),
        Change(1019 * MS, "gamma", True, VIP),
    ]
    row = kill("alpha", FOUND, changes)
    assert (row["moved_ms"], row["answered_ms"], row["to"], row["asked"]) == (18, 35, "beta", 17)


def test_a_move_that_was_not_seen_is_no_figure() -> None:
    """The answer is there all the same."""
    assert kill("alpha", FOUND, [])["moved_ms"] is None
