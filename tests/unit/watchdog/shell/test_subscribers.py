"""Pushes: every change once, to everybody who is registered, and no work otherwise."""

from typing import Any

import pytest

from tests.unit.watchdog.shell.channels import FakeChannel
from watchdog.core.report import Glance
from watchdog.shell.subscribers import Subscribers, changes

CALM = Glance("STANDBY", False, "beta", True, False, 0, ("COORDINATOR", "STANDBY"))


class Stage:
    """Subscribers of a node whose glance the test sets; counts how often it was looked at."""

    def __init__(self) -> None:
        self.glance = CALM
        self.glances = self.listings = 0
        self.subscribers = Subscribers(self._glance, self._listing)

    def _glance(self) -> Glance:
        self.glances += 1
        return self.glance

    def _listing(self) -> dict[str, object]:
        self.listings += 1
        return {"NodeCount": 3, "LeaderNodeName": self.glance.coordinator}

    def change(self, **fields: Any) -> None:
        """Let the node change, and look."""
        self.glance = self.glance._replace(**fields)
        self.subscribers.look()


def test_nobody_registered_costs_nothing() -> None:
    """A step comes 19 times a second."""
    stage = Stage()
    stage.change(coordinator="alpha")
    assert (stage.glances, stage.listings) == (0, 0)


def test_the_list_comes_at_once_and_then_only_what_changes() -> None:
    """What happened before the registration is in the list."""
    stage, channel = Stage(), FakeChannel()
    stage.change(coordinator="alpha")
    assert stage.subscribers.add(channel, native=False)["LeaderNodeName"] == "alpha"
    stage.change()
    assert channel.pushed == []
    stage.change(coordinator=None)
    assert channel.pushed == [
        ("4", {"NodeCount": 3, "LeaderNodeName": None, "Event": "coordinator"})
    ]
    stage.change()
    assert len(channel.pushed) == 1
    assert stage.listings == 2


@pytest.mark.parametrize(
    ("fields", "events"),
    [
        ({}, []),
        ({"armed_epoch": 7}, []),
        ({"state": "COORDINATOR"}, ["state"]),
        ({"is_candidate": True}, ["state"]),
        ({"coordinator": "alpha"}, ["coordinator"]),
        ({"has_quorum": False}, ["quorum"]),
        ({"is_on": True}, ["escalation"]),
        ({"states": ("COORDINATOR", "LOADING")}, ["state"]),
        ({"states": ("COORDINATOR", None)}, ["membership", "state"]),
        ({"states": (None, None), "has_quorum": False}, ["quorum", "membership", "state"]),
    ],
)
def test_each_thing_that_changed_is_named(fields: dict[str, Any], events: list[str]) -> None:
    """A client that waits for one event must not miss it because another came with it."""
    assert list(changes(CALM, CALM._replace(**fields))) == events


def test_everybody_is_told_until_he_is_gone() -> None:
    """Also after another one has left."""
    stage, one, two = Stage(), FakeChannel(1), FakeChannel(2)
    stage.subscribers.add(one, native=False)
    stage.subscribers.add(two, native=False)
    stage.change(has_quorum=False)
    stage.subscribers.remove(one)
    stage.change(has_quorum=True)
    assert [len(channel.pushed) for channel in (one, two)] == [1, 2]
    assert len(stage.subscribers) == 1


def test_a_native_client_learns_what_is_armed_and_what_becomes_of_it() -> None:
    """A check that counts only while this node is on needs to know, and for which epoch."""
    stage, native, plain = Stage(), FakeChannel(1), FakeChannel(2)
    stage.subscribers.add(native, native=True)
    stage.subscribers.add(plain, native=False)
    stage.change(is_on=True)
    stage.change(armed_epoch=7)
    stage.change(is_on=False, armed_epoch=0)
    assert native.bodies("q") == [
        {"event": "disarmed"},
        {"event": "armed", "epoch": 7},
        {"event": "disarmed"},
    ]
    assert plain.bodies("q") == []
    assert [body["Event"] for body in plain.bodies("4")] == ["escalation", "escalation"]


def test_who_registers_late_is_told_that_it_is_armed_already() -> None:
    """A lifecheck that was restarted."""
    stage, late = Stage(), FakeChannel()
    stage.change(is_on=True, armed_epoch=7)
    stage.subscribers.add(late, native=True)
    assert late.bodies("q") == [{"event": "armed", "epoch": 7}]
