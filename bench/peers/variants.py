"""What is compared: each peer with its default and its fastest sane settings."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol

from bench.peers import keepalived, pacemaker, pgpool, quorumdog
from bench.peers.faults import Peer
from bench.peers.stage import Stage


class Cluster(Peer, Protocol):
    """A peer that can be started and ended as a whole."""

    def start_all(self) -> None:
        """Everything, from nothing."""

    def stop(self) -> None:
        """Nothing of it is left."""


class Variant(NamedTuple):
    """`ready_s` is from the start to all well, `waits_s` for a move, `recovers_s` after a fault."""

    peer: str
    name: str
    make: Callable[[Stage], Cluster]
    packages: tuple[str, ...]
    says: str
    """Its settings in a few words."""
    ask_ms: float = 1.0
    ready_s: float = 30.0
    waits_s: float = 15.0
    recovers_s: float = 30.0
    copies: int = 1
    """Clusters that share the work, at the same time."""
    make_more: Callable[[Stage], Cluster] | None = None
    """Makes those whose cost is not measured."""
    reps_max: int = 100
    is_fresh_each: bool = False
    """Each fault gets a new cluster, so none waits for what it needs for a next one."""


OURS: Final = tuple(
    Variant(
        "quorumdog",
        timing,
        partial(quorumdog.Quorumdog, timing=timing),
        quorumdog.PACKAGES,
        f"timing {timing}",
    )
    for timing in ("default", "fast", "extreme")
)
KEEPALIVED: Final = tuple(
    Variant(
        "keepalived",
        name,
        partial(keepalived.Keepalived, settings=settings),
        keepalived.PACKAGES,
        f"adverts each {settings.advert} s, check each {settings.check} s",
        copies=copies,
    )
    for name, settings, copies in (
        ("default", keepalived.DEFAULT, 2),
        ("100 ms", keepalived.TUNED, 1),
    )
)
PACEMAKER: Final = tuple(
    Variant(
        "pacemaker",
        name,
        partial(pacemaker.Pacemaker, settings=settings),
        pacemaker.PACKAGES,
        f"token {settings.token_ms} ms, monitors each {settings.monitor_s} s, no fencing",
        ask_ms=2.0,
        ready_s=90.0,
        waits_s=40.0,
        recovers_s=60.0,
        copies=copies,
    )
    for name, settings, copies in (
        ("default", pacemaker.DEFAULT, 3),
        ("300 ms", pacemaker.TUNED, 2),
    )
)
PGPOOL: Final = tuple(
    Variant(
        "pgpool",
        name,
        partial(pgpool.Pgpool, settings=settings, is_lean=False),
        pgpool.PACKAGES,
        f"lifecheck each {settings.interval_s} s, heartbeat each {settings.heartbeat_s} s,"
        f" dead after {settings.deadtime_s} s",
        ask_ms=ask_ms,
        ready_s=ready_s,
        waits_s=60.0,
        copies=copies,
        make_more=partial(pgpool.Pgpool, settings=settings, is_lean=True),
        reps_max=reps_max,
        is_fresh_each=True,
    )
    for name, settings, ask_ms, ready_s, copies, reps_max in (
        ("default", pgpool.DEFAULT, 5.0, 180.0, 16, 2),
        ("tuned", pgpool.TUNED, 2.0, 60.0, 4, 100),
    )
)
WAVES: Final = ((*PACEMAKER, *PGPOOL), (*OURS, *KEEPALIVED))
"""What runs at the same time; what waits for seconds does not disturb what waits for ms."""
