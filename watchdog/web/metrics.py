"""The page for Prometheus, from one status and the port's own counts. Pure.

Rule: every metric is in SERIES with its kind, labels and help, and in docs/http.md.  What a
status does not say (an older node, no lifecheck) has no sample, rather than a made-up zero.
Base units: seconds, ratios; facts are 0 or 1; labels are names of things, never free text.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from watchdog import __version__
from watchdog.web.series import SERIES
from watchdog.web.status import Status

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STATES: Final = ("LOADING", "STANDBY", "COORDINATOR", "WAITING_FOR_QUORUM", "IN_NW_TROUBLE")
VERDICTS: Final = ("up", "down", "unknown", "disarmed")
ROWS_MAX: Final = 500
"""Most rows of one list that become samples; a cluster has fewer nodes and checks."""
LABEL_SIZE_MAX: Final = 200


class Sample(NamedTuple):
    """One value of the series `quorumdog_<name>`, without its prefix."""

    name: str
    labels: tuple[str, ...]
    value: object


@dataclass(frozen=True, slots=True)
class Counts:
    """What the port counted since its start, and how many connections it has."""

    requests: Mapping[tuple[str, int], int]
    """(path, code) -> how many."""
    connections: int
    ended: Mapping[str, int]
    """Why a connection was ended by us -> how many."""
    bad_requests: int
    questions: int


def page(status: Status | None, age_s: float, counts: Counts) -> bytes:
    """The whole page; without a status it holds `quorumdog_up 0` and the port's own counts."""
    found = list(_own(status is not None, counts))
    if status is not None:
        found += [*_node(status, age_s), *_peers(status), *_lifecheck(status.body)]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Page(found))
    return generate_latest(registry)


class _Page:
    """What prometheus_client asks for the families of one scrape."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._values: dict[str, dict[tuple[str, ...], float]] = {}
        for sample in samples:
            value = _number(sample.value)
            if value is not None:
                labels = tuple(label[:LABEL_SIZE_MAX] for label in sample.labels)
                self._values.setdefault(sample.name, {})[labels] = value

    def collect(self) -> Iterator[Metric]:
        """Every family that has a sample, in the order of SERIES."""
        for name, series in SERIES.items():
            family = CounterMetricFamily if series.kind == "counter" else GaugeMetricFamily
            made = family(f"quorumdog_{name}", series.text, labels=series.labels)
            for labels, value in self._values.get(name, {}).items():
                made.add_metric(labels, value)
            if made.samples:
                yield made


def _own(is_up: bool, counts: Counts) -> Iterator[Sample]:
    yield Sample("up", (), is_up)
    yield Sample("build_info", (__version__,), 1)
    for (path, code), count in counts.requests.items():
        yield Sample("http_requests_total", (path, str(code)), count)
    for reason, count in counts.ended.items():
        yield Sample("http_connections_ended_total", (reason,), count)
    yield Sample("http_connections", (), counts.connections)
    yield Sample("http_bad_requests_total", (), counts.bad_requests)
    yield Sample("http_questions_total", (), counts.questions)


def _node(status: Status, age_s: float) -> Iterator[Sample]:
    body = status.body
    yield Sample("node_info", (_text(body.get("cluster")), status.local), 1)
    for state in dict.fromkeys((*STATES, status.state)):
        yield Sample("state", (state,), state == status.state)
    yield Sample("status_age_seconds", (), age_s)
    yield Sample("is_coordinator", (), status.state == "COORDINATOR")
    yield Sample("escalated", (), status.is_on)
    yield Sample("lease_left_seconds", (), max(0.0, status.lease_left_s - age_s))
    yield Sample("coordinator_known", (), status.coordinator is not None)
    if status.coordinator is not None:
        yield Sample("coordinator_info", (status.coordinator,), 1)
    yield Sample("term", (), body.get("term"))
    yield Sample("epoch", (), status.epoch)
    yield Sample("quorum_ok", (), status.has_quorum)
    yield Sample("quorum_have_weight", (), status.weight_have)
    yield Sample("quorum_need_weight", (), status.weight_need)
    yield Sample("healthy", (), status.is_healthy)
    yield Sample("fit", (), not status.unfit)
    yield Sample("uplink_ok", (), not status.uplink)
    yield Sample("memory_intact", (), status.memory == "intact")
    yield Sample("sitout_left_seconds", (), _scaled(body.get("sitout_left_ms"), 0.001))
    yield from _told(body)


def _told(body: Mapping[str, Any]) -> Iterator[Sample]:
    for vip in _rows(body.get("vips")):
        yield Sample(
            "vip_held", (_text(vip.get("name")), _text(vip.get("address"))), vip.get("held")
        )
    alarms = _rows(body.get("alarms"))
    for alarm in alarms:
        yield Sample("alarm", (_text(alarm.get("name")),), 1)
    yield Sample("alarms", (), len(alarms))
    warnings = body.get("warnings")
    yield Sample("warnings", (), len(warnings) if isinstance(warnings, list) else None)
    move = body.get("last_move")
    if isinstance(move, dict):
        yield Sample("last_move_timestamp_seconds", (), _moment(move.get("at")))
        yield Sample("last_move_info", (_text(move.get("from")), _text(move.get("to"))), 1)
    stalls = body.get("stalls")
    if isinstance(stalls, dict):
        yield Sample("stalls_total", (), stalls.get("count"))
        yield Sample("stall_worst_seconds", (), _scaled(stalls.get("worst_ms"), 0.001))
        yield Sample("stall_stolen_seconds_total", (), _scaled(stalls.get("stolen_ms"), 0.001))
    refusals = body.get("refusals")
    for kind, row in list(refusals.items())[:ROWS_MAX] if isinstance(refusals, dict) else []:
        if isinstance(row, dict):
            yield Sample("refused_total", (kind,), row.get("count"))


def _peers(status: Status) -> Iterator[Sample]:
    for row in _rows(status.body.get("nodes")):
        peer = (_text(row.get("name")),)
        if peer == (status.local,):
            yield Sample("priority", (), row.get("priority"))
            continue
        yield Sample("peer_reachable", peer, row.get("reachable"))
        yield Sample("peer_rtt_seconds", peer, _scaled(row.get("rtt_ms"), 0.001))
        yield Sample("peer_last_heard_seconds", peer, row.get("last_heard_s"))
        yield Sample("peer_healthy", peer, row.get("healthy"))
        yield Sample("peer_eligible", peer, row.get("eligible"))
        alarms = row.get("alarms")
        yield Sample("peer_alarms", peer, len(alarms) if isinstance(alarms, list) else None)


def _lifecheck(body: Mapping[str, Any]) -> Iterator[Sample]:
    found = body.get("lifecheck")
    if not isinstance(found, dict):
        return
    yield Sample("lifecheck_expected", (), found.get("expected"))
    yield Sample("lifecheck_running", (), found.get("running"))
    for row in _rows(found.get("checks")):
        yield from _check(row)
    for row in _rows(found.get("heartbeat")):
        yield from _heartbeat(row)
    accelerators = found.get("accelerators")
    for name in accelerators[:ROWS_MAX] if isinstance(accelerators, list) else []:
        yield Sample("accelerator_in_use", (_text(name),), 1)


def _check(row: Mapping[str, Any]) -> Iterator[Sample]:
    check, verdict = (_text(row.get("name")),), _text(row.get("verdict"))
    for state in VERDICTS:
        yield Sample("check_state", (*check, state), state == verdict)
    if verdict in {"up", "down"}:
        yield Sample("check_up", check, verdict == "up")
    yield Sample("check_fail_points", check, row.get("fail_count"))
    yield Sample("check_verdict_age_seconds", check, row.get("age_s"))
    yield Sample("check_look_age_seconds", check, row.get("last_s"))
    for number, probe in enumerate(_rows(row.get("probes")), 1):
        labels = (*check, str(number), _text(probe.get("kind")))
        yield Sample("probe_runs_total", labels, probe.get("runs"))
        yield Sample("probe_failures_total", labels, probe.get("failures"))


def _heartbeat(row: Mapping[str, Any]) -> Iterator[Sample]:
    peer, verdict = (_text(row.get("node")),), _text(row.get("verdict"))
    if verdict in {"alive", "dead"}:
        yield Sample("heartbeat_alive", peer, verdict == "alive")
    yield Sample("heartbeat_heard_by_peer", peer, row.get("heard_by_it"))
    yield Sample("heartbeat_last_heard_seconds", peer, row.get("heard_s"))
    yield Sample("heartbeat_rtt_seconds", peer, _scaled(row.get("rtt_ms"), 0.001))
    yield Sample("heartbeat_loss_ratio", peer, _scaled(row.get("loss_in_percent"), 0.01))


def _rows(value: object) -> list[Mapping[str, Any]]:
    found = value[:ROWS_MAX] if isinstance(value, list) else []
    return [row for row in found if isinstance(row, dict)]


def _number(value: object) -> float | None:
    """A sample's value; None for what is no number."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _scaled(value: object, factor: float) -> float | None:
    number = None if isinstance(value, bool) else _number(value)
    return None if number is None else number * factor


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: object) -> float | None:
    """Seconds since 1970 of a time in a status (RFC 3339)."""
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
