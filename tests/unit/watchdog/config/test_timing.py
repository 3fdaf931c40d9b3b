"""The table of the design, number by number, and each inequality broken on purpose."""

import pytest

from watchdog.config import timing
from watchdog.core.settings import promise_covers

NAMES = (
    "beacon", "repeat", "soft", "deesc", "drop", "slack", "ticket", "hard", "promise",
    "slot", "jitter", "window", "reach", "vote_wait", "retry_min", "retry_max", "min_left",
)  # fmt: skip

DEFAULT_TAIL = (100, 30, 200, 700, 400, 50, 150, 360)
FAST_TAIL = (60, 15, 120, 350, 200, 30, 90, 160)
EXTREME_TAIL = (40, 5, 80, 100, 100, 10, 40, 50)
WAN_TAIL = (750, 100, 1500, 4000, 2000, 250, 750, 2000)

ROWS = {
    ("default", False, "rt"): (200, 50, 900, 0, 100, 100, 200, 1200, 1250, *DEFAULT_TAIL),
    ("default", True, "rt"): (200, 50, 900, 500, 100, 100, 600, 1600, 1660, *DEFAULT_TAIL),
    ("default", False, "nice"): (200, 50, 900, 0, 100, 100, 200, 1200, 1250, *DEFAULT_TAIL),
    ("default", False, "normal"): (200, 50, 900, 0, 100, 300, 200, 1400, 1450, *DEFAULT_TAIL),
    ("fast", False, "rt"): (100, 25, 420, 0, 50, 50, 80, 550, 585, *FAST_TAIL),
    ("fast", True, "rt"): (100, 25, 420, 200, 50, 50, 250, 720, 760, *FAST_TAIL),
    ("fast", False, "nice"): (100, 25, 420, 0, 50, 80, 80, 580, 615, *FAST_TAIL),
    ("extreme", False, "rt"): (25, 8, 130, 0, 10, 20, 30, 180, 205, *EXTREME_TAIL),
    ("extreme", True, "rt"): (25, 8, 130, 50, 10, 20, 60, 210, 235, *EXTREME_TAIL),
    ("wan", False, "rt"): (1000, 250, 5000, 0, 100, 100, 1500, 6600, 6800, *WAN_TAIL),
    ("wan", True, "rt"): (1000, 250, 5000, 1800, 100, 100, 1900, 7000, 7200, *WAN_TAIL),
    ("watchdog", False, "rt"): (200, 50, 900, 0, 100, 100, 1400, 2400, 2470, *DEFAULT_TAIL),
    ("watchdog", True, "rt"): (200, 50, 900, 500, 100, 100, 1400, 2400, 2470, *DEFAULT_TAIL),
}

OUTAGES = {
    ("default", False, "rt"): (1.05, 1.18, 1.35),
    ("default", True, "rt"): (1.46, 1.59, 1.76),
    ("default", False, "normal"): (1.26, 1.38, 1.55),
    ("fast", False, "rt"): (0.49, 0.56, 0.67),
    ("fast", True, "rt"): (0.66, 0.73, 0.85),
    ("extreme", False, "rt"): (0.18, 0.21, 0.27),
    ("extreme", True, "rt"): (0.21, 0.24, 0.30),
    ("wan", False, "rt"): (5.9, 6.7, 7.9),
    ("wan", True, "rt"): (6.3, 7.1, 8.3),
    ("watchdog", False, "rt"): (2.27, 2.40, 2.57),
}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_profile_has_exactly_the_numbers_of_the_table(row: tuple[str, bool, str]) -> None:
    """Everybody reckons with the table; hard and promise are derived and must equal it."""
    profile, hook, scheduling = row
    found = timing.in_ms(timing.timing_for(profile, hook=hook, scheduling=scheduling))
    assert tuple(found[name] for name in NAMES) == ROWS[row]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_profile_of_the_table_breaks_no_inequality(row: tuple[str, bool, str]) -> None:
    """The table is only usable when the check at start accepts it."""
    profile, hook, scheduling = row
    numbers = timing.timing_for(profile, hook=hook, scheduling=scheduling)
    for gate in (False, True) if scheduling == "rt" else (False,):
        assert timing.violations(numbers, scheduling=scheduling, gate=gate) == []


@pytest.mark.parametrize("row", OUTAGES, ids=str)
def test_outage_is_the_tables_within_its_rounding(row: tuple[str, bool, str]) -> None:
    """`check` prints these to people who compare them with the documentation."""
    profile, hook, scheduling = row
    found = timing.outage_ms(timing.timing_for(profile, hook=hook, scheduling=scheduling))
    assert [ms / 1000 for ms in found] == pytest.approx(OUTAGES[row], abs=0.0101, rel=0.01)


@pytest.mark.parametrize(
    ("profile", "scheduling", "ticket"),
    [
        ("default", "rt", 200),
        ("default", "nice", 200),
        ("default", "normal", 490),
        ("fast", "rt", 80),
        ("fast", "nice", 140),
        ("extreme", "rt", 30),
        ("wan", "normal", 1500),
    ],
)
def test_gate_raises_the_ticket_without_rt(profile: str, scheduling: str, ticket: int) -> None:
    """I6: a ticket must outlive a round trip and two late wake-ups; `hard` follows by I2."""
    found = timing.timing_for(profile, hook=False, scheduling=scheduling, gate=True)
    ms = timing.in_ms(found)
    assert ms["ticket"] == ticket
    assert ms["hard"] == ms["soft"] + max(ticket, ms["drop"]) + ms["slack"]
    assert timing.violations(found, scheduling=scheduling, gate=True) == []


def test_other_hook_bound_moves_hard_and_promise() -> None:
    """A hook may take 300 ms: hard = 900 + 400 + 100, promise by I3 rounded up."""
    ms = timing.in_ms(timing.timing_for("default", hook=True, overrides_ms={"deesc": 300}))
    assert (ms["ticket"], ms["hard"], ms["promise"]) == (400, 1400, 1450)


def test_given_hard_and_promise_are_kept() -> None:
    """A number in the file is never bent; when it is wrong it is refused instead."""
    found = timing.timing_for("default", hook=False, overrides_ms={"hard": 3000, "promise": 3100})
    ms = timing.in_ms(found)
    assert (ms["hard"], ms["promise"]) == (3000, 3100)


@pytest.mark.parametrize("hard", [*range(100, 1000, 7), 1200, 1600, 6600, 123_456])
def test_least_promise_is_the_least_that_covers(hard: int) -> None:
    """I3 by whole milliseconds: one less would not cover."""
    least = timing.promise_least(hard)
    assert promise_covers(least, hard)
    assert not promise_covers(least - 1, hard)


BROKEN = [
    ({"beacon": 300}, "rt", "I1: 4*beacon + rtt_max + late(scheduling rt) = 1200 + 4 + 10 = 1214"),
    ({"soft": 800}, "normal", "I1: 3*beacon + rtt_max + late(scheduling normal) = 600 + 4 + 241"),
    ({"hard": 1199}, "rt", "I2: soft + max(deesc + drop, ticket) + slack = 900 + 200 + 100 = 1200"),
    ({"slack": 19}, "rt", "I2: slack = 19 ms, must be >= 20 ms"),
    ({"slack": 249}, "normal", "I2: slack = 249 ms, must be >= 250 ms"),
    ({"promise": 1244}, "rt", "I3: promise = 1244 ms, must be >= hard*(1+rho)/(1-rho) + 20"),
    ({"reach": 604}, "rt", "I8: 3*beacon + rtt_max = 600 + 4 = 604 ms, must be < reach = 604 ms"),
    ({"reach": 1050}, "rt", "I8: reach + beacon = 1050 + 200 = 1250 ms, must be < promise"),
    ({"slot": 61, "window": 200}, "rt", "I9: jitter + 2*rtt_max + 2*fsync = 30 + 8 + 24 = 62 ms"),
    ({"window": 199}, "rt", "I9: 2*slot = 200 ms, must be <= window = 199 ms"),
    ({"min_left": 203}, "rt", "I10: beacon + rtt_max = 200 + 4 = 204 ms"),
    ({"min_left": 697}, "rt", "I10: min_left + rtt_max + beacon = 697 + 4 + 200 = 901 ms"),
    ({"repeat": 90}, "rt", "I1: beacon + 8*repeat + rtt_max = 200 + 720 + 4 = 924 ms"),
    ({"repeat": 201}, "rt", "repeat = 201 ms, must be <= beacon = 200 ms"),
    ({"retry_min": 151}, "rt", "retry = 151-150 ms"),
    ({"slot": 0}, "rt", "slot = 0 ms, must be between 1 and 600000 ms"),
    ({"soft": 600_001}, "rt", "soft = 600001 ms, must be between 1 and 600000 ms"),
]


@pytest.mark.parametrize(("given", "scheduling", "text"), BROKEN, ids=str)
def test_broken_inequality_is_named_with_its_numbers(
    given: dict[str, int], scheduling: str, text: str
) -> None:
    """Whoever broke it must be able to mend it from the message alone."""
    found = timing.timing_for("default", hook=False, scheduling=scheduling, overrides_ms=given)
    assert any(text in line for line in timing.violations(found, scheduling=scheduling, gate=False))


def test_watchdog_timeout_must_fit_into_hard() -> None:
    """I5: the machine must have been reset by `hard`."""
    found = timing.violations(
        timing.timing_for("default", hook=False), scheduling="rt", gate=False, watchdog_ms=2000
    )
    assert "I5: beacon + watchdog timeout + margin = 200 + 2000 + 200 = 2400 ms" in found[0]


def test_gate_ticket_is_checked_only_with_a_gate() -> None:
    """I6 concerns the kernel's rule alone."""
    found = timing.timing_for("default", hook=False, scheduling="nice", overrides_ms={"ticket": 90})
    assert timing.violations(found, scheduling="nice", gate=False) == []
    (line,) = timing.violations(found, scheduling="nice", gate=True)
    assert "I6: rtt_max + 2*late(scheduling nice) = 4 + 128 = 132 ms" in line


WATCHDOGS = [
    # timeout, hook's bound -> ticket, hard, promise
    (1000, 0, 400, 1400, 1450),
    (1000, 500, 600, 1600, 1660),
    (2000, 0, 1400, 2400, 2470),
    (2000, 1500, 1600, 2600, 2680),
    (10_000, 0, 1400, 10_400, 10_650),
]


@pytest.mark.parametrize(("timeout", "deesc", "ticket", "hard", "promise"), WATCHDOGS)
def test_profile_watchdog_follows_the_timeout_of_the_device(
    timeout: int, deesc: int, ticket: int, hard: int, promise: int
) -> None:
    """I5: a device that is slower moves `hard`; a quicker one gives the time back."""
    found = timing.timing_for(
        "watchdog", hook=deesc > 0, watchdog_ms=timeout, overrides_ms={"deesc": deesc}
    )
    ms = timing.in_ms(found)
    assert (ms["ticket"], ms["hard"], ms["promise"]) == (ticket, hard, promise)
    assert timing.violations(found, scheduling="rt", gate=True, watchdog_ms=timeout) == []


@pytest.mark.parametrize("profile", [name for name in timing.PROFILES if name != "watchdog"])
def test_timeout_of_a_device_moves_no_other_profile(profile: str) -> None:
    """The option has a default, and only one profile is made for devices."""
    plain = timing.timing_for(profile, hook=False)
    assert timing.timing_for(profile, hook=False, watchdog_ms=60_000) == plain


@pytest.mark.parametrize("scheduling", ["nice", "normal"])
@pytest.mark.parametrize("profile", ["default", "wan", "watchdog"])
def test_slow_scheduling_with_a_gate_breaks_no_inequality(profile: str, scheduling: str) -> None:
    """The class that everybody may have must not be refused for the gate."""
    for hook in (False, True):
        found = timing.timing_for(profile, hook=hook, scheduling=scheduling, gate=True)
        assert timing.violations(found, scheduling=scheduling, gate=True) == []


@pytest.mark.parametrize(
    ("profile", "scheduling"), [("fast", "normal"), ("extreme", "nice"), ("extreme", "normal")]
)
def test_profile_too_quick_for_its_scheduling_is_refused(profile: str, scheduling: str) -> None:
    """Fast needs rt or nice, extreme needs rt: three lost beacons and one late wake-up must fit."""
    numbers = timing.timing_for(profile, hook=False, scheduling=scheduling)
    found = timing.violations(numbers, scheduling=scheduling, gate=False)
    assert found[0].startswith("I1: ")


@pytest.mark.parametrize(
    ("profile", "scheduling", "given", "text"),
    [
        ("quick", "rt", {}, "unknown timing profile 'quick'; there are default, fast"),
        ("fast", "fifo", {}, "unknown scheduling 'fifo'; there are rt, nice, normal"),
        ("fast", "rt", {"sotf": 1}, "unknown timing sotf; there are beacon"),
    ],
)
def test_unknown_name_is_refused(
    profile: str, scheduling: str, given: dict[str, int], text: str
) -> None:
    """A misspelt override would otherwise silently leave the profile's number."""
    with pytest.raises(ValueError, match="unknown") as caught:
        timing.timing_for(profile, hook=False, scheduling=scheduling, overrides_ms=given)
    assert text in str(caught.value)


def test_reservation_is_at_most_half_a_promise() -> None:
    """A reservation that outlived the promise would hold up the normal election."""
    assert timing.in_ms(timing.timing_for("fast", hook=False))["reserve"] == 585 // 2
    assert timing.in_ms(timing.timing_for("wan", hook=False))["reserve"] == 1000
