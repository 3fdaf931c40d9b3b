"""The time budget: what the numbers of a configuration mean for clients, in words.

Rule: figures are computed from the same numbers that the nodes reckon with, for disk writes of
12 ms and one vote; where they come from is said in docs/configuration.md.
"""

from watchdog.config.numbers import timing_of
from watchdog.config.schema import Config
from watchdog.config.timing import in_ms, outage_ms


def budget(config: Config) -> list[str]:
    """Lines for `quorumdog check`."""
    timing = timing_of(config.cluster, config.hooks, config.timing)
    ms = in_ms(timing)
    best, median, worst = (f"{value / 1000:.2f} s" for value in outage_ms(timing))
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
    return [f"timing {kind}, scheduling {config.cluster.scheduling}", *lines]
