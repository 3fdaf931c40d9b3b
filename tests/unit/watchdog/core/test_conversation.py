"""What a node does with each message. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace

import pytest

from tests.unit.watchdog.core.rig import Rig, all_of, leader, standby, state
from tests.unit.watchdog.core.support import (
    OTHER_DIGEST,
    PROMISE_MS,
    TIMING,
    beacon,
    grant_to,
    hello,
    inc_of,
    pre_vote,
    record,
    release,
    sent,
    vote,
)
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.messages import (
    GONE_NO,
    Grant,
    Message,
    Nack,
    PreVoteReply,
    Release,
    ResignRequest,
    StateReply,
    StateRequest,
    Tenure,
    Vote,
)
from watchdog.instant import MS


def grants(effects: list[fx.Effect]) -> list[tuple[str, int, int, bool]]:
    """(to whom, term, round, is_vote) of every GRANT."""
    return [(peer, g.term, g.round, g.is_vote) for peer, g in sent(effects, Grant)]


def nacks(effects: list[fx.Effect]) -> list[tuple[str, str]]:
    """(to whom, reason) of every NACK."""
    return [(peer, n.reason) for peer, n in sent(effects, Nack)]


def save_now(rig: Rig) -> list[fx.Effect]:
    """Let the disk finish the write in flight."""
    return rig.step(ev.Saved(all_of(rig.log, fx.Save)[-1].ticket))


# --- at the door


@pytest.mark.parametrize(
    "message",
    [vote("b"), beacon("b"), pre_vote("b"), StateRequest(1, 0)],
    ids=lambda m: type(m).__name__,
)
def test_a_message_of_a_process_that_is_not_current_is_ignored(message: Message) -> None:
    """Its inc is not the one of the connection's HELLO (Messages)."""
    rig = standby()
    rig.hear("b", hello("b", life=1), life=1)
    assert rig.hear("b", message) == []


def test_a_message_before_any_hello_is_ignored() -> None:
    """Nobody knows yet who speaks (Messages)."""
    rig = Rig()
    assert rig.hear("b", beacon("b")) == []


def test_a_node_that_is_no_member_is_ignored() -> None:
    """The stored membership does not know it yet (Two nodes, even clusters, membership)."""
    rig = standby()
    assert rig.hear("x", hello("x")) == []
    assert rig.hear("x", beacon("x")) == []


def test_anything_heard_is_a_sign_of_life() -> None:
    """Any authenticated message counts as heard (Timers, beacon)."""
    rig = standby()
    rig.cut.add("b")
    rig.advance(TIMING.reach_ns / MS - 20)
    rig.hear("b", StateRequest(1, 0))
    rig.advance(40)
    assert rig.parts.roster.is_reachable("b", rig.now)


@pytest.mark.parametrize("message", [vote("c"), beacon("c"), pre_vote("c"), release("c")])
def test_nobody_speaks_in_anothers_name(message: Message) -> None:
    """The sender is the node of its tenure (Messages)."""
    rig = standby()
    rig.hear("c", beacon("c", number=1))
    if isinstance(message, Release):
        rig.hear("b", message)
        assert rig.parts.voter.promise is not None
    else:
        assert rig.hear("b", message) == []


# --- VOTE


def test_a_vote_is_granted_only_when_it_is_durable() -> None:
    """GRANT to a VOTE: term, voted_for (Persistent state)."""
    rig = standby()
    rig.mute.add(fx.Save)
    effects = rig.hear("b", vote("b"))
    assert grants(effects) == []
    (save,) = all_of(effects, fx.Save)
    assert (save.record.term, save.record.voted_for) == (8, "b")
    assert rig.parts.voter.follows() == "b"
    assert grants(save_now(rig)) == [("b", 8, 1, True)]


def test_the_promise_stands_while_the_vote_waits_for_the_disk() -> None:
    """An fsync in flight never lets a second request see the old state (The voter's rule)."""
    rig = standby()
    rig.mute.add(fx.Save)
    rig.hear("b", vote("b"))
    assert grants(rig.hear("c", vote("c", term=9))) == []
    assert grants(save_now(rig)) == [("b", 8, 1, True)]


def test_a_grant_whose_promise_ended_meanwhile_is_not_sent() -> None:
    """If nothing changed meanwhile (The voter's rule)."""
    rig = standby()
    rig.mute.add(fx.Save)
    rig.hear("b", vote("b"))
    rig.hear("b", release("b"))
    assert grants(save_now(rig)) == []


def test_a_grant_whose_term_was_left_meanwhile_is_not_sent() -> None:
    """If nothing changed meanwhile (The voter's rule)."""
    rig = standby()
    rig.mute.add(fx.Save)
    rig.hear("b", vote("b"))
    rig.parts.ledger.adopt(20)
    assert grants(save_now(rig)) == []


def test_a_copy_of_the_round_granted_last_is_answered_again() -> None:
    """With the same GRANT, and without moving the promise (The voter's rule)."""
    rig = standby()
    first = grants(rig.hear("b", vote("b")))
    promise = rig.parts.voter.promise
    assert promise is not None
    since = promise.since
    rig.advance(30)
    assert grants(rig.hear("b", vote("b"))) == first == [("b", 8, 1, True)]
    assert rig.parts.voter.promise is not None
    assert rig.parts.voter.promise.since == since
    rig.advance(PROMISE_MS)
    assert grants(rig.hear("b", vote("b"))) == []


def test_a_refused_vote_gets_no_answer() -> None:
    """Only a BEACON is NACKed (Messages)."""
    rig = standby()
    rig.hear("b", vote("b"))
    assert [e for e in rig.hear("c", vote("c", term=9)) if isinstance(e, fx.Send)] == []


def test_a_vote_for_another_ends_the_own_pre_vote() -> None:
    """It has promised somebody else (The voter's rule)."""
    rig = standby()
    rig.parts.candidacy.ask_pre_votes(rig.now)
    rig.hear("b", vote("b"))
    assert rig.parts.candidacy.phase is None


def test_a_leader_votes_for_nobody() -> None:
    """It has promised itself (States and events)."""
    rig = leader()
    assert rig.hear("b", vote("b", term=99)) == []
    assert rig.hear("b", pre_vote("b", next_term=99)) == []


def test_the_term_of_a_refused_request_is_never_adopted() -> None:
    """A rejoining node disturbs nobody (The voter's rule)."""
    rig = standby()
    rig.hear("b", vote("b"))
    rig.hear("c", vote("c", term=99))
    rig.hear("c", pre_vote("c", next_term=99))
    rig.hear("c", hello("c", term=99))
    rig.hear("c", beacon("c", term=99))
    assert rig.parts.ledger.term == 8


# --- BEACON


def test_a_beacon_of_the_same_term_is_granted_at_once() -> None:
    """Renewals wait for no disk (Persistent state)."""
    rig = standby()
    rig.hear("b", beacon("b", term=7))
    rig.mute.add(fx.Save)
    effects = rig.hear("b", beacon("b", term=7, number=3))
    assert grants(effects) == [("b", 7, 3, False)]
    assert all_of(effects, fx.Save) == []


def test_the_first_beacon_of_a_higher_term_is_granted_when_that_is_durable() -> None:
    """term, voted_for = None (Persistent state)."""
    rig = standby()
    rig.mute.add(fx.Save)
    effects = rig.hear("b", beacon("b", term=9))
    assert grants(effects) == []
    (save,) = all_of(effects, fx.Save)
    assert (save.record.term, save.record.voted_for) == (9, None)
    assert grants(rig.hear("b", beacon("b", term=9, number=3))) == []
    assert grants(save_now(rig)) == [("b", 9, 3, False)]


def test_the_first_grant_with_a_longer_promise_waits_for_the_disk() -> None:
    """max_promise_ms (Persistent state)."""
    rig = Rig(loaded=replace(record(), max_promise_ms=10))
    rig.mute.add(fx.Save)
    rig.hear("b", hello("b"))
    effects = rig.hear("b", beacon("b", term=7))
    assert grants(effects) == []
    assert all_of(effects, fx.Save)[0].record.max_promise_ms == TIMING.promise_ms
    assert grants(save_now(rig)) == [("b", 7, 2, False)]


def test_a_copy_of_a_beacon_is_answered_again() -> None:
    """UDP repeats it (The voter's rule)."""
    rig = standby()
    once = grants(rig.hear("b", beacon("b")))
    assert once == grants(rig.hear("b", beacon("b"))) == [("b", 8, 2, False)]


def test_a_refused_beacon_is_nacked_with_the_own_term_and_why() -> None:
    """It tells the leader of a higher term (Messages)."""
    rig = standby()
    effects = rig.hear("b", beacon("b", term=6))
    assert sent(effects, Nack) == [("b", Nack(7, leading=False, reason="term"))]


def test_a_granted_beacon_ends_the_own_pre_vote() -> None:
    """There is a leader (The voter's rule)."""
    rig = standby()
    rig.parts.candidacy.ask_pre_votes(rig.now)
    rig.hear("b", beacon("b"))
    assert rig.parts.candidacy.phase is None
    assert rig.node.status()["phase"] == "following"


def test_a_beacon_is_granted_by_a_node_that_is_loading() -> None:
    """The exception for intact state: the sit-out bars votes only (Why two nodes are never on)."""
    rig = Rig()
    rig.hear("b", hello("b"))
    assert grants(rig.hear("b", beacon("b", term=7))) == [("b", 7, 2, False)]
    assert grants(rig.hear("b", vote("b", term=9, number=3))) == []
    assert state(rig) == "LOADING"


def test_a_blank_node_grants_no_beacon() -> None:
    """Amnesiac: not even this exception (Formation and lost state, 1)."""
    rig = Rig(amnesiac=True)
    rig.hear("b", hello("b"))
    assert nacks(rig.hear("b", beacon("b"))) == [("b", "promised")]


def test_a_node_without_quorum_follows_a_beacon() -> None:
    """WAITING_FOR_QUORUM -> STANDBY on grant (States and events)."""
    rig = Rig()
    rig.cut.update("bc")
    rig.advance(2000)
    assert state(rig) == "WAITING_FOR_QUORUM"
    rig.hear("b", hello("b", quorum_connected=False))
    rig.parts.roster.peers["c"].heard_ns = None
    rig.hear("b", beacon("b"))
    assert state(rig) == "STANDBY"


def test_a_grant_is_withheld_while_a_quorum_calls_the_leader_dead() -> None:
    """No NACK: the leader is asked to resign (The voter's rule)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.step(ev.LifecheckReported("b", ev.Verdict.DEAD, "test"))
    rig.hear("c", hello("c", verdicts=("b",)))
    effects = rig.hear("b", beacon("b", number=3))
    assert grants(effects) == []
    assert nacks(effects) == []
    assert [peer for peer, r in sent(effects, ResignRequest) if r.by_verdict] == ["b"]
    assert rig.parts.voter.follows() == "b"


# --- the rest


def test_a_pre_vote_reply_counts_only_while_this_node_may_stand() -> None:
    """It may have promised meanwhile (The candidate and the leader)."""
    rig = standby()
    rig.parts.candidacy.ask_pre_votes(rig.now)
    pre = rig.parts.candidacy.pre
    assert pre is not None
    rig.parts.fitness.punish(rig.now)
    effects = rig.hear("b", PreVoteReply(pre.rid, ok=True, term=7, reason="", retry_ms=0))
    assert sent(effects, Vote) == []
    assert rig.parts.candidacy.ballot is None


def test_a_leader_ignores_late_pre_vote_replies() -> None:
    """It has won (States and events)."""
    assert leader().hear("b", PreVoteReply(1, ok=False, term=99, reason="", retry_ms=0)) == []


def test_a_grant_that_nobody_asked_for_is_ignored() -> None:
    """GRANT in STANDBY (States and events)."""
    rig = standby()
    assert rig.hear("b", grant_to(vote("a"), "b")) == []


def test_a_will_counts_although_its_process_is_not_current() -> None:
    """It only ever names a dead incarnation (The guardian, G7)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.hear("b", hello("b", life=1), life=1)
    assert rig.parts.voter.follows() == "b"
    gone = Release(Tenure("b", inc_of("b"), GONE_NO), 0, None, gone=True)
    rig.hear("b", gone)
    assert rig.parts.voter.promise is None


def test_a_hello_that_says_ineligible_ends_the_reserve() -> None:
    """The named successor cannot take over (The voter's rule)."""
    rig = standby()
    rig.hear("b", release("b", successor="c"))
    assert rig.parts.voter.reserve is not None
    rig.hear("c", hello("c", eligible=False))
    assert rig.parts.voter.reserve is None


def test_alarms_of_a_peer_are_noted_when_they_change() -> None:
    """One log tells of the whole cluster (Messages, HELLO)."""
    rig = standby()
    for alarms in (("X",), ("X",), ("X", "Y"), ()):
        rig.hear("b", hello("b", alarms=alarms))
    noted = [dict(n.fields)["alarms"] for n in all_of(rig.log, fx.Note) if n.name == "peer_alarms"]
    assert noted == ["X", "X,Y"]


def test_a_hello_of_another_list_changes_nothing_else() -> None:
    """It is refused (Messages)."""
    rig = standby()
    rig.hear("b", release("b", successor="c"))
    rig.hear("c", hello("c", eligible=False, digest=OTHER_DIGEST))
    assert rig.parts.voter.reserve is not None


def test_a_state_request_is_answered() -> None:
    """In every state but network trouble (States and events)."""
    rig = standby()
    ((peer, reply),) = sent(rig.hear("b", StateRequest(9, 0)), StateReply)
    assert (peer, reply.rid, reply.term) == ("b", 9, 7)


def test_in_network_trouble_only_releases_and_hellos_are_taken_in() -> None:
    """Take inc and keys; note as released (States and events)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.step(ev.UplinkChanged(up=False, why="carrier lost"))
    rig.advance(TIMING.reach_ns / MS)
    assert state(rig) == "IN_NW_TROUBLE"
    assert rig.hear("b", beacon("b", number=9)) == []
    rig.hear("b", release("b"))
    assert rig.parts.voter.promise is None
    rig.hear("b", hello("b", life=1), life=1)
    assert rig.parts.roster.current_inc("b") == inc_of("b", 1)


def test_a_hello_is_handled_at_the_door_alone() -> None:
    """Behind it the sender is known already (Messages)."""
    rig = standby()
    rig.node._conversation._dispatch("b", hello("b", eligible=False), rig.now)
    assert rig.parts.roster.is_candidate("b", rig.now)
