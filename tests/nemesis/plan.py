"""Which faults strike in which order: everything from one seed.  Pure.

Every fault that fits the cluster comes `floor` times, in an order of the seed; what is left of the
asked number are pairs: two faults at once, on different nodes.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.nemesis.faults import BY_NAME, FAULTS, Fault

KINDS: Final = ("plain", "hooks", "disk", "clock")
SHORT: Final = (
    "kill-node@leader",
    "stop-node@leader",
    "cut-from-peers@leader",
    "one-way-out@leader",
    "silent-cut@leader",
    "bridge@leader",
    "kill-lifecheck@leader",
    "frozen-everything@leader",
)
"""What the short run injects."""
PAIR_MOVES: Final = (0, 4)
PAIR_RECOVERY_S: Final = 40.0


class PlanError(Exception):
    """What was asked for cannot be planned; the text says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One injection to come: one fault, or two at once; `seed` decides the victims."""

    faults: tuple[Fault, ...]
    seed: int

    @property
    def name(self) -> str:
        """As it is printed."""
        return " + ".join(fault.name for fault in self.faults)

    @property
    def kind(self) -> str:
        """The kind of stage."""
        return self.faults[0].kind

    @property
    def moves(self) -> tuple[int, int]:
        """Least and most."""
        return self.faults[0].moves if len(self.faults) == 1 else PAIR_MOVES

    @property
    def hold_s(self) -> float:
        """How long it lasts."""
        return max(fault.hold_s for fault in self.faults)

    @property
    def recovery_s(self) -> float:
        """How soon all must be well after it was healed."""
        longest = max(fault.recovery_s for fault in self.faults)
        return longest if len(self.faults) == 1 else max(longest, PAIR_RECOVERY_S)


def steps(nodes: str, seed: int, count: int | None, only: Sequence[str]) -> list[Step]:
    """The run, grouped by the stages that it needs; PlanError when it cannot be."""
    dice = random.Random(seed)
    if only:
        found = [step(name, dice.getrandbits(32)) for name in only for _ in range(count or 1)]
    else:
        found = _all(nodes, dice, count)
    if wrong := [s.name for s in found for f in s.faults if nodes not in f.nodes]:
        raise PlanError(f"{', '.join(wrong)}: not with --nodes {nodes}")
    return sorted(found, key=lambda one: KINDS.index(one.kind))


def step(name: str, seed: int) -> Step:
    """A step by its printed name."""
    names = name.split(" + ")
    if unknown := [one for one in names if one not in BY_NAME]:
        raise PlanError(f"unknown fault {unknown[0]!r}; there are {', '.join(BY_NAME)}")
    return Step(tuple(BY_NAME[one] for one in names), seed)


def _all(nodes: str, dice: random.Random, count: int | None) -> list[Step]:
    fitting = [fault for fault in FAULTS if nodes in fault.nodes for _ in range(fault.floor)]
    count = len(fitting) if count is None else count
    if count < len(fitting):
        raise PlanError(f"{count} faults are fewer than the floor, {len(fitting)} (or use --only)")
    found = [Step((fault,), dice.getrandbits(32)) for fault in fitting]
    found += [_pair(dice) for _ in range(count - len(fitting))]
    dice.shuffle(found)
    return found


def _pair(dice: random.Random) -> Step:
    able = [fault for fault in FAULTS if fault.pairs]
    followers = [fault for fault in able if fault.strikes == "follower"]
    first = dice.choices(able)[0]
    second = dice.choices(followers)[0]
    return Step((first, second), dice.getrandbits(32))


def below_floor(nodes: str, injected: Sequence[str]) -> list[str]:
    """The faults of a full run that were injected too seldom, with how often."""
    return [
        f"{fault.name}: {injected.count(fault.name)} of {fault.floor}"
        for fault in FAULTS
        if nodes in fault.nodes and injected.count(fault.name) < fault.floor
    ]
