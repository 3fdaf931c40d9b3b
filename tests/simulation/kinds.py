"""The name of every kind of fault: what the histogram counts and what a seed draws its subset from.

Separate from `faults`, so that a mix can be drawn without importing what it does.
"""

from typing import Final

KINDS: Final = (
    "node crash",
    "guardian crash",
    "node and guardian crash",
    "power loss",
    "node freeze",
    "guardian freeze",
    "freeze of user space",
    "freeze of everything",
    "sentinel crash",
    "rules flushed",
    "rules reloaded",
    "VIP removed by hand",
    "guardian freeze at the act",
    "guardian freeze, node freeze, cut",
    "freeze while resigning",
    "state lost",
    "old copy of state",
    "state corrupt",
    "majority wiped",
    "loss",
    "duplication",
    "reordering",
    "delay of seconds",
    "late grants, then cut",
    "one-way cut",
    "symmetric partition",
    "bridge partition",
    "ring partition",
    "random cuts",
    "wall clock stepped",
    "membership edit",
    "timing rolled, growing",
    "timing rolled, shrinking",
    "fsync delay",
    "fsync error",
    "clock drift",
    "suspend",
    "health flap",
    "verdicts",
    "veto",
    "priority lowered",
    "lifecheck gone",
    "service of the holder dies",
    "uplink down",
    "holder hangs on one voter",
    "switchover",
    "resign",
    "stop of a node",
    "escalation fails",
)

HEAVY: Final = (
    "old copy of state",
    "majority wiped",
    "fsync error",
    "escalation fails",
    "service of the holder dies",
    "state lost",
)
"""Kinds that a seed draws less often, because little else can happen beside them."""
