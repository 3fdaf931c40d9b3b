"""The time budget: what the numbers of a configuration mean for clients, in words.

Rule: figures are computed from the same numbers that the nodes reckon with, for disk writes of
12 ms and one vote; where they come from is said in docs/configuration.md.
"""

from watchdog.config.check_rules import AGAIN_MS
from watchdog.config.check_schema import Check, LogGrowthProbe, Probe, ProcessProbe
from watchdog.config.numbers import counts_gate, timing_of
from watchdog.config.schema import Cluster, Config
from watchdog.config.timing import in_ms, outage_ms
from watchdog.config.values import format_ms


def budget(config: Config) -> list[str]:
    """Lines for `quorumdog check`."""
    timing = timing_of(config.cluster, config.hooks, config.timing)
    ms = in_ms(timing)
    best, median, worst = (f"{(value + 5) // 10 / 100:.2f} s" for value in outage_ms(timing))
    tolerated = (ms["soft"] - ms["beacon"] - ms["rtt_max"]) / 1000
    kind = "own" if config.timing.model_fields_set else config.cluster.timing
    death = f"the VIP is back after {best} at best, {median} typically, {worst} at worst"
    silence = f"{tolerated:.2f} s without a quorum's answers move nothing"
    off = f"{ms['hard'] / 1000:.2f} s after the last granted round (hard)"
    promise = f"voters keep their promise for {ms['promise'] / 1000:.2f} s"
    lines = [
        f"silent death of the coordinator: {death}",
        f"tolerated silence: {silence} (soft {ms['soft']} ms, beacons every {ms['beacon']} ms)",
        f"off by itself: {off}; {promise}",
    ]
    if config.hooks.de_escalation is not None:
        share = ms["deesc"] * 100 // outage_ms(timing)[2]
        lines.append(
            f"de-escalation hook: killed after {ms['deesc'] / 1000:.2f} s,"
            f" which is {share} % of the worst case"
        )
    else:
        lines.append("de-escalation hook: none, so no time is kept for one")
    lines += [_gate(config.cluster, ms["ticket"]), _watchdog(config.cluster)]
    lines += [_check(name, check) for name, check in config.check.items()]
    return [f"timing {kind}, scheduling {config.cluster.scheduling}", *lines]


def _gate(cluster: Cluster, ticket_ms: int) -> str:
    if not counts_gate(cluster):
        return "kernel gate: none; a frozen machine's VIP may answer beyond hard"
    where = "on every node, or it refuses to start" if cluster.gate == "nft" else "where it works"
    return (
        f"kernel gate: counted, {where}; a round may open it for {ticket_ms / 1000:.2f} s (ticket)"
    )


def _watchdog(cluster: Cluster) -> str:
    fence = {
        "off": "",
        "watchdog": "; it also resets a node that cannot go off",
        "sysrq": "; sysrq resets a node that cannot go off",
    }[cluster.self_fence]
    if not cluster.watchdog_device:
        return f"hardware watchdog: none{fence}"
    seconds = cluster.watchdog_timeout // 1000
    return (
        f"hardware watchdog: {cluster.watchdog_device} resets a coordinator that has stood still"
        f" for {seconds} s{fence}"
    )


def _check(name: str, check: Check) -> str:
    """How long after its failure a service is DOWN at the latest, as each probe sees it."""
    kind, by = check.reaction()
    times = ", ".join(f"{probe.kind} {_seen_after(probe)}" for probe in check.probes)
    return f"check {name}: DOWN by {times}; then {kind}{f':-{by}' if by else ''}"


def _seen_after(probe: Probe) -> str:
    rhythm = probe.rhythm()
    if isinstance(probe.options, ProcessProbe) and rhythm.fails == 1:
        absent_for = probe.options.absent_for
        return f"after {format_ms(absent_for)}" if absent_for else "at once"
    again = max(min(rhythm.every, AGAIN_MS), rhythm.timeout)
    worst = rhythm.every + rhythm.fails * again
    if isinstance(probe.options, LogGrowthProbe):
        worst += probe.options.within
    return f"within {worst / 1000:g} s"
