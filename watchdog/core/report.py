"""`Node.status()`: what a node knows, as plain data for `quorumdog status`. Changes nothing."""

from typing import Any, NamedTuple

from watchdog.core.parts import Parts
from watchdog.core.states import State
from watchdog.instant import MS, Instant

Report = dict[str, Any]


class Glance(NamedTuple):
    """What subscribers are told of when it changes; cheap enough to take after every step."""

    state: str
    is_candidate: bool
    coordinator: str | None
    has_quorum: bool
    is_on: bool
    armed_epoch: int
    """The epoch of the escalation whose hook has succeeded; 0 when there is none."""
    states: tuple[str | None, ...]
    """Of every peer in the order of the table, as it said last; None: it is not reachable."""


def glance(parts: Parts, now: Instant) -> Glance:
    """The few facts that `report` would have, without the rest."""
    roster, candidacy = parts.roster, parts.candidacy
    return Glance(
        state=parts.state.now.value,
        is_candidate=candidacy.ballot is not None,
        coordinator=parts.coordinator(),
        has_quorum=roster.is_quorum_connected(now),
        is_on=parts.guard.is_on,
        armed_epoch=_armed_epoch(parts),
        states=tuple(
            peer.hello.state if peer.hello and roster.lost_reason(name, now) is None else None
            for name, peer in roster.peers.items()
        ),
    )


def _armed_epoch(parts: Parts) -> int:
    office = parts.office
    return office.epoch if office is not None and office.is_armed and parts.guard.is_on else 0


def report(parts: Parts, uplink_why: str, now: Instant) -> Report:
    """The present view of the cluster by this node."""
    office, roster = parts.office, parts.roster
    have = roster.reachable_weight(now)
    lease_left_ns = max(0, office.lease.left_ns(now)) if office else 0
    return {
        "state": parts.state.now.value,
        "phase": _phase(parts),
        "term": parts.ledger.term,
        "epoch": office.epoch if office else 0,
        "coordinator": parts.coordinator(),
        "quorum": {
            "have": have,
            "need": roster.weights.need,
            "ok": roster.weights.is_quorum(have),
        },
        "lease_left_ms": lease_left_ns // MS,
        "sitout_left_ms": max(0, parts.voter.sitout_left_ns(now)) // MS,
        "memory": parts.formation.memory.value,
        "waiting_for": parts.formation.waiting_for(),
        "escalated": parts.guard.is_on,
        "gate": "nft" if parts.guard.has_gate else "none",
        "watchdog": _watchdog(parts),
        "armed_epoch": _armed_epoch(parts),
        "last_end": parts.last_end and {"node": parts.last_end[0], "why": parts.last_end[1]},
        "called_dead": parts.opinions.words(),
        "unfit": parts.fitness.unfit_reason(now),
        "uplink": "" if parts.fitness.has_uplink else uplink_why,
        "alarms": [[name, text] for name, text in sorted(parts.out.alarms.items())],
        "nodes": [_own(parts, now), *(_peer(parts, name, now) for name in roster.peers)],
    }


def _watchdog(parts: Parts) -> str:
    """It is opened when a node goes on, and closed when it is off."""
    if not parts.guard.has_watchdog:
        return "off"
    return "armed" if parts.guard.is_on else "ready"


def _phase(parts: Parts) -> str:
    if parts.office is not None:
        return parts.office.phase.value
    if parts.candidacy.phase is not None:
        return parts.candidacy.phase.value
    return "following" if parts.voter.follows() else "leaderless"


def _own(parts: Parts, now: Instant) -> Report:
    me = parts.roster.me
    return {
        "name": me.name,
        "state": parts.state.now.value,
        "role": _role(parts, me.name, witness=me.witness),
        "priority": parts.fitness.priority,
        "weight": me.weight,
        "eligible": parts.fitness.is_fit(now),
        "healthy": parts.fitness.is_healthy,
        "reachable": True,
        "last_heard_ms": 0,
        "term": parts.ledger.term,
        "reason": parts.fitness.unfit_reason(now),
        "verdicts": sorted(parts.verdicts.dead),
        "vetoed": bool(parts.fitness.veto),
        "alarms": sorted(parts.out.alarms),
    }


def _peer(parts: Parts, name: str, now: Instant) -> Report:
    peer = parts.roster.peers[name]
    hello = peer.hello
    lost = parts.roster.lost_reason(name, now)
    heard_ms = None if peer.heard_ns is None else (now.boot_ns - peer.heard_ns) // MS
    return {
        "name": name,
        "state": hello.state if hello and lost is None else None,
        "role": _role(parts, name, witness=peer.member.witness),
        "priority": hello.priority if hello else peer.member.priority,
        "weight": peer.member.weight,
        "eligible": bool(hello and hello.eligible and lost is None),
        "healthy": hello.healthy if hello else None,
        "reachable": lost is None,
        "last_heard_ms": heard_ms,
        "term": hello.term if hello else None,
        "reason": lost.value if lost else hello.unfit if hello else "",
        "verdicts": list(hello.verdicts) if hello else [],
        "vetoed": bool(hello and hello.vetoed),
        "alarms": list(hello.alarms) if hello else [],
        "config_differs": _differing(parts, name),
    }


def _differing(parts: Parts, name: str) -> list[str]:
    hello = parts.roster.peers[name].hello
    if hello is None:
        return []
    theirs = dict(hello.config_digests)
    ours = dict(parts.ctx.settings.config_digests)
    return sorted(k for k in ours.keys() & theirs.keys() if ours[k] != theirs[k])


def _role(parts: Parts, name: str, *, witness: bool) -> str:
    if parts.coordinator() == name and (
        name != parts.ctx.me or parts.state.now is State.COORDINATOR
    ):
        return "coordinator"
    return "witness" if witness else "member"
