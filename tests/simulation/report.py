"""What a run of many seeds prints, and whether it was enough: the histogram, the rate, the floors.

Rule: a run that found nothing because it did nothing fails.  The floors are for 100 cluster-hours
and shrink with shorter runs; below one hour only violations count.
"""

from collections.abc import Iterator
from typing import Final

from tests.simulation.kinds import KINDS
from tests.simulation.swarm import Outcome, Total
from watchdog.instant import MS

FLOOR_HOURS: Final = 100.0
REACHED_LEAST: Final = 0.6
"""Of the hours asked for: a machine that is too slow for them has to reach so much in its time."""
SEEDS_MIN: Final = 200
FAULTS_MIN: Final = 50_000
ESCALATIONS_MIN: Final = 10_000
LIVENESS_MIN: Final = 500
EACH_KIND_MIN: Final = 250


def command_for(outcome: Outcome, profile: str | None, topology: str | None) -> str:
    """The one command that replays a seed with a readable trace."""
    if profile is None and topology is None:
        return f"make sim SEED={outcome.seed}"
    fixed = f" --profile {profile}" if profile else ""
    fixed += f" --nodes {topology}" if topology else ""
    return f"python -m tests.simulation --seed {outcome.seed}{fixed} --trace"


def failure(outcome: Outcome, command: str) -> Iterator[str]:
    """What to say of a seed that failed."""
    yield f"seed {outcome.seed} ({outcome.cluster}): VIOLATION of {outcome.checker!r}"
    yield f"  {outcome.text}"
    yield f"  replay: {command}"


def summary(total: Total, elapsed_s: float) -> Iterator[str]:
    """The histogram, the counts and the rate."""
    yield "faults by kind:"
    width = max(map(len, KINDS))
    for kind in KINDS:
        yield f"  {kind:{width}} {total.faults[kind]:7d}"
    clusters = ", ".join(f"{name}: {count}" for name, count in sorted(total.clusters.items()))
    yield f"clusters (seeds each): {clusters}"
    if total.liveness:
        late = sorted(total.liveness)
        shown = [late[len(late) // 2], late[len(late) * 99 // 100], late[-1]]
        median, most, worst = (value // MS for value in shown)
        yield f"healing to a holder: median {median} ms, 99 % {most} ms, worst {worst} ms"
    excused = ", ".join(f"{name}: {count}" for name, count in sorted(total.excused.items()))
    why = "state wiped with wrong wall clocks, or an old copy put back"
    yield f"excused ({why}): {excused or 0}"
    yield (
        f"{total.hours:.2f} cluster-hours, {total.seeds} seeds, {total.faults.total()} faults, "
        f"{total.escalations} escalations, {len(total.liveness)} liveness checks, "
        f"{len(total.failed)} violations"
    )
    yield f"{total.replayed} seeds run a second time, {len(total.differ)} with another trace"
    yield (
        f"{total.rate:.0f} cluster-seconds per CPU-second, {total.steps} steps; "
        f"{elapsed_s:.0f} s elapsed"
    )


def hours_owed(total: Total, asked: float | None, *, is_bounded: bool) -> float | None:
    """The hours that the floors are for; fewer than asked for only if a bound in time ended it."""
    if asked is None or not is_bounded:
        return asked
    return min(asked, max(total.hours, asked * REACHED_LEAST))


def below_floor(total: Total, hours: float | None = None) -> list[str]:
    """What there was too little of, in a run that was to simulate `hours`."""
    asked = total.hours if hours is None else hours
    share = min(1.0, asked / FLOOR_HOURS)
    if asked < 1:
        return []
    rows = [
        ("cluster-hours", int(total.hours), FLOOR_HOURS),
        ("seeds", total.seeds, SEEDS_MIN),
        ("faults", total.faults.total(), FAULTS_MIN),
        ("escalations", total.escalations, ESCALATIONS_MIN),
        ("liveness checks", len(total.liveness), LIVENESS_MIN),
        *((f"faults of kind {kind!r}", total.faults[kind], EACH_KIND_MIN) for kind in KINDS),
    ]
    return [
        f"only {have} {what}, must be at least {int(least * share)}"
        for what, have, least in rows
        if have < int(least * share)
    ]
