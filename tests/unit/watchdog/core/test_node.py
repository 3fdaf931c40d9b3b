"""One whole node. Sections in parentheses are those of docs/election.md."""

import pytest

from tests.unit.watchdog.core.rig import (
    REACH_MS,
    Rig,
    all_of,
    changes,
    leader,
    standby,
    state,
)
from tests.unit.watchdog.core.support import (
    BEACON_MS,
    PROMISE_MS,
    SOFT_MS,
    TIMING,
    beacon,
    hello,
    inc_of,
    members,
    release,
    sent,
    settings,
)
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.messages import PreVote, Release
from watchdog.core.node import WAKE_MIN_NS
from watchdog.instant import MS

# --- the way up


def test_a_node_loads_finds_a_quorum_and_is_elected() -> None:
    """LOADING, WAITING_FOR_QUORUM, STANDBY, COORDINATOR (States and events)."""
    rig = leader()
    assert changes(rig) == [
        ("loading_finished", "WAITING_FOR_QUORUM"),
        ("quorum_found", "STANDBY"),
        ("election_won", "COORDINATOR"),
    ]


def test_a_node_stays_loading_until_its_sit_out_is_over() -> None:
    """state & sit-out & guardian (States and events)."""
    rig = Rig()
    rig.advance(PROMISE_MS - 1)
    assert state(rig) == "LOADING"
    rig.advance(1)
    assert state(rig) == "STANDBY"


def test_a_disk_that_cannot_be_written_keeps_the_node_loading() -> None:
    """The next process writes and syncs before it leaves LOADING (Persistent state)."""
    rig = Rig()
    rig.mute.add(fx.Save)
    rig.advance(3000)
    assert state(rig) == "LOADING"


def test_a_silent_death_is_followed_by_an_election_after_the_promise() -> None:
    """Promise expired: leaderless, t0 = now (States and events)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.cut.add("b")
    rig.unanswered.clear()
    start = len(rig.log)
    rig.advance(PROMISE_MS - 1)
    assert sent(rig.log[start:], PreVote) == []
    rig.advance(100)
    assert state(rig) == "COORDINATOR"


def test_a_released_leader_is_followed_at_once() -> None:
    """Knowledge, not shorter timeouts (The idea)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.unanswered.clear()
    rig.hear("b", release("b"))
    rig.advance(TIMING.jitter_ns / MS + 1)
    assert state(rig) == "COORDINATOR"


def test_a_node_waits_for_a_successor_that_was_named() -> None:
    """Until the reservation ends (The voter's rule)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.unanswered.clear()
    rig.hear("b", release("b", successor="c"))
    rig.advance(TIMING.reserve_ns / MS - 1)
    assert state(rig) == "STANDBY"
    rig.advance(100)
    assert state(rig) == "COORDINATOR"


def test_a_successor_whose_connection_closes_is_waited_for_no_more() -> None:
    """The reserve ends at once (The voter's rule)."""
    rig = standby()
    rig.hear("b", release("b", successor="c"))
    rig.step(ev.LinkClosed("c", inc_of("c", 7), "an older one"))
    assert rig.parts.voter.reserve is not None
    rig.step(ev.LinkClosed("c", inc_of("c"), "reset"))
    assert rig.parts.voter.reserve is None


def test_a_pre_vote_that_was_not_answered_is_dropped_once_the_node_may_not_stand() -> None:
    """A ballot is legal only while nothing stands against it (States and events)."""
    rig = standby()
    assert rig.node.status()["phase"] == "prevote"
    rig.parts.fitness.punish(rig.now)
    rig.step(ev.Ticked())
    assert rig.parts.candidacy.pre is None


# --- the way down


def test_without_a_quorum_a_standby_waits() -> None:
    """not quorum_connected > reach (States and events)."""
    rig = standby()
    rig.cut.update("bc")
    rig.advance(REACH_MS + BEACON_MS)
    assert state(rig) == "WAITING_FOR_QUORUM"


def test_an_unhealthy_candidate_gives_up() -> None:
    """Ineligible, end candidacy (States and events)."""
    rig = Rig()
    rig.mute.add(fx.OpenRound)
    rig.advance(2000)
    assert rig.parts.candidacy.ballot is not None
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    assert rig.parts.candidacy.ballot is None


def test_an_unhealthy_leader_resigns() -> None:
    """Health DOWN: resign -> STANDBY (States and events)."""
    rig = leader()
    rig.unanswered.add(PreVote)
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "postgres"))
    assert state(rig) == "STANDBY"
    assert sent(rig.log, Release)


def test_what_is_not_dead_of_oneself_changes_nothing() -> None:
    """Only DEAD is down (States and events)."""
    rig = leader()
    for verdict in (ev.Verdict.UNKNOWN, ev.Verdict.ALIVE):
        rig.step(ev.LifecheckReported("a", verdict, ""))
    assert rig.node.status()["phase"] == "escalated"


@pytest.mark.parametrize(
    ("verdict", "is_dead"),
    [
        (ev.Verdict.ALIVE, False),
        (ev.Verdict.UNKNOWN, False),
        (ev.Verdict.DEAD, True),
    ],
)
def test_a_verdict_on_another_stands_until_it_is_taken_back(
    verdict: ev.Verdict, is_dead: bool
) -> None:
    """UNKNOWN takes a DEAD back as ALIVE does (States and events)."""
    rig = standby()
    rig.step(ev.LifecheckReported("b", ev.Verdict.DEAD, "x"))
    rig.step(ev.LifecheckReported("b", verdict, "x"))
    assert ("b" in rig.parts.verdicts.dead) is is_dead


def test_a_verdict_on_a_stranger_is_ignored() -> None:
    """Lifecheck may know more nodes than the cluster has (States and events)."""
    rig = standby()
    rig.step(ev.LifecheckReported("x", ev.Verdict.DEAD, "x"))
    assert rig.parts.verdicts.dead == set()


# --- time


def test_the_next_deadline_is_never_now() -> None:
    """Two clocks may disagree about "due": the loop must not spin (house: next_deadline)."""
    rig = Rig()
    for _ in range(300):
        assert rig.node.next_deadline >= rig.now.boot_ns - int(BEACON_MS * MS) + WAKE_MIN_NS
        before = rig.node.next_deadline
        rig.advance(max(0.05, (before - rig.now.boot_ns) / MS))
        assert rig.node.next_deadline > before


def test_a_deadline_is_met_by_the_slower_clock() -> None:
    """A voter's promise outlasts BOOTTIME's idea of it (Clocks)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.advance(PROMISE_MS, raw_ms=PROMISE_MS * 0.95)
    assert rig.parts.voter.promise is not None
    rig.advance(PROMISE_MS * 0.06)
    assert rig.parts.voter.promise is None


def test_a_resigning_leader_needs_no_beacon_timer() -> None:
    """It waits for its guardian (Resign)."""
    rig = leader()
    rig.mute.add(fx.Deescalate)
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    start = len(rig.log)
    rig.advance(SOFT_MS)
    assert all_of(rig.log[start:], fx.OpenRound) == []


def test_the_same_events_give_the_same_effects() -> None:
    """A recording replays (house: step)."""
    assert leader().log == leader().log


def test_a_state_that_does_not_settle_stops_the_node() -> None:
    """Our bug (States and events)."""
    rig = standby()

    def no_facts(now: object) -> object:
        from watchdog.core.states import Facts

        flip.append(1)
        return Facts(uplink_up=len(flip) % 2 == 0, loaded=True, quorum=True, leading=False)

    flip: list[int] = []
    rig.node._facts = no_facts  # type: ignore[assignment,method-assign]
    with pytest.raises(AssertionError, match="does not settle"):
        rig.step(ev.Ticked())


def test_a_hello_after_the_exit_does_no_harm() -> None:
    """Events may still come while the process ends (States and events)."""
    rig = standby()
    rig.step(ev.CommandReceived(1, ev.Command.STOP))
    rig.hear("b", hello("b"))
    assert len(all_of(rig.log, fx.Exit)) == 1


def test_a_blank_node_that_recovers_yields_to_a_preferred_one() -> None:
    """Once, when it has recovered (Priority, switchover, failback)."""
    given = settings(members=members("abc", b={"priority": 5}))
    rig = Rig(given, amnesiac=True)
    rig.said_by["b"] = {"priority": 5}
    rig.advance(PROMISE_MS + BEACON_MS)
    assert not rig.parts.voter.is_amnesiac
    assert rig.parts.candidacy._retry_ns > rig.now.boot_ns
    assert state(rig) == "STANDBY"
