"""The status reply: the core's view with the shell's facts merged in, nothing invented."""

from dataclasses import replace
from typing import Any

from tests.unit.watchdog.shell.samples import core_status, plan
from watchdog.shell.health_view import Health
from watchdog.shell.moves import Move
from watchdog.shell.status_view import Surroundings, view, warnings

AROUND = Surroundings(
    links={
        "beta": {
            "connected": False,
            "rtt_ms": 0.4,
            "error": "connection refused by 10.0.0.12:9000",
        },
        "gamma": {"connected": True, "rtt_ms": 0.2, "error": "closed by the peer"},
    },
    refusals={"wrong_key": {"count": 2, "last_address": "10.0.0.99"}},
    scheduling="rt",
)


def test_reply_has_every_field_that_is_documented() -> None:
    """docs/ipc.md and scripts of users rely on the names."""
    body = view(plan(), core_status(), AROUND, None)
    assert set(body) == {
        "schema", "cluster", "local", "state", "phase", "quorum", "coordinator", "term", "epoch",
        "lease_left_ms", "escalated", "watchdog", "memory", "waiting_for", "sitout_left_ms",
        "unfit", "uplink", "nodes", "vips", "last_move", "gate", "scheduling",
        "refusals", "alarms", "warnings", "lifecheck", "called_dead", "datagrams", "stalls",
    }  # fmt: skip
    rows: Any = body["nodes"]
    assert set(rows[0]) == {
        "name", "id", "address", "port", "state", "role", "priority", "eligible", "reachable",
        "last_heard_s", "rtt_ms", "checks", "reason", "alarms", "healthy",
        "called_dead_by", "vetoed", "udp", "last_round",
    }  # fmt: skip
    assert body["schema"] == 1


def test_nodes_keep_the_order_of_the_file_and_get_their_numbers() -> None:
    """The number is the place in [nodes], whatever order the core has."""
    core = core_status()
    core["nodes"].reverse()
    rows: Any = view(plan(), core, AROUND, None)["nodes"]
    assert [(row["id"], row["name"], row["role"]) for row in rows] == [
        (0, "alpha", "coordinator"),
        (1, "beta", "member"),
        (2, "gamma", "witness"),
    ]


def test_silent_member_is_explained_by_its_connection() -> None:
    """Why the dial failed helps an operator more than "not heard"."""
    core = core_status()
    core["nodes"][1] |= {"reachable": False, "reason": "never heard", "last_heard_ms": None}
    core["nodes"][2] |= {"reachable": False, "reason": "silent", "last_heard_ms": 2345}
    rows: Any = view(plan(), core, AROUND, None)["nodes"]
    assert rows[1]["reason"] == "connection refused by 10.0.0.12:9000"
    assert rows[1]["last_heard_s"] is None
    assert rows[2]["reason"] == "silent"
    assert rows[2]["last_heard_s"] == 2.3


def test_vips_are_held_by_an_escalated_node_only() -> None:
    """`held` is about this node: it cannot know more."""
    for is_on in (True, False):
        body = view(plan(), core_status() | {"escalated": is_on}, AROUND, None)
        assert body["vips"] == [{"name": "db", "address": "10.0.0.100/24", "held": is_on}]


def test_alarms_and_a_wrong_scheduling_class_become_warnings() -> None:
    """Whatever an operator should look at is in one list of sentences."""
    core = core_status() | {"alarms": [["SPLIT_BRAIN", "two leaders met"]]}
    core["nodes"][1] |= {"alarms": ["STORAGE_BAD"], "config_differs": ["timing", "vip"]}
    around = Surroundings({}, {}, "normal", ["running as root"])
    assert warnings(plan(), core, around) == [
        "SPLIT_BRAIN: two leaders met",
        "beta has alarms: STORAGE_BAD",
        "beta has another configuration in: timing, vip",
        "scheduling class is normal, the configuration says rt",
        "running as root",
    ]


def test_last_move_is_shown_with_its_four_facts() -> None:
    """From, to, when and why: what everybody asks after a failover."""
    body = view(plan(), core_status(), AROUND, Move("beta", "alpha", "2026-01-02", "switchover"))
    assert body["last_move"] == {
        "from": "beta",
        "to": "alpha",
        "at": "2026-01-02",
        "reason": "switchover",
    }


def test_who_is_called_dead_and_by_whom_is_said_of_each_node() -> None:
    """A quorum of such words makes a coordinator leave; one alone moves nothing."""
    core = core_status() | {"called_dead": {"inform": {"beta": "smoke"}}}
    core["nodes"][0] |= {"verdicts": ["beta"]}
    core["nodes"][2] |= {"verdicts": ["alpha", "beta"]}
    body = view(plan(), core, AROUND, None)
    rows: Any = body["nodes"]
    assert [row["called_dead_by"] for row in rows] == [["gamma"], ["alpha", "gamma"], []]
    assert body["called_dead"] == {"inform": {"beta": "smoke"}}


def test_checks_are_those_of_the_node_that_answers() -> None:
    """Another node's checks are asked there."""
    row = {"name": "db", "verdict": "up", "since_boot_s": 90.0, "last_boot_s": 99.9}
    around = Surroundings({}, {}, "rt", health=Health({"checks": [row]}), now_s=100.0)
    rows: Any = view(plan(), core_status(), around, None)["nodes"]
    assert rows[0]["checks"]["db"] == {
        "name": "db", "verdict": "up", "age_s": 10.0, "last_s": 0.1, "probes": [],
    }  # fmt: skip
    assert [row["checks"] for row in rows[1:]] == [{}, {}]


def path(*, udp: bool | None, is_blocked: bool = False) -> dict[str, object]:
    """What is known of the datagrams to a peer."""
    round_by = "udp" if udp else "tcp"
    counters = {"received": 5, "sent": 7, "copies": 1}
    return {"udp": udp, "is_blocked": is_blocked, "last_round": round_by, **counters}


def test_each_node_shows_how_its_rounds_come() -> None:
    """Datagrams are counted over all peers; this node says nothing to itself."""
    paths = {"beta": path(udp=False), "gamma": path(udp=True)}
    around = replace(AROUND, paths=paths, datagrams={"wills": 2, "unsent": 0})
    body: Any = view(plan(), core_status(), around, None)
    ways = [(row["udp"], row["last_round"]) for row in body["nodes"]]
    assert ways == [(None, None), (False, "tcp"), (True, "udp")]
    assert body["datagrams"] == {"received": 10, "sent": 14, "copies": 2, "wills": 2, "unsent": 0}
    assert not any("UDP" in text for text in body["warnings"])


def test_a_firewall_for_datagrams_is_worth_a_warning_while_the_node_is_heard() -> None:
    """Of a node that is down nothing answers, and that is said already."""
    paths = {name: path(udp=False, is_blocked=True) for name in ("beta", "gamma")}
    core = core_status()
    for row in core["nodes"]:
        row["reachable"] = row["name"] != "gamma"
    found = [text for text in warnings(plan(), core, replace(AROUND, paths=paths)) if "UDP" in text]
    (text,) = found
    assert text == (
        "UDP to beta (10.0.0.12 port 9000) does not get through: is there a firewall? "
        "TCP alone carries the rounds, and packet loss may move the VIP"
    )
