"""The metrics page: true values in base units, and no samples for what is not known."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.watchdog.web.samples import body, status
from watchdog.core.states import State
from watchdog.web.metrics import ROWS_MAX, STATES, Counts, page
from watchdog.web.series import SERIES
from watchdog.web.status import Status, parse

COUNTS = Counts({("/leader", 200): 5, ("other", 404): 1}, 3, {"idle": 2}, 4, 6)


def values(found: Status | None, age_s: float = 0.012) -> dict[str, float]:
    """Each sample of the page, by its name with its labels, without `quorumdog_`."""
    text = page(found, age_s, COUNTS).decode()
    return {
        sample.name.removeprefix("quorumdog_")
        + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_states_are_those_of_the_core() -> None:
    """A state that is not on the page could not be asked for before it happens."""
    assert set(STATES) == {state.value for state in State}


def test_the_node_and_its_quorum() -> None:
    """Facts are 0 or 1; the age of the answer is taken off the lease."""
    found = values(status())
    assert found["up"] == found["is_coordinator"] == found["escalated"] == 1
    assert found["state|COORDINATOR"] == 1
    assert sum(found[f"state|{state}"] for state in STATES) == 1
    assert (found["term"], found["epoch"]) == (9, 7)
    assert found["lease_left_seconds"] == pytest.approx(0.8)
    assert found["status_age_seconds"] == pytest.approx(0.012)
    quorum = [found[f"quorum_{name}"] for name in ("have_weight", "need_weight", "ok")]
    assert quorum == [3, 2, 1]
    assert found["node_info|pg-prod|alpha"] == found["coordinator_info|alpha"] == 1
    assert found["vip_held|10.0.0.100/24|db"] == 1
    assert found["priority"] == 3


def test_what_somebody_should_look_at() -> None:
    """Names of alarms are labels; their texts are for `status`."""
    found = values(status())
    assert found["alarm|WALL_CLOCKS_DIFFER"] == found["alarms"] == 1
    assert found["warnings"] == 2
    assert found["refused_total|wrong_key"] == 4
    assert found["stalls_total"] == 3
    assert found["stall_worst_seconds"] == pytest.approx(0.578)
    assert found["stall_stolen_seconds_total"] == pytest.approx(0.42)
    assert found["last_move_timestamp_seconds"] == pytest.approx(1795269600.25)
    assert found["last_move_info|beta|alpha"] == 1


def test_what_is_heard_of_the_peers() -> None:
    """Milliseconds of a status become seconds."""
    found = values(status())
    assert (found["peer_reachable|beta"], found["peer_reachable|gamma"]) == (1, 0)
    assert found["peer_rtt_seconds|beta"] == pytest.approx(0.0005)
    assert found["peer_last_heard_seconds|gamma"] == pytest.approx(0.2)
    assert found["peer_alarms|beta"] == 1
    assert "peer_reachable|alpha" not in found


def test_the_lifecheck() -> None:
    """An unknown verdict is neither up nor down; per cent become ratios."""
    found = values(status())
    assert found["lifecheck_expected"] == found["lifecheck_running"] == 1
    assert found["check_up|pg"] == found["check_state|pg|up"] == 1
    assert "check_up|gw" not in found
    assert found["check_state|gw|unknown"] == 1
    assert found["check_fail_points|pg"] == 1
    assert found["check_verdict_age_seconds|pg"] == pytest.approx(12.5)
    assert found["probe_runs_total|pg|process|1"] == 9
    assert found["probe_failures_total|pg|tcp|2"] == 0
    assert found["heartbeat_alive|beta"] == found["heartbeat_heard_by_peer|beta"] == 1
    assert found["heartbeat_loss_ratio|beta"] == pytest.approx(0.125)
    assert found["heartbeat_rtt_seconds|beta"] == pytest.approx(0.00025)
    assert not [name for name in found if name.startswith("heartbeat") and "gamma" in name]
    assert found["accelerator_in_use|process_connector"] == 1


def test_a_silent_node_leaves_the_ports_own_counts() -> None:
    """A scrape of a host whose node process hangs is not a failed scrape."""
    found = values(None)
    assert found["up"] == 0
    assert found["http_requests_total|200|/leader"] == 5
    assert found["http_connections"] == 3
    assert found["http_connections_ended_total|idle"] == 2
    assert (found["http_bad_requests_total"], found["http_questions_total"]) == (4, 6)
    assert not [name for name in found if not name.startswith(("up", "build_info", "http_"))]


def test_every_series_has_a_sample_somewhere() -> None:
    """What is promised in the list is said by the code."""
    text = page(status(), 0.0, COUNTS).decode()
    families = {family.name for family in text_string_to_metric_families(text)}
    assert families == {f"quorumdog_{name.removesuffix('_total')}" for name in SERIES}


@pytest.mark.parametrize("lifecheck", [None, [], {}, {"checks": 7, "heartbeat": [1, None]}])
def test_an_older_node_has_fewer_samples(lifecheck: Any) -> None:
    """A node without lifecheck, or of the version before."""
    found = values(status(lifecheck=lifecheck))
    assert found["up"] == 1
    assert not [name for name in found if name.startswith(("check_", "heartbeat_"))]


@pytest.mark.parametrize(
    "changes",
    [
        {"term": "9"},
        {"term": 10**400},
        {"term": None},
        {"vips": [{"name": 7}, None]},
        {"vips": 3},
        {"refusals": {"x": 4}},
        {"refusals": [1]},
        {"stalls": {"count": "3", "worst_ms": None}},
        {"stalls": 3},
        {"alarms": {"name": 1}},
        {"warnings": "many"},
        {"last_move": "beta"},
        {"last_move": {"at": "yesterday"}},
        {"last_move": {"at": "0001-01-01T00:00:00"}},
        {"last_move": {"at": 7, "from": None, "to": []}},
        {"lifecheck": {"checks": [{"name": None, "verdict": [], "probes": {}}]}},
        {"lifecheck": {"heartbeat": [{"node": {}, "rtt_ms": True}], "accelerators": [1]}},
    ],
)
def test_odd_values_cost_their_sample_and_not_the_page(changes: dict[str, Any]) -> None:
    """The metrics of a node are wanted most when something is wrong with it."""
    assert values(status(**changes))["up"] == 1


def test_rows_are_bounded_and_names_that_come_twice_are_one_series() -> None:
    """A page with a series twice is refused as a whole by Prometheus."""
    rows = body()["nodes"] + [{"name": f"n{number % 600}"} for number in range(10_000)]
    rows = [{**row, "reachable": True} for row in rows]
    text = page(parse(body(nodes=rows)), 0.0, COUNTS).decode()
    lines = [line for line in text.splitlines() if line.startswith("quorumdog_peer_reachable")]
    assert len(lines) == len(set(lines)) == ROWS_MAX - 1


def test_a_label_cannot_break_the_page() -> None:
    """Names come from configuration files; quotes, backslashes and lines are escaped."""
    odd = 'a"b\\c\nquorumdog_up 0'
    found = values(status(alarms=[{"name": odd}]))
    assert found["up"] == 1
    assert found[f"alarm|{odd}"] == 1
