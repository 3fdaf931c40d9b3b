"""Each path's yes and no, as docs/http.md defines them."""

from typing import Any

import pytest

from tests.unit.watchdog.web.samples import status
from watchdog.web.answers import CHECKS, Answer


def ask(path: str, age_s: float = 0.01, own: Any = None, **changes: Any) -> Answer:
    """The answer of `path` to alpha's status with some changes."""
    return CHECKS[path](status(own, **changes), age_s)


def test_a_coordinator_that_is_on_is_the_leader() -> None:
    """The reason names it, its epoch and what is left of the lease now."""
    assert ask("/leader", 0.012) == Answer(True, "alpha is the coordinator, epoch 7, lease 0.800 s")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": "STANDBY", "coordinator": "beta"}, "the coordinator is beta"),
        ({"state": "LOADING", "coordinator": None}, "none that this node knows"),
        ({"escalated": False, "phase": "escalating"}, "its VIPs are not up (escalating)"),
        ({"phase": "resigning"}, "giving up the VIPs"),
        ({"lease_left_ms": 0}, "its lease has run out"),
    ],
)
def test_nothing_else_is_the_leader(changes: dict[str, Any], why: str) -> None:
    """A yes to two nodes at once would be a split brain of the load balancer."""
    answer = ask("/leader", **changes)
    assert not answer.is_yes
    assert why in answer.why


@pytest.mark.parametrize(("age_s", "is_yes"), [(0.811, True), (0.812, False), (5.0, False)])
def test_the_age_of_an_answer_is_taken_off_the_lease(age_s: float, is_yes: bool) -> None:
    """However late an answer comes, it never says yes after the lease."""
    assert ask("/leader", age_s).is_yes is is_yes


@pytest.mark.parametrize(
    ("changes", "is_yes"),
    [
        ({"state": "STANDBY"}, True),
        ({"state": "STANDBY", "unfit": "witness"}, False),
        ({"state": "STANDBY", "unfit": "hears no quorum"}, False),
        ({"state": "COORDINATOR"}, False),
        ({"state": "WAITING_FOR_QUORUM"}, False),
    ],
)
def test_a_standby_follows_and_may_lead(changes: dict[str, Any], is_yes: bool) -> None:
    """A witness never is one."""
    answer = ask("/standby", **changes)
    assert answer.is_yes is is_yes
    assert changes.get("unfit", "") in answer.why


@pytest.mark.parametrize("is_yes", [True, False])
def test_quorum_is_what_the_node_counts(is_yes: bool) -> None:
    """The reason has both weights."""
    answer = ask("/quorum", quorum={"have": 1, "need": 2, "ok": is_yes})
    assert answer.is_yes is is_yes
    assert "weight 1, needed 2" in answer.why


@pytest.mark.parametrize(
    ("changes", "own", "why"),
    [
        ({"unfit": "pg is down"}, {"healthy": False}, "pg is down"),
        ({}, {"healthy": False}, "the lifecheck says DEAD"),
        ({"uplink": "eth0 has no carrier"}, {}, "eth0 has no carrier"),
        ({"state": "IN_NW_TROUBLE"}, {}, "until it is stable"),
        ({"memory": "amnesiac"}, {}, "its state is amnesiac"),
    ],
)
def test_an_unhealthy_node_says_why(changes: dict[str, Any], own: dict[str, Any], why: str) -> None:
    """What is wrong with this very node: its service, its network, its memory."""
    answer = ask("/healthy", own=own, **changes)
    assert not answer.is_yes
    assert why in answer.why


@pytest.mark.parametrize("state", ["STANDBY", "COORDINATOR", "LOADING", "WAITING_FOR_QUORUM"])
def test_a_healthy_node_is_healthy_in_any_state(state: str) -> None:
    """Others' absence is not this node's illness: /quorum says that."""
    assert ask("/healthy", state=state).is_yes


def test_a_node_that_answers_is_ready() -> None:
    """Whatever it says of itself."""
    assert ask("/readyz", state="IN_NW_TROUBLE", escalated=False).is_yes
