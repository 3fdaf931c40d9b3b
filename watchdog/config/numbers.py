"""What follows from the tables together: final weights, timing, paths, digests.

Rule: made from the file alone, the same on every node.  A tie-breaker doubles all weights and
adds 1 to its node, so that quorums still intersect (docs/election.md, "Two nodes").
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from watchdog.config.schema import Cluster, Hooks, Node
from watchdog.config.schema import Timing as TimingTable
from watchdog.config.timing import timing_for
from watchdog.core.settings import Timing

SOCKET_PATH_MAX: Final = 107
"""Bytes of a Unix socket's path that the kernel allows (unix(7))."""


def cluster_id(name: str) -> bytes:
    """The cluster's identity, which survives a change of the key."""
    return hashlib.sha256(b"quorumdog\0" + name.encode()).digest()


def members_digest(cluster: bytes, members: Iterable[tuple[str, int]]) -> bytes:
    """The digest of a membership: the cluster's id and (name, weight) in order of the names."""
    lines = "".join(f"{name}\0{weight}\n" for name, weight in sorted(members))
    return hashlib.sha256(cluster + lines.encode()).digest()


def final_weights(cluster: Cluster, nodes: Mapping[str, Node]) -> dict[str, int]:
    """The weight that counts, by node: with the tie-breaker's share."""
    if cluster.tie_breaker is None:
        return {name: node.weight for name, node in nodes.items()}
    return {name: 2 * node.weight + (name == cluster.tie_breaker) for name, node in nodes.items()}


def overrides_ms(cluster: Cluster, hooks: Hooks, table: TimingTable) -> dict[str, int]:
    """The numbers that the file gives instead of the profile's, by the names of the table."""
    given: dict[str, int] = {}
    for name in table.model_fields_set - {"retry"}:
        value = getattr(table, name)
        if value is not None:
            given[name] = value
    if table.retry is not None:
        given["retry_min"], given["retry_max"] = table.retry
    if hooks.de_escalation_timeout is not None and hooks.de_escalation is not None:
        given["deesc"] = hooks.de_escalation_timeout
    given["failback_delay"] = cluster.failback_delay
    given["escalation_timeout"] = hooks.escalation_timeout
    return given


def counts_gate(cluster: Cluster) -> bool:
    """Whether the numbers leave time for a kernel gate: `auto` may find one on some machine."""
    return cluster.gate != "none"


def watchdog_ms(cluster: Cluster) -> int:
    """The timeout of the hardware watchdog; 0 without one."""
    return cluster.watchdog_timeout if cluster.watchdog_device else 0


def timing_of(cluster: Cluster, hooks: Hooks, table: TimingTable) -> Timing:
    """Every number of the election for these tables, the same whatever a machine can do."""
    return timing_for(
        cluster.timing,
        hook=hooks.de_escalation is not None,
        scheduling=cluster.scheduling,
        gate=counts_gate(cluster),
        watchdog_ms=cluster.watchdog_timeout,
        overrides_ms=overrides_ms(cluster, hooks, table),
    )


def socket_path(cluster: Cluster) -> str:
    """The control socket."""
    return f"{cluster.run_dir.rstrip('/')}/.s.PGPOOLWD_CMD.{cluster.port}"
