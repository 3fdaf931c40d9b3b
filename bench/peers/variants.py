"""What is compared: each peer with its default and its fastest sane settings."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol

from bench.peers import keepalived, quorumdog
from bench.peers.faults import Peer
from bench.peers.stage import Stage


class Cluster(Peer, Protocol):
    """A peer that can be started and ended as a whole."""

    def start_all(self) -> None:
        """Everything, from nothing."""

    def stop(self) -> None:
        """Nothing of it is left."""


class Variant(NamedTuple):
    """`ready_s` is from the start (or the end of a fault) to all well; `waits_s` for a move."""

    peer: str
    name: str
    make: Callable[[Stage], Cluster]
    packages: tuple[str, ...]
    says: str
    """Its settings in a few words."""
    ask_ms: float = 1.0
    ready_s: float = 30.0
    waits_s: float = 20.0
    copies: int = 1
    """Clusters that share the work, at the same time."""
    is_fresh_each: bool = False
    """Each fault gets a new cluster."""


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
    )
    for name, settings in (("default", keepalived.DEFAULT), ("100 ms", keepalived.TUNED))
)
WAVES: Final = ((*OURS, *KEEPALIVED),)
"""What runs at the same time; what waits for seconds does not disturb what waits for ms."""
