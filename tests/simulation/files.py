"""The configuration file of a machine, and what a node process that starts makes of it.

Rule: membership is stored, not re-read.  A start with an edited file runs with the stored list
while that is contained in the file; `--accept-membership` obeys the new list and remembers the old
one (election.md 9; the shipped rule is the shell's, this is its shape for machines without one).
"""

import hashlib
from dataclasses import dataclass, replace

from watchdog.core.effects import HardState
from watchdog.core.settings import Member, Settings, Timing
from watchdog.instant import SECOND

_GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta")
NAMES = (*_GREEK, *(f"node{number}" for number in range(len(_GREEK), 128)))
CLUSTER_ID = hashlib.sha256(b"quorumdog\0simulated").digest()


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What stands in one machine's file."""

    members: tuple[Member, ...]
    timing: Timing
    has_hook: bool
    escalation_hook: bool
    failback: bool = False
    on_loss_release: bool = False


def digest_of(members: tuple[Member, ...]) -> bytes:
    """The members digest: cluster and the sorted (name, weight) list."""
    rows = sorted((m.name, m.weight) for m in members)
    return hashlib.sha256(CLUSTER_ID + repr(rows).encode()).digest()


def members_of(topology: str) -> tuple[Member, ...]:
    """The members of `3`, `5`, `2w` (and a witness), `2t` or `4t` (first node breaks ties)."""
    count = int(topology.rstrip("wt"))
    kind = topology.removeprefix(str(count))
    total = count + (kind == "w")
    return tuple(
        Member(
            name=NAMES[i],
            weight=1 if kind != "t" else 2 + (i == 0),
            priority=max(1, 100 - 10 * i),
            witness=kind == "w" and i == total - 1,
            order=i,
        )
        for i in range(total)
    )


def grown(members: tuple[Member, ...], by: int) -> tuple[Member, ...]:
    """The file after an edit that adds `by` nodes."""
    total = len(members)
    added = (Member(NAMES[i], 1, 100 - 10 * i, False, i) for i in range(total, total + by))
    return members + tuple(added)


def settings_for(
    file: ConfigFile, name: str, stored: HardState | None, *, accept: bool
) -> Settings | None:
    """What a process that starts obeys; None: it refuses to start (exit 2)."""
    settings = Settings(
        name=name,
        cluster_id=CLUSTER_ID,
        members=file.members,
        digest=digest_of(file.members),
        timing=file.timing,
        failback=file.failback,
        expects_lifecheck=True,
        on_loss_release=file.on_loss_release,
        lifecheck_deadtime_ns=2 * SECOND,
        has_vip=True,
    )
    if stored is None:
        return settings
    if stored.digest == settings.digest:
        return replace(settings, old_members=stored.old_members or None)
    if accept:
        return replace(settings, old_members=stored.members)
    kept = tuple(m for m in file.members if m.name in dict(stored.members))
    kept = tuple(replace(m, weight=dict(stored.members)[m.name]) for m in kept)
    if digest_of(kept) != stored.digest:
        return None
    return replace(
        settings, members=kept, digest=stored.digest, old_members=stored.old_members or None
    )
