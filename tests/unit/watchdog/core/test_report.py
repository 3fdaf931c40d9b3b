"""What `status` says. Sections in parentheses are those of docs/election.md."""

import json

from tests.unit.watchdog.core.rig import Rig, leader, standby
from tests.unit.watchdog.core.support import TIMING, beacon, hello, inc_of, members, settings
from watchdog.core import events as ev
from watchdog.core.effects import Escalate
from watchdog.core.messages import Release, Tenure, Vote
from watchdog.instant import MS, Instant


def node(rig: Rig, name: str) -> dict[str, object]:
    """The line of one member."""
    (found,) = (n for n in rig.node.status()["nodes"] if n["name"] == name)
    return dict(found)


def test_status_is_plain_data_and_changes_nothing() -> None:
    """It travels as JSON (house: status)."""
    rig = leader()
    first = json.dumps(rig.node.status(), sort_keys=True)
    assert first == json.dumps(rig.node.status(), sort_keys=True)


def test_a_coordinator_says_term_epoch_quorum_and_lease() -> None:
    """What an operator looks at first (States and events)."""
    status = leader().node.status()
    assert (status["state"], status["phase"]) == ("COORDINATOR", "escalated")
    assert (status["term"], status["epoch"], status["coordinator"]) == (8, 8, "a")
    assert status["quorum"] == {"have": 3, "need": 2, "ok": True}
    assert 0 < status["lease_left_ms"] <= TIMING.soft_ns // MS
    assert status["escalated"] is True


def test_a_blank_node_says_whom_it_waits_for() -> None:
    """Until a leader exists (Formation and lost state)."""
    rig = Rig(amnesiac=True)
    status = rig.node.status()
    assert status["memory"] == "amnesiac"
    assert status["waiting_for"] == ["b", "c"]
    assert status["unfit"] == "state lost"
    assert status["sitout_left_ms"] == TIMING.promise_ns // MS
    assert status["phase"] == "leaderless"


def test_roles_are_coordinator_witness_and_member() -> None:
    """Each line has one (Two nodes, even clusters, membership)."""
    rig = standby(settings(members=members("abc", c={"witness": True})))
    rig.hear("b", beacon("b"))
    assert [n["role"] for n in rig.node.status()["nodes"]] == ["member", "coordinator", "witness"]
    assert [n["role"] for n in leader().node.status()["nodes"]] == [
        "coordinator",
        "member",
        "member",
    ]


def test_the_phase_names_what_is_negotiated() -> None:
    """prevote, candidate, following, leaderless (States and events)."""
    rig = standby()
    assert rig.node.status()["phase"] == "prevote"
    rig.unanswered.add(Vote)
    rig.parts.stand(rig.now)
    assert rig.node.status()["phase"] == "candidate"
    rig = standby()
    rig.hear("b", beacon("b"))
    assert rig.node.status()["phase"] == "following"


def test_a_lost_member_has_a_reason_and_no_state() -> None:
    """Every lost member has one (Terms)."""
    rig = standby()
    rig.cut.update("bc")
    rig.advance(1000)
    assert (node(rig, "b")["reachable"], node(rig, "b")["reason"]) == (False, "silent")
    assert node(rig, "b")["state"] is None
    rig.step(ev.LinkClosed("c", inc_of("c"), "reset"))
    lost = node(rig, "c")
    assert (lost["reason"], lost["last_heard_ms"], lost["healthy"]) == (
        "connection closed",
        None,
        None,
    )


def test_a_member_with_another_file_is_marked() -> None:
    """By part of the file; unknown parts are not compared (Messages, HELLO)."""
    rig = standby(settings(config_digests=(("timing", b"1"), ("vip", b"2"), ("mine", b"3"))))
    rig.hear("b", hello("b", config_digests=(("timing", b"9"), ("vip", b"2"), ("new", b"4"))))
    assert node(rig, "b")["config_differs"] == ["timing"]


def test_trouble_of_the_own_uplink_is_named() -> None:
    """Or nobody knows why (States and events)."""
    rig = standby()
    assert rig.node.status()["uplink"] == ""
    rig.step(ev.UplinkChanged(up=False, why="carrier lost"))
    rig.advance(TIMING.reach_ns / MS)
    assert rig.node.status()["uplink"] == "carrier lost"
    assert rig.node.status()["state"] == "IN_NW_TROUBLE"


def test_a_member_that_stopped_is_said_to_have_stopped() -> None:
    """Not lost (The voter's rule)."""
    rig = standby()
    gone = Release(Tenure("b", inc_of("b"), 2**64 - 1), 0, None, gone=True)
    rig.hear("b", gone)
    rig.cut.add("b")
    rig.advance(1000)
    assert node(rig, "b")["reason"] == "stopped"


def test_a_glance_is_what_status_says_in_short() -> None:
    """Subscribers are pushed the long form whenever the short one differs (docs/ipc.md)."""
    rig = leader()
    (escalate,) = (effect for effect in rig.log if isinstance(effect, Escalate))
    rig.step(ev.HookEnded(escalate.n, ok=True, detail=""))
    glance, status = rig.node.glance(), rig.node.status()
    assert (glance.state, glance.coordinator) == (status["state"], status["coordinator"])
    assert (glance.has_quorum, glance.is_on) == (True, True)
    assert glance.armed_epoch == status["armed_epoch"] == status["epoch"] == 8
    assert glance.states == ("STANDBY", "STANDBY")
    rig.cut.add("b")
    rig.advance(1000)
    assert rig.node.glance() == glance._replace(states=(None, "STANDBY"))


def test_a_glance_tells_a_candidate() -> None:
    """It is no state of its own, but pgpool's clients know one (docs/ipc.md)."""
    rig = standby()
    assert not rig.node.glance().is_candidate
    rig.unanswered.add(Vote)
    rig.parts.stand(rig.now)
    assert rig.node.glance().is_candidate
    assert rig.node.glance().armed_epoch == 0


def test_a_status_is_of_the_instant_of_the_question() -> None:
    """Otherwise a lease would seem up to an interval longer than it is (States and events)."""
    rig = leader()
    left_ms = rig.node.status()["lease_left_ms"]
    later = Instant(rig.now.boot_ns + 50 * MS, rig.now.raw_ns + 50 * MS)
    assert left_ms - 51 <= rig.node.status(later)["lease_left_ms"] <= left_ms - 50
