"""What pgpool's clients see: every field they read, and the whole table of states."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.watchdog.shell.samples import core_status, plan
from watchdog.core.membership import LostReason
from watchdog.core.states import State
from watchdog.shell.pgpool_view import (
    LOST_NUMBERS,
    NUMBERS,
    STATE_NAMES,
    Variable,
    node_list,
    quorum_status,
    state_number,
    variable,
)

STATE_NAME_SIZE_MAX = 127


def nodes_of(body: dict[str, object]) -> list[dict[str, Any]]:
    """The rows of a node list."""
    rows = body["WatchdogNodes"]
    assert isinstance(rows, list)
    assert body["NodeCount"] == len(rows)
    return rows


def seen(**changes: object) -> dict[str, object]:
    """A row of Node.status() of a reachable standby, with changes."""
    return {"state": "STANDBY", "reachable": True, "reason": ""} | changes


@pytest.mark.parametrize(
    ("row", "phase", "number", "name"),
    [
        (seen(reachable=False, state=None, reason="never seen"), "", 0, "DEAD"),
        (seen(state="LOADING"), "", 1, "LOADING"),
        (seen(state="WAITING_FOR_QUORUM"), "leaderless", 3, "INITIALIZING"),
        (seen(state="COORDINATOR"), "escalated", 4, "LEADER"),
        (seen(), "candidate", 6, "STANDING FOR LEADER"),
        (seen(), "prevote", 7, "STANDBY"),
        (seen(reason="an own check is down"), "", 7, "STANDBY"),
        (seen(reachable=False, reason="silent"), "", 8, "LOST"),
        (seen(reachable=False, reason="connection closed"), "", 8, "LOST"),
        (seen(state=None), "", 8, "LOST"),
        (seen(state="IN_NW_TROUBLE"), "leaderless", 9, "IN NETWORK TROUBLE"),
        (seen(reachable=False, reason="stopped"), "", 10, "SHUTDOWN"),
    ],
)
def test_every_state_has_pgpools_number_and_its_name(
    row: dict[str, object], phase: str, number: int, name: str
) -> None:
    """The table of docs/ipc.md."""
    assert state_number(row, phase) == number
    assert STATE_NAMES[number] == name


def test_no_state_of_ours_and_no_reason_is_forgotten() -> None:
    """A new one must not reach a client as LOST by accident."""
    assert set(NUMBERS) == {state.value for state in State}
    assert set(LOST_NUMBERS) <= {reason.value for reason in LostReason}
    assert {*NUMBERS.values(), *LOST_NUMBERS.values(), 6, 8} == set(STATE_NAMES)
    assert all(len(name) <= STATE_NAME_SIZE_MAX for name in STATE_NAMES.values())


def test_node_list_has_every_field_that_a_client_reads() -> None:
    """wd_cli refuses a list without one of its nine; newer ones want more."""
    body = node_list(plan(), core_status(), is_checked=True)
    rows = nodes_of(body)
    assert {key: value for key, value in body.items() if key != "WatchdogNodes"} == {
        "RemoteNodeCount": 2,
        "MemberRemoteNodeCount": 2,
        "NodesRequireForQuorum": 2,
        "QuorumStatus": 1,
        "AliveNodeCount": 2,
        "Escalated": 1,
        "LeaderNodeName": "alpha",
        "LeaderHostName": "10.0.0.11",
        "NodeCount": 3,
    }
    assert rows[0] == {
        "ID": 0,
        "State": 4,
        "Membership": 0,
        "MembershipString": "MEMBER",
        "NodeName": "alpha",
        "HostName": "10.0.0.11",
        "StateName": "LEADER",
        "DelegateIP": "10.0.0.100",
        "WdPort": 9000,
        "PgpoolPort": 9999,
        "Priority": 3,
        "LifecheckStarted": 1,
    }
    assert [row["LifecheckStarted"] for row in rows] == [1, 0, 0]
    for row in rows:
        assert row.keys() == rows[0].keys()


def test_the_node_that_answers_stands_first_and_keeps_its_number() -> None:
    """As in pgpool since 4.2; the others follow in the order of the file."""
    core = core_status()
    core["nodes"].reverse()
    rows = nodes_of(node_list(replace(plan(), node="gamma"), core, is_checked=False))
    assert [(row["ID"], row["NodeName"]) for row in rows] == [
        (2, "gamma"),
        (0, "alpha"),
        (1, "beta"),
    ]


def test_one_node_is_found_by_its_number_and_a_stranger_is_nobody() -> None:
    """pgpool answers an unknown id with a row of -1, not with an error."""
    (row,) = nodes_of(node_list(plan(), core_status(), is_checked=False, node_id=1))
    assert row["NodeName"] == "beta"
    (nobody,) = nodes_of(node_list(plan(), core_status(), is_checked=False, node_id=7))
    assert (nobody["ID"], nobody["State"], nobody["NodeName"]) == (-1, -1, "Not_Set")
    assert nobody.keys() == row.keys()


def test_without_coordinator_or_vip_the_literals_of_pgpool_stand_there() -> None:
    """One with a blank, one with an underscore."""
    core = core_status() | {"coordinator": None, "escalated": False}
    body = node_list(replace(plan(), vips=()), core, is_checked=False)
    assert (body["LeaderNodeName"], body["LeaderHostName"]) == ("Not Set", "Not Set")
    assert (body["AliveNodeCount"], body["Escalated"], body["QuorumStatus"]) == (0, 0, -2)
    assert {row["DelegateIP"] for row in nodes_of(body)} == {"Not_Set"}


@pytest.mark.parametrize(
    ("is_ok", "coordinator", "status"),
    [(True, "alpha", 1), (True, None, -2), (False, "alpha", -1), (False, None, -1)],
)
def test_quorum_status_is_a_number(is_ok: bool, coordinator: str | None, status: int) -> None:
    """Whatever is below 1 is trouble to a script of pgpool's."""
    core = core_status() | {"quorum": {"ok": is_ok, "have": 1, "need": 2}}
    assert quorum_status(core | {"coordinator": coordinator}) == status


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("WDState", Variable(1, 4)),
        ("quorumSTATE", Variable(1, 1)),
        ("Escalated", Variable(3, 1)),
        ("Foo", None),
    ],
)
def test_variables_are_found_in_any_case(name: str, expected: Variable | None) -> None:
    """As pgpool finds them."""
    assert variable(plan(), core_status(), name) == expected
