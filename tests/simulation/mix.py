"""What one seed means: the cluster, its timing, which faults happen and how often (swarm style).

Rule: everything is drawn from the seed, in a fixed order; what the command line fixes is drawn all
the same, so that `--profile fast` changes the profile and nothing else.
Theory: a random *subset* of the faults finds more than always all of them (swarm testing, Groce).
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, TypeVar

from tests.simulation.kinds import HEAVY, KINDS
from watchdog.config.timing import timing_for
from watchdog.core.settings import Timing
from watchdog.instant import MS, SECOND

Row = TypeVar("Row", bound=tuple[Any, ...])

PROFILES: Final = (
    ("default", False, 5),
    ("default", True, 4),
    ("fast", False, 4),
    ("fast", True, 2),
    ("extreme", False, 2),
    ("extreme", True, 1),
    ("wan", False, 2),
    ("wan", True, 1),
    ("watchdog", True, 2),
)
"""(profile, with a de-escalation hook, weight in the draw)."""
TOPOLOGIES: Final = (("3", 6), ("2w", 4), ("2t", 3), ("5", 2), ("4t", 2))
"""(number of nodes; w: and a witness, t: with a tie-breaker; weight in the draw)."""
WALL_SPREADS_MS: Final = (0, 0, 0, 1_000, 5_000, 30_000)


@dataclass(frozen=True, slots=True)
class Mix:
    """The parameters of one seed."""

    seed: int
    profile: str
    has_hook: bool
    topology: str
    kinds: tuple[str, ...]
    gap_ns: int
    """Mean time between two faults."""
    phase_ns: int
    """How long the faults of one round go on before everything is healed."""
    rounds: int
    wall_spread_ms: int
    failback: bool
    escalation_hook: bool
    on_loss_release: bool
    """A node whose lifecheck is gone may not lead."""
    is_gated: bool
    """Whether a gate in the kernel stands before the VIP."""

    @property
    def timing(self) -> Timing:
        """The numbers of the election, with the operator's long waits made short."""
        return timing_of(self.profile, has_hook=self.has_hook)

    @property
    def size(self) -> int:
        """The number of configured voters."""
        return int(self.topology.rstrip("wt")) + self.topology.endswith("w")

    @property
    def spare(self) -> int:
        """Machines that only a membership edit starts."""
        return 2 if "membership edit" in self.kinds else 0


def timing_of(profile: str, *, has_hook: bool) -> Timing:
    """A profile with `failback_delay` and the escalation hook's bound shortened to fit a run."""
    plain = timing_for(profile, hook=has_hook)
    promise_ms = plain.promise_ms
    shorter = {"failback_delay": 4 * promise_ms, "escalation_timeout": 2 * promise_ms}
    return timing_for(profile, hook=has_hook, overrides_ms=shorter)


def name_of(profile: str, *, has_hook: bool) -> str:
    """The name in election.md's table: `-H` says that there is a de-escalation hook."""
    return f"{profile}-H" if has_hook and profile != "watchdog" else profile


def draw(seed: int, *, profile: str | None = None, topology: str | None = None) -> Mix:
    """Draw the mix of `seed`; what is given replaces what was drawn."""
    rng = Random(f"mix/{seed}")
    drawn, hook, _ = _weighted(rng, PROFILES)
    place, _ = _weighted(rng, TOPOLOGIES)
    if profile is not None:
        drawn, hook = profile.removesuffix("-H"), profile.endswith("-H") or profile == "watchdog"
    kinds = tuple(k for k in KINDS if rng.random() < (0.3 if k in HEAVY else 0.5))
    mix = Mix(
        seed=seed,
        profile=drawn,
        has_hook=hook,
        topology=topology or place,
        kinds=kinds or ("power loss",),
        gap_ns=0,
        phase_ns=0,
        rounds=2,
        wall_spread_ms=rng.choice(WALL_SPREADS_MS),
        failback=rng.random() < 0.3,
        escalation_hook=rng.random() < 0.5,
        on_loss_release=rng.random() < 0.3,
        is_gated=rng.random() < 0.7,
    )
    if "membership edit" in kinds and mix.topology != "3":
        mix = replace(mix, kinds=tuple(k for k in kinds if k != "membership edit") or kinds)
    pace = mix.timing.promise_ns
    density = rng.choice((1.5, 2.5, 4.0))
    return replace(
        mix,
        gap_ns=int(min(max(pace, 400 * MS), 3 * SECOND) * density),
        phase_ns=max(20 * SECOND, min(48 * pace, 120 * SECOND)),
    )


def _weighted(rng: Random, rows: tuple[Row, ...]) -> Row:
    """One row; its last field is its weight."""
    weights = [float(row[-1]) for row in rows]
    return rng.choices(rows, weights)[0]
