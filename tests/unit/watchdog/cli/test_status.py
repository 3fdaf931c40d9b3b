"""What people and scripts see of a status: a table that fits, and an exit code that means it."""

from typing import Any

import pytest

from tests.unit.watchdog.shell.samples import core_status, plan
from watchdog.cli.status import WIDTH, exit_code, render
from watchdog.shell.moves import Move
from watchdog.shell.status_view import Surroundings, view

LINK = {"connected": True, "rtt_ms": 0.42, "error": ""}
AROUND = Surroundings({"beta": LINK, "gamma": LINK}, {}, "rt")
MOVE = Move("beta", "alpha", "2026-01-02T03:04:05.678Z", "kernel update")


def body(
    around: Surroundings = AROUND,
    move: Move | None = MOVE,
    **core: Any,
) -> dict[str, Any]:
    """Return a status reply of a healthy cluster, with these changes to the core's part."""
    return view(plan(), core_status() | core, around, move)


def test_healthy_cluster_is_one_look() -> None:
    """The whole picture: if this test has to change, so has the documentation."""
    assert render(body()).splitlines() == [
        "pg-prod: coordinator alpha, term 7; alpha is COORDINATOR (escalated)",
        "  NODE   ADDRESS         STATE        ROLE         PRI  HEARD  RTT      REACHABLE",
        "* alpha  10.0.0.11:9000  COORDINATOR  coordinator  3    -      -        this node",
        "  beta   10.0.0.12:9000  STANDBY      member       2    0.0 s  0.42 ms  yes",
        "  gamma  10.0.0.13:9000  STANDBY      witness      1    0.0 s  0.42 ms  yes",
        "VIP db 10.0.0.100/24: held here",
        "quorum: 3 present, 2 needed; lease left 812 ms; scheduling rt; gate nft",
        "last move: beta -> alpha, seen by alpha at 2026-01-02T03:04:05.678Z: kernel update",
    ]


def test_silent_member_is_explained_below_the_table() -> None:
    """The reason is often longer than a column."""
    core = core_status()
    core["nodes"][1] |= {"reachable": False, "state": None, "last_heard_ms": None}
    link = {"connected": False, "rtt_ms": None, "error": "connection refused by 10.0.0.12:9000"}
    text = render(body(Surroundings({"beta": link}, {}, "rt"), nodes=core["nodes"]))
    assert "  beta   10.0.0.12:9000  unknown      member       2    -      -    no\n" in text
    assert "\nbeta: not reachable: connection refused by 10.0.0.12:9000\n" in text


def test_everything_that_is_wrong_is_said() -> None:
    """Lost quorum, who is missing, refusals, alarms, warnings."""
    refusals = {"wrong_key": {"count": 3, "last_address": "10.0.0.99"}}
    around = Surroundings({}, refusals, "rt", ["running as root"])
    lines = render(
        body(
            around,
            None,
            quorum={"have": 1, "need": 2, "ok": False},
            coordinator=None,
            lease_left_ms=0,
            memory="amnesiac",
            waiting_for=["beta", "gamma"],
            alarms=[["SPLIT_BRAIN", "two leaders met"]],
            escalated=False,
        )
    ).splitlines()
    assert lines[0].startswith("pg-prod: no coordinator")
    assert lines[5:] == [
        "VIP db 10.0.0.100/24: not held here",
        "quorum LOST: 1 present, 2 needed; scheduling rt; gate nft",
        "memory: nothing is stored here: the others are asked what this node must not forget",
        "waiting for: beta, gamma (or, once and on purpose: `quorumdog form`)",
        "refused: wrong_key x3, last from 10.0.0.99",
        "warning: SPLIT_BRAIN: two leaders met",
        "warning: running as root",
    ]


def test_no_line_is_wider_than_a_terminal() -> None:
    """What to do stands at the end of a warning, so it is wrapped; a flood of text is cut."""
    text = render(body(Surroundings({}, {}, "rt", ["y " * 100 + "do this", "x" * 3000])))
    lines = text.splitlines()
    assert max(map(len, lines)) == WIDTH
    assert any(line.startswith("    y") and line.endswith("do this") for line in lines)
    assert len(lines) < 20
    assert text.endswith("...")


def test_what_a_line_says_is_not_said_again() -> None:
    """A witness is one by its role; a new node's "state lost" would only frighten."""
    core = core_status()
    core["nodes"][0] |= {"reason": "state lost"}
    core["nodes"][2] |= {"reason": "witness"}
    text = render(body(nodes=core["nodes"], memory="amnesiac"))
    assert "state lost" not in text
    assert "\ngamma: " not in text
    assert "\nalpha: state lost" in render(body(nodes=core["nodes"]))


def test_text_of_others_cannot_move_the_cursor() -> None:
    """A reason may come from another machine."""
    text = render(body(Surroundings({}, {}, "rt", ["\x1b[2Jnothing to see"])))
    assert "warning: ?[2Jnothing to see" in text


@pytest.mark.parametrize(
    ("core", "code"),
    [
        ({}, 0),
        ({"quorum": {"have": 1, "need": 2, "ok": False}}, 2),
        ({"coordinator": None}, 1),
        ({"memory": "amnesiac"}, 1),
    ],
)
def test_exit_code_is_for_scripts(core: dict[str, Any], code: int) -> None:
    """0 healthy, 1 degraded, 2 no quorum."""
    assert exit_code(body(**core)) == code


@pytest.mark.parametrize(
    "change", [{"reachable": False}, {"alarms": ["SPLIT_BRAIN"]}, {"state": "LOADING"}]
)
def test_trouble_of_one_member_is_degraded(change: dict[str, object]) -> None:
    """Also when only a peer says so; a rolling upgrade waits until the node votes again."""
    core = core_status()
    core["nodes"][1] |= change
    assert exit_code(body(nodes=core["nodes"])) == 1
