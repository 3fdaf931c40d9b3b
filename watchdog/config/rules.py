"""What must hold between options: membership, addresses, quorum and the timing inequalities.

Rule: faults make a start impossible; warnings tell of a cluster that is safe but will not do
what its owner hopes for.  Theory: docs/election.md, the sections on timers and small clusters.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import Final

from watchdog.config.check_rules import (
    check_faults,
    check_warnings,
    http_warnings,
    lifecheck_warnings,
    table_faults,
)
from watchdog.config.draft import Draft
from watchdog.config.errors import Path, Problem
from watchdog.config.numbers import (
    SOCKET_PATH_MAX,
    counts_gate,
    final_weights,
    socket_path,
    timing_of,
    watchdog_ms,
)
from watchdog.config.options import did_you_mean
from watchdog.config.schema import Cluster, Hooks, Node, Timing
from watchdog.config.timing import violations

NAMES_SIZE_MAX: Final = 1890
"""Bytes of one list of members; two of them and the rest fit a slot of 4 KiB."""
ENTRY_SIZE_MAX: Final = 11
"""What a member takes in that list beside its name."""
_MOVED_BY_DEESC: Final = {"deesc", "ticket", "hard", "promise"}


def faults(made: Draft) -> Iterator[Problem]:
    """Everything between valid tables that makes a start impossible."""
    yield from _addresses(made)
    yield from check_faults(made.check)
    if made.nodes_are_valid:
        yield from _roles(made.nodes)
        yield from _names(made.nodes)
    if made.cluster is not None:
        yield from _directories(made.cluster)
        yield from _watchdog(made.cluster)
        yield from table_faults(made.cluster, made.lifecheck, made.http)
        if made.nodes_are_valid:
            yield from _tie_breaker(made.cluster, made.nodes)
        if made.hooks is not None and made.timing is not None:
            yield from _timing(made.cluster, made.hooks, made.timing)


def warnings(made: Draft) -> Iterator[Problem]:
    """What is safe, but probably not what its owner wants; for a draft without faults."""
    assert made.cluster is not None
    assert made.hooks is not None
    yield from _quorum(made.cluster, made.nodes)
    yield from check_warnings(made.check, made.hooks, made.nodes)
    yield from http_warnings(made.http)
    if made.lifecheck is not None:
        yield from lifecheck_warnings(made.lifecheck, made.check)
    if not made.vip and made.hooks.escalation is None:
        yield Problem(
            (),
            "there is neither a [vip.NAME] nor an escalation hook",
            "a coordinator will be elected, but it has nothing to do",
        )
    if made.hooks.de_escalation_timeout is not None and made.hooks.de_escalation is None:
        yield Problem(
            ("hooks", "de_escalation_timeout"),
            "`hooks.de_escalation_timeout` has no effect without `hooks.de_escalation`",
        )
    yield from _unused_watchdog(made.cluster)


def _unused_watchdog(cluster: Cluster) -> Iterator[Problem]:
    if cluster.watchdog_device:
        return
    if cluster.timing == "watchdog":
        yield Problem(
            ("cluster", "timing"),
            "timing `watchdog` leaves time for a hardware watchdog, and there is none",
            "a failover takes 2.6 s instead of 1.4 s for nothing",
            'add watchdog_device = "/dev/watchdog", or write timing = "default"',
        )
    elif "watchdog_timeout" in cluster.model_fields_set:
        yield Problem(
            ("cluster", "watchdog_timeout"),
            "`cluster.watchdog_timeout` has no effect without `watchdog_device`",
            "",
            "remove it",
        )


def _addresses(made: Draft) -> Iterator[Problem]:
    seen: dict[str, Path] = {}
    for name, node in made.nodes.items():
        path = ("nodes", name, "address")
        if node.address in seen:
            yield _twice(path, node.address, seen[node.address])
        seen.setdefault(node.address, path)
    for name, vip in made.vip.items():
        path, address = ("vip", name, "address"), vip.address.partition("/")[0]
        if address in seen:
            yield _twice(path, address, seen[address])
        seen.setdefault(address, path)
    loopback = [n for n, node in made.nodes.items() if _is_loopback(node.address)]
    if loopback and len(loopback) < len(made.nodes):
        yield Problem(
            ("nodes", loopback[0], "address"),
            f"`{loopback[0]}` has the loopback address {made.nodes[loopback[0]].address}",
            "the other nodes are on other machines and cannot dial it",
            "write the address of its network interface",
        )


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _twice(path: Path, address: str, first: Path) -> Problem:
    return Problem(
        path,
        f"{address} is already the address of [{first[0]}.{first[1]}]",
        "an address belongs to one node, or moves as one VIP, never both",
        "give each its own address",
    )


def _roles(nodes: dict[str, Node]) -> Iterator[Problem]:
    if nodes and all(node.role == "witness" for node in nodes.values()):
        yield Problem(
            ("nodes",),
            "every node is a witness",
            "a witness votes and never leads, so nobody could hold the VIP",
            'remove role = "witness" from the nodes that shall lead',
        )


def _names(nodes: dict[str, Node]) -> Iterator[Problem]:
    size = sum(len(name) + ENTRY_SIZE_MAX for name in nodes)
    if size > NAMES_SIZE_MAX:
        yield Problem(
            ("nodes",),
            f"the names of {len(nodes)} nodes are too long altogether",
            "the list of members, old and new, has to fit the state record of every node",
            f"use names of at most {NAMES_SIZE_MAX // len(nodes) - ENTRY_SIZE_MAX} characters",
        )


def _tie_breaker(cluster: Cluster, nodes: dict[str, Node]) -> Iterator[Problem]:
    if cluster.tie_breaker is not None and cluster.tie_breaker not in nodes:
        yield Problem(
            ("cluster", "tie_breaker"),
            f"`cluster.tie_breaker` names no node: {cluster.tie_breaker!r}",
            "its vote decides when exactly half of the weight is present",
            did_you_mean(cluster.tie_breaker, nodes) or f"there are: {', '.join(nodes)}",
        )


def _watchdog(cluster: Cluster) -> Iterator[Problem]:
    if cluster.watchdog_device and cluster.timing != "watchdog":
        yield Problem(
            ("cluster", "watchdog_device"),
            f"timing `{cluster.timing}` leaves no time for a hardware watchdog",
            "another node would go on before this machine had been reset",
            'write timing = "watchdog", or watchdog_device = ""',
        )
    if cluster.self_fence == "watchdog" and not cluster.watchdog_device:
        yield Problem(
            ("cluster", "self_fence"),
            'self_fence = "watchdog" needs a hardware watchdog, and there is none',
            "what cannot be switched off would stay on",
            'add watchdog_device = "/dev/watchdog" and timing = "watchdog", or write "sysrq"',
        )


def _directories(cluster: Cluster) -> Iterator[Problem]:
    if cluster.data_dir.rstrip("/") == cluster.run_dir.rstrip("/"):
        yield Problem(
            ("cluster", "run_dir"),
            f"`cluster.run_dir` and `cluster.data_dir` are both {cluster.run_dir}",
            "run_dir is emptied by a reboot, data_dir must survive it",
            "keep the defaults, /run/quorumdog and /var/lib/quorumdog",
        )
    path = socket_path(cluster)
    if len(path.encode()) > SOCKET_PATH_MAX:
        yield Problem(
            ("cluster", "run_dir"),
            f"`cluster.run_dir` is too long: the socket would be {path}",
            f"the kernel allows {SOCKET_PATH_MAX} bytes for the path of a socket",
            "choose a shorter directory",
        )


def _timing(cluster: Cluster, hooks: Hooks, table: Timing) -> Iterator[Problem]:
    if hooks.de_escalation_timeout == 0 and hooks.de_escalation is not None:
        yield Problem(
            ("hooks", "de_escalation_timeout"),
            "`hooks.de_escalation_timeout` is 0, which kills the hook before it has begun",
            "what the hook should have stopped would then go on",
            'write how long it may take, for example "500ms"',
        )
    timing = timing_of(cluster, hooks, table)
    for text in violations(
        timing,
        scheduling=cluster.scheduling,
        gate=counts_gate(cluster),
        watchdog_ms=watchdog_ms(cluster),
    ):
        hint = "`quorumdog check` accepts every profile as it is: remove the number from [timing]"
        if not table.model_fields_set:
            hint = _profile_hint(cluster)
        yield Problem(
            _blame(text, hooks, table),
            f"timing {cluster.timing}: {text}",
            "two nodes on, or a VIP that moves for nothing, would be possible",
            hint,
        )


def _profile_hint(cluster: Cluster) -> str:
    if cluster.timing == "extreme" and cluster.scheduling != "rt":
        return 'timing `extreme` needs scheduling = "rt"; or write timing = "fast"'
    if cluster.timing == "fast" and cluster.scheduling == "normal":
        return 'timing `fast` needs scheduling = "rt" or "nice"; or write timing = "default"'
    return "shorten `de_escalation_timeout`, or choose another timing"


def _blame(text: str, hooks: Hooks, table: Timing) -> Path:
    """The option that a person would change: a number of the file that the text names."""
    words = set(text.replace("*", " ").replace("+", " ").replace("(", " ").split())
    for name in table.model_fields_set & words:
        return ("timing", name)
    if "escalation_timeout" in words:
        return ("hooks", "escalation_timeout")
    if hooks.de_escalation_timeout is not None and words & _MOVED_BY_DEESC:
        return ("hooks", "de_escalation_timeout")
    return ("timing",) if table.model_fields_set else ("cluster", "timing")


def _quorum(cluster: Cluster, nodes: dict[str, Node]) -> Iterator[Problem]:
    weights = final_weights(cluster, nodes)
    total = sum(weights.values())
    need = total // 2 + 1
    rule = f"a quorum is more than half of all weight: {need} of {total}"
    if len(nodes) == 1:
        yield Problem(("nodes",), "there is only one node", "nothing can take over from it")
        return
    if len(nodes) == 2:
        yield _pair(cluster, nodes, rule)
    elif total % 2 == 0:
        yield Problem(
            ("nodes",),
            f"the weight of all nodes is even ({total}) and there is no tie_breaker",
            f"{rule}; when exactly half of it is gone, the other half cannot go on",
            'add a witness, or name a node: tie_breaker = "..." in [cluster]',
        )
    for name, weight in weights.items():
        if weight >= need and len(nodes) > 2:
            yield Problem(
                ("nodes", name, "weight"),
                f"`{name}` alone is a quorum ({weight} of {total})",
                "without it the others can never elect anybody",
                "give the nodes equal weight",
            )
    if Counter(node.role for node in nodes.values())["member"] == 1:
        yield Problem(
            ("nodes",), "only one node is no witness", "nothing can take over from that node"
        )


def _pair(cluster: Cluster, nodes: dict[str, Node], rule: str) -> Problem:
    hint = 'add a third node; role = "witness" makes one that votes and never holds the VIP'
    if cluster.tie_breaker is None:
        return Problem(
            ("nodes",),
            "two nodes without a witness: when either one dies, nobody holds the VIP",
            rule,
            hint + f'; tie_breaker = "{next(iter(nodes))}" lets that node at least go on alone',
        )
    return Problem(
        ("nodes",),
        f"two nodes without a witness: there is no failover from {cluster.tie_breaker}",
        f"{rule}, and {cluster.tie_breaker} alone has it; the other node alone never does",
        hint,
    )
