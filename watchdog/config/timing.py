"""Every number of the election: the profiles, what follows from them, and what must hold.

Rule: a number that is not given is the profile's; `hard` and `promise` are then the least values
that I2, I3 and I5 allow.  So all numbers follow from the file alone, never from what one machine
happened to get (docs/election.md, "Timers and the inequalities").  docs/configuration.md has the
table.  Milliseconds here, because that is what people write; `Timing` carries nanoseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from watchdog.core.settings import Timing, promise_covers
from watchdog.instant import MS

SCHEDULINGS: Final = ("rt", "nice", "normal")
LATE_MS: Final = {"rt": 10, "nice": 64, "normal": 241}
"""Worst measured lateness of the node process, by scheduling class."""
SLACK_LEAST_MS: Final = {"rt": 20, "nice": 80, "normal": 250}
"""I2's lower bound of `slack`, by scheduling class."""
SLACK_RAISED_MS: Final = {"rt": 0, "nice": 80, "normal": 300}
"""What a profile's `slack` is raised to, by scheduling class."""
FSYNC_MS: Final = 12
"""The slowest disk write that the table reckons with."""
WATCHDOG_MARGIN_MS: Final = 200
"""Time for the machine to reset, after the hardware watchdog has run out."""
VALUE_MAX_MS: Final = 600_000


@dataclass(frozen=True, slots=True)
class Profile:
    """One row of the table, in ms; `deesc` counts only when a de-escalation hook exists."""

    beacon: int
    repeat: int
    soft: int
    deesc: int
    drop: int
    slack: int
    ticket: int
    slot: int
    jitter: int
    window: int
    reach: int
    vote_wait: int
    retry_min: int
    retry_max: int
    min_left: int
    rtt_max: int = 4
    probe: int = 30
    reserve: int = 500
    standdown: int = 1_000
    failback_delay: int = 60_000
    escalation_timeout: int = 10_000
    watchdog: int = 0
    """Timeout of the hardware watchdog that the profile is made for; 0: it is for none."""


_DEFAULT: Final = Profile(
    beacon=200, repeat=50, soft=900, deesc=500, drop=100, slack=100, ticket=200,
    slot=100, jitter=30, window=200, reach=700, vote_wait=400, retry_min=50, retry_max=150,
    min_left=360,
)  # fmt: skip

PROFILES: Final[Mapping[str, Profile]] = {
    "default": _DEFAULT,
    "fast": Profile(
        beacon=100, repeat=25, soft=420, deesc=200, drop=50, slack=50, ticket=80,
        slot=60, jitter=15, window=120, reach=350, vote_wait=200, retry_min=30, retry_max=90,
        min_left=160, probe=20,
    ),
    "extreme": Profile(
        beacon=25, repeat=8, soft=130, deesc=50, drop=10, slack=20, ticket=30,
        slot=40, jitter=5, window=80, reach=100, vote_wait=100, retry_min=10, retry_max=40,
        min_left=50, probe=10,
    ),
    "wan": Profile(
        beacon=1000, repeat=250, soft=5000, deesc=1800, drop=100, slack=100, ticket=1500,
        slot=750, jitter=100, window=1500, reach=4000, vote_wait=2000, retry_min=250,
        retry_max=750, min_left=2000, rtt_max=300, reserve=1000,
    ),
    "watchdog": replace(_DEFAULT, ticket=1400, watchdog=2000),
}  # fmt: skip
"""The profiles of the table by name."""

DERIVED: Final = ("ticket", "hard", "promise", "reserve")
FIELDS: Final = tuple(name.removesuffix("_ns") for name in Timing.__slots__ if name.endswith("_ns"))
"""Every name that `overrides_ms` may have."""


def timing_for(
    profile: str,
    *,
    hook: bool,
    scheduling: str = "rt",
    gate: bool = False,
    watchdog_ms: int | None = None,
    overrides_ms: Mapping[str, int] | None = None,
) -> Timing:
    """The numbers of `profile` (ms in, ns out); ValueError for a name that does not exist.

    `watchdog_ms`: the hardware watchdog's timeout, if it is not the one the profile is made for.
    """
    given = dict(overrides_ms or {})
    _refuse_unknown(profile, scheduling, given)
    row = PROFILES[profile]
    ms = {name: getattr(row, name) for name in FIELDS if name not in DERIVED}
    ms["deesc"] = row.deesc if hook else 0
    ms["slack"] = max(row.slack, SLACK_RAISED_MS[scheduling])
    ms.update(given)
    if row.watchdog and watchdog_ms is not None:
        row = replace(row, watchdog=watchdog_ms)
    _derive(ms, row, scheduling, gate=gate)
    ms.update(given)
    return Timing(**{f"{name}_ns": value * MS for name, value in ms.items()})


def _refuse_unknown(profile: str, scheduling: str, given: Mapping[str, int]) -> None:
    if profile not in PROFILES:
        raise ValueError(f"unknown timing profile {profile!r}; there are {', '.join(PROFILES)}")
    if scheduling not in SCHEDULINGS:
        raise ValueError(f"unknown scheduling {scheduling!r}; there are {', '.join(SCHEDULINGS)}")
    if unknown := sorted(given.keys() - set(FIELDS)):
        raise ValueError(f"unknown timing {', '.join(unknown)}; there are {', '.join(FIELDS)}")


def _derive(ms: dict[str, int], row: Profile, scheduling: str, *, gate: bool) -> None:
    """Fill what follows from the others, each from the values that stand before it."""
    reset = ms["beacon"] + row.watchdog + WATCHDOG_MARGIN_MS if row.watchdog else 0
    ticket = row.ticket
    if reset:
        ticket = min(ticket, max(_DEFAULT.ticket, reset - ms["soft"] - ms["slack"]))
    ticket = max(ticket, ms["deesc"] + ms["drop"])
    if gate and scheduling != "rt":
        ticket = max(ticket, _up(_ticket_least(ms["rtt_max"], scheduling), 10))
    ms.setdefault("ticket", ticket)
    held = max(ms["deesc"] + ms["drop"], ms["ticket"])
    ms.setdefault("hard", max(ms["soft"] + held + ms["slack"], reset))
    ms.setdefault("promise", _round_promise(promise_least(ms["hard"])))
    ms.setdefault("reserve", min(row.reserve, ms["promise"] // 2))


def promise_least(hard_ms: int) -> int:
    """The least whole `promise` in ms that I3 allows for a holder's `hard_ms`."""
    least = -(-hard_ms * 101 // 99) + 20
    assert promise_covers(least, hard_ms)
    return least


def _round_promise(least_ms: int) -> int:
    """Round up to a number that people can remember: the table's own steps."""
    step = 5 if least_ms < 700 else 10 if least_ms < 5_000 else 50
    return _up(least_ms, step)


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def _ticket_least(rtt_max_ms: int, scheduling: str) -> int:
    return rtt_max_ms + 2 * LATE_MS[scheduling]


def violations(
    timing: Timing,
    *,
    scheduling: str,
    gate: bool,
    watchdog_ms: int = 0,
) -> list[str]:
    """Every inequality that does not hold, each with its numbers; empty when all do.

    `watchdog_ms`: the timeout of the hardware watchdog; 0 without one.
    """
    ms = in_ms(timing)
    found = _ranges(ms)
    if found:
        return found
    found += _soft(ms, scheduling)
    found += _hard(ms, scheduling)
    found += _watchdog(ms, watchdog_ms) if watchdog_ms else []
    found += _gate(ms, scheduling) if gate else []
    return found + _reach(ms) + _slots(ms) + _min_left(ms)


def in_ms(timing: Timing) -> dict[str, int]:
    """The numbers of `timing` in ms by the names of the table."""
    return {name: getattr(timing, f"{name}_ns") // MS for name in FIELDS}


_MAY_BE_ZERO: Final = ("deesc", "jitter", "retry_min", "standdown", "failback_delay")


def _ranges(ms: Mapping[str, int]) -> list[str]:
    found = []
    for name, value in ms.items():
        least = 0 if name in _MAY_BE_ZERO else 1
        most = 86_400_000 if name == "failback_delay" else VALUE_MAX_MS
        if not least <= value <= most:
            found.append(f"{name} = {value} ms, must be between {least} and {most} ms")
    if ms["repeat"] > ms["beacon"]:
        found.append(f"repeat = {ms['repeat']} ms, must be <= beacon = {ms['beacon']} ms")
    if ms["retry_min"] > ms["retry_max"]:
        found.append(
            f"retry = {ms['retry_min']}-{ms['retry_max']} ms, the first must not be the larger"
        )
    return found


def _soft(ms: Mapping[str, int], scheduling: str) -> list[str]:
    """Lost beacons cost nothing: neither three (two) whole ones, nor eight repeated rounds."""
    late = LATE_MS[scheduling]
    times = 4 if scheduling == "rt" else 3
    return _at_most(
        f"I1: {times}*beacon + rtt_max + late(scheduling {scheduling})",
        [times * ms["beacon"], ms["rtt_max"], late], "soft", ms["soft"],
    ) + _at_most(
        "I1: beacon + 8*repeat + rtt_max",
        [ms["beacon"], 8 * ms["repeat"], ms["rtt_max"]], "soft", ms["soft"],
    )  # fmt: skip


def _hard(ms: Mapping[str, int], scheduling: str) -> list[str]:
    held = max(ms["deesc"] + ms["drop"], ms["ticket"])
    found = _at_most(
        "I2: soft + max(deesc + drop, ticket) + slack",
        [ms["soft"], held, ms["slack"]], "hard", ms["hard"],
    )  # fmt: skip
    least = SLACK_LEAST_MS[scheduling]
    if ms["slack"] < least:
        found.append(
            f"I2: slack = {ms['slack']} ms, must be >= {least} ms with scheduling {scheduling}"
        )
    if not promise_covers(ms["promise"], ms["hard"]):
        found.append(
            f"I3: promise = {ms['promise']} ms, must be >= hard*(1+rho)/(1-rho) + 20 ="
            f" {ms['hard']}*1.01/0.99 + 20 = {promise_least(ms['hard'])} ms"
        )
    return found


def _watchdog(ms: Mapping[str, int], watchdog_ms: int) -> list[str]:
    return _at_most(
        "I5: beacon + watchdog timeout + margin",
        [ms["beacon"], watchdog_ms, WATCHDOG_MARGIN_MS], "hard", ms["hard"],
    )  # fmt: skip


def _gate(ms: Mapping[str, int], scheduling: str) -> list[str]:
    found = _at_most(
        "I6: ticket + soft + slack", [ms["ticket"], ms["soft"], ms["slack"]], "hard", ms["hard"]
    )
    return found + _at_most(
        f"I6: rtt_max + 2*late(scheduling {scheduling})",
        [ms["rtt_max"], 2 * LATE_MS[scheduling]], "ticket", ms["ticket"],
    )  # fmt: skip


def _reach(ms: Mapping[str, int]) -> list[str]:
    return _at_most(
        "I8: 3*beacon + rtt_max", [3 * ms["beacon"], ms["rtt_max"]], "reach", ms["reach"],
        strict=True,
    ) + _at_most(
        "I8: reach + beacon", [ms["reach"], ms["beacon"]], "promise", ms["promise"], strict=True
    )  # fmt: skip


def _slots(ms: Mapping[str, int]) -> list[str]:
    return _at_most(
        "I9: jitter + 2*rtt_max + 2*fsync",
        [ms["jitter"], 2 * ms["rtt_max"], 2 * FSYNC_MS], "slot", ms["slot"],
    ) + _at_most("I9: 2*slot", [2 * ms["slot"]], "window", ms["window"])  # fmt: skip


def _min_left(ms: Mapping[str, int]) -> list[str]:
    return _at_most(
        "I10: beacon + rtt_max", [ms["beacon"], ms["rtt_max"]], "min_left", ms["min_left"]
    ) + _at_most(
        "I10: min_left + rtt_max + beacon",
        [ms["min_left"], ms["rtt_max"], ms["beacon"]], "soft", ms["soft"],
    )  # fmt: skip


def _at_most(
    what: str, terms: list[int], name: str, bound: int, *, strict: bool = False
) -> list[str]:
    total = sum(terms)
    if total < bound or (total == bound and not strict):
        return []
    shown = " + ".join(map(str, terms))
    shown = shown if len(terms) == 1 else f"{shown} = {total}"
    sign = "<" if strict else "<="
    return [f"{what} = {shown} ms, must be {sign} {name} = {bound} ms"]


def outage_ms(timing: Timing) -> tuple[int, int, int]:
    """Client outage in ms of a silent death of the coordinator: best, median, worst.

    Counted from the death: what is left of the voters' promise (the last beacon was up to one
    period ago), then the jitter, three round trips and the disk writes of one vote.
    """
    ms = in_ms(timing)
    best = ms["promise"] - ms["beacon"] + ms["rtt_max"] // 3
    median = ms["promise"] - ms["beacon"] // 2 + ms["jitter"] // 2 + ms["rtt_max"] + FSYNC_MS
    disk = 4 * FSYNC_MS + LATE_MS["rt"]
    worst = ms["promise"] + ms["jitter"] + 3 * ms["rtt_max"] + disk
    return best, median, worst
