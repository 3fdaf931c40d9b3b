"""Every series of the metrics page: name (without `quorumdog_`) -> kind, labels, help. Pure.

docs/http.md has the same list, and a test compares them.  A series is never renamed: what is
on somebody's board stays there.
"""

from typing import Final, Literal, NamedTuple


class Series(NamedTuple):
    """What is known of a series before any sample."""

    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    text: str


def _gauge(text: str, *labels: str) -> Series:
    return Series("gauge", labels, text)


def _counter(text: str, *labels: str) -> Series:
    return Series("counter", labels, text)


SERIES: Final[dict[str, Series]] = {
    # The health port itself: always there.
    "up": _gauge("1 if the node process answered this scrape."),
    "build_info": _gauge("Version of the health port.", "version"),
    "http_requests_total": _counter("Answers of the health port.", "path", "code"),
    "http_bad_requests_total": _counter("What was no HTTP request."),
    "http_connections": _gauge("Connections to the health port now."),
    "http_connections_ended_total": _counter(
        "Connections that the health port ended or refused: idle, displaced, refused.", "reason"
    ),
    "http_questions_total": _counter("Questions to the node process."),
    # This node.
    "node_info": _gauge("Who answers.", "cluster", "node"),
    "status_age_seconds": _gauge("How old the node's answer may be at most."),
    "state": _gauge("1 for the present state of this node, 0 for the others.", "state"),
    "is_coordinator": _gauge("1 if this node is in state COORDINATOR."),
    "escalated": _gauge("1 if this node is on: it has its VIPs up."),
    "lease_left_seconds": _gauge("How long this node may lead without another answer."),
    "coordinator_known": _gauge("1 if this node knows a coordinator."),
    "coordinator_info": _gauge("Who leads, in the view of this node.", "coordinator"),
    "term": _gauge("Number of the last election that this node knows; only rises."),
    "epoch": _gauge("Number of the present escalation here, 0 if there is none."),
    "quorum_ok": _gauge("1 if this node hears a quorum."),
    "quorum_have_weight": _gauge("Weight that this node hears, its own included."),
    "quorum_need_weight": _gauge("Weight that is a quorum."),
    "healthy": _gauge("0 while the lifecheck says DEAD of this node."),
    "fit": _gauge("1 if this node may lead."),
    "priority": _gauge("What this node says in elections; the highest wins."),
    "uplink_ok": _gauge("1 if this node's own interface and address are usable."),
    "memory_intact": _gauge("1 if this node's stored state may be believed."),
    "sitout_left_seconds": _gauge("How long this node will not vote yet, after its start."),
    "vip_held": _gauge("1 if this node has the VIP up.", "vip", "address"),
    "alarm": _gauge("1 for each alarm that stands on this node.", "name"),
    "alarms": _gauge("Alarms that stand on this node."),
    "warnings": _gauge("Sentences that `quorumdog status` warns with."),
    "last_move_timestamp_seconds": _gauge("When the coordinator moved last, since 1970."),
    "last_move_info": _gauge("From whom to whom it moved.", "from", "to"),
    "stalls_total": _counter("How often the node process woke too late."),
    "stall_worst_seconds": _gauge("How late it woke at worst, since its start."),
    "stall_stolen_seconds_total": _counter("What a hypervisor took of a processor meanwhile."),
    "refused_total": _counter("Who was turned away at the peer port, by kind.", "kind"),
    # What this node hears of its peers.
    "peer_reachable": _gauge("1 if this node counts the peer.", "peer"),
    "peer_rtt_seconds": _gauge("Round trip to the peer.", "peer"),
    "peer_last_heard_seconds": _gauge("How long ago the peer was heard.", "peer"),
    "peer_healthy": _gauge("0 while the peer says that it is unhealthy.", "peer"),
    "peer_eligible": _gauge("1 if the peer may lead.", "peer"),
    "peer_alarms": _gauge("Alarms that stand on the peer.", "peer"),
    # The lifecheck of this node.
    "lifecheck_expected": _gauge("1 if the configuration has a lifecheck for this node."),
    "lifecheck_running": _gauge("1 if the lifecheck process is there."),
    "check_up": _gauge("1 up, 0 down; nothing while the check does not know.", "check"),
    "check_state": _gauge("1 for the present verdict of the check.", "check", "verdict"),
    "check_fail_points": _gauge("Fail count of the check; `check reset` clears it.", "check"),
    "check_verdict_age_seconds": _gauge("For how long the verdict has stood.", "check"),
    "check_look_age_seconds": _gauge("How long ago the check was looked at.", "check"),
    "probe_runs_total": _counter("Runs of a probe.", "check", "number", "kind"),
    "probe_failures_total": _counter("Runs of a probe that failed.", "check", "number", "kind"),
    "heartbeat_alive": _gauge("1 alive, 0 dead; nothing while it is not known.", "peer"),
    "heartbeat_heard_by_peer": _gauge("1 if the peer says that it hears this node.", "peer"),
    "heartbeat_last_heard_seconds": _gauge("How long ago a heartbeat came.", "peer"),
    "heartbeat_rtt_seconds": _gauge("Round trip of heartbeats.", "peer"),
    "heartbeat_loss_ratio": _gauge("Share of the peer's heartbeats that were lost.", "peer"),
    "accelerator_in_use": _gauge("1 for each accelerator of process checks in use.", "name"),
}
"""In the order of the page."""
