"""The numbers in words."""

from pathlib import Path

import pytest

from tests.unit.watchdog.config.samples import GOOD, loaded
from watchdog.config.budget import budget

HOOK = '[hooks]\nde_escalation = "/x"\n'
NORMAL = 'scheduling = "normal"\n'
DEVICE = 'watchdog_device = "/dev/watchdog"\n'
WATCHED = f'timing = "watchdog"\n{DEVICE}'


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


TABLE = [
    ("default", "", "", "1.05 s at best, 1.18 s typically, 1.35 s at worst"),
    ("default", "", HOOK, "1.46 s at best, 1.59 s typically, 1.76 s at worst"),
    ("default", NORMAL + 'gate = "none"', "", "1.25 s at best, 1.38 s typically, 1.55 s at worst"),
    ("default", NORMAL, "", "1.55 s at best, 1.68 s typically, 1.85 s at worst"),
    ("fast", "", "", "0.49 s at best, 0.56 s typically, 0.67 s at worst"),
    ("fast", "", HOOK, "0.66 s at best, 0.73 s typically, 0.85 s at worst"),
    ("extreme", "", "", "0.18 s at best, 0.21 s typically, 0.28 s at worst"),
    ("extreme", "", HOOK, "0.21 s at best, 0.24 s typically, 0.31 s at worst"),
    ("wan", "", "", "5.90 s at best, 6.66 s typically, 7.86 s at worst"),
    ("wan", "", HOOK, "6.30 s at best, 7.06 s typically, 8.26 s at worst"),
    ("watchdog", DEVICE, "", "2.27 s at best, 2.40 s typically, 2.57 s at worst"),
    ("watchdog", DEVICE, HOOK, "2.27 s at best, 2.40 s typically, 2.57 s at worst"),
]


@pytest.mark.parametrize(("profile", "cluster", "tables", "outage"), TABLE)
def test_every_profile_has_the_outage_of_the_table(
    profile: str, cluster: str, tables: str, outage: str, tmp_path: Path
) -> None:
    """What `check` prints is what people hold against the clock."""
    text = GOOD.replace("[nodes]", f'timing = "{profile}"\n{cluster}\n[nodes]') + tables
    assert outage in budget(loaded(tmp_path, text).config)[1]


@pytest.mark.parametrize(
    ("cluster", "sentence"),
    [
        ("", "kernel gate: counted, where it works; a round may open it for 0.20 s (ticket)"),
        ('gate = "nft"', "kernel gate: counted, on every node, or it refuses to start; "),
        ('gate = "none"', "kernel gate: none; a frozen machine's VIP may answer beyond hard"),
        (NORMAL, "a round may open it for 0.49 s (ticket)"),
        ("", "hardware watchdog: none"),
        (WATCHED, "hardware watchdog: /dev/watchdog resets a coordinator that has stood still"),
        ('self_fence = "sysrq"', "hardware watchdog: none; sysrq resets a node that cannot go off"),
        (
            f'self_fence = "watchdog"\n{WATCHED}',
            "has stood still for 2 s; it also resets a node that cannot go off",
        ),
    ],
)
def test_budget_says_what_works_when_no_process_does(
    cluster: str, sentence: str, tmp_path: Path
) -> None:
    """Each layer below the daemon, or that it is not there."""
    text = GOOD.replace("[nodes]", f"{cluster}\n[nodes]")
    assert any(sentence in line for line in budget(loaded(tmp_path, text).config))


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
