"""The numbers in words."""

from pathlib import Path

from tests.unit.watchdog.config.samples import GOOD, loaded
from watchdog.config.budget import budget


def test_budget_says_how_long_a_failover_takes(tmp_path: Path) -> None:
    """The figures of the table, for the configured profile."""
    text = "\n".join(budget(loaded(tmp_path).config))
    assert "timing default, scheduling rt" in text
    assert "1.05 s at best, 1.18 s typically, 1.35 s at worst" in text
    assert "tolerated silence: 0.70 s" in text
    assert "no time is kept" in text


def test_budget_says_what_the_hook_costs(tmp_path: Path) -> None:
    """It is the part that the owner can shorten."""
    text = "\n".join(budget(loaded(tmp_path, f'{GOOD}[hooks]\nde_escalation = "/x"\n').config))
    assert "1.76 s at worst" in text
    assert "killed after 0.50 s, which is 28 % of the worst case" in text


def test_budget_of_own_numbers_is_not_called_a_profile(tmp_path: Path) -> None:
    """Whoever compares with the table should know."""
    text = "\n".join(budget(loaded(tmp_path, f'{GOOD}[timing]\nsoft = "1s"\n').config))
    assert text.startswith("timing own, ")
    assert "1.45 s at worst" in text


def test_budget_says_how_soon_each_check_is_down(tmp_path: Path) -> None:
    """Of everything between a failure and the move it is the part that the owner chooses."""
    text = f"""{GOOD}
[check.pg]
process = "/x"
[check.pool]
process = "/x"
absent_for = "2s"
on_fail = "priority:-3"
[[check.web.probe]]
kind = "tcp"
tcp = "127.0.0.1:80"
[[check.web.probe]]
kind = "http"
http = "http://127.0.0.1/"
every = "100ms"
timeout = "100ms"
fails = 1
[check.archive]
log_growth = "/l"
within = "10m"
"""
    assert budget(loaded(tmp_path, text).config)[-4:] == [
        "check pg: DOWN by process at once; then release",
        "check pool: DOWN by process after 2s; then priority:-3",
        "check web: DOWN by tcp within 11 s, http within 0.2 s; then release",
        "check archive: DOWN by log_growth within 611 s; then release",
    ]
