"""A status body is taken only when everything is there that an answer depends on."""

from typing import Any

import pytest

from tests.unit.watchdog.web.samples import BODY, body, status
from watchdog.web.status import TEXT_SIZE_MAX, StatusError, parse


def test_the_fields_of_an_answer_are_taken_over() -> None:
    """Times become seconds, and nothing else changes its meaning."""
    found = status()
    assert (found.local, found.state, found.coordinator) == ("alpha", "COORDINATOR", "alpha")
    assert (found.is_on, found.has_quorum, found.is_healthy) == (True, True, True)
    assert found.lease_left_s == pytest.approx(0.812)
    assert (found.weight_have, found.weight_need, found.epoch) == (3, 2, 7)
    assert found.body == BODY


def test_no_coordinator_is_a_status_too() -> None:
    """It is what an election looks like."""
    assert status(coordinator=None).coordinator is None


@pytest.mark.parametrize(
    "field",
    [
        "schema", "local", "state", "phase", "quorum", "epoch", "lease_left_ms", "escalated",
        "memory", "unfit", "uplink", "nodes",
    ],
)  # fmt: skip
def test_a_body_without_a_field_that_decides_is_no_answer(field: str) -> None:
    """A missing fact must not be read as a comfortable one."""
    made = body()
    del made[field]
    with pytest.raises(StatusError):
        parse(made)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", 2),
        ("state", None),
        ("state", 1),
        ("escalated", 1),
        ("escalated", "true"),
        ("lease_left_ms", True),
        ("lease_left_ms", -1),
        ("lease_left_ms", 10**400),
        ("lease_left_ms", "812"),
        ("quorum", []),
        ("quorum", {"have": 1, "need": 2}),
        ("coordinator", 7),
        ("nodes", {}),
        ("nodes", [None, 1, {"name": "beta", "healthy": True}]),
        ("nodes", [{"name": "alpha"}]),
    ],
)
def test_a_field_of_another_kind_is_no_answer(field: str, value: Any) -> None:
    """What answers at the socket may be anything."""
    with pytest.raises(StatusError):
        parse(body(**{field: value}))


def test_texts_become_one_short_line() -> None:
    """They end in the one-line body of a response."""
    found = status(unfit="a\r\nb\tc " + "x" * 1000)
    assert found.unfit.startswith("a b c x")
    assert len(found.unfit) == TEXT_SIZE_MAX
