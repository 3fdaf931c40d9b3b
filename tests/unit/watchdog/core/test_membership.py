"""Who is there, fit, and why not. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.watchdog.core.support import (
    CLUSTER,
    OTHER_DIGEST,
    START,
    TIMING,
    after,
    hello,
    inc_of,
    members,
    settings,
)
from watchdog.core.membership import INCARNATIONS_MAX, LostReason, Roster
from watchdog.core.messages import PROTOCOL, Hello
from watchdog.instant import MS

REACH_MS = TIMING.reach_ns / MS


def roster_of(**said: Hello) -> Roster:
    """The roster of a in a cluster of three; `said` are the HELLOs heard at START."""
    roster = Roster(settings())
    for name, message in said.items():
        roster.link_opened(name)
        roster.hello_received(name, message, START)
    return roster


def test_a_member_that_never_spoke_is_never_seen() -> None:
    """Every lost member has a reason."""
    roster = roster_of()
    assert roster.lost_reason("b", START) is LostReason.NEVER_SEEN
    assert roster.current_inc("b") is None
    assert roster.current_inc("stranger") is None
    assert not roster.is_candidate("b", START)


def test_a_member_is_reachable_for_reach_after_anything_was_heard() -> None:
    """Any authenticated message counts as heard (Timers)."""
    roster = roster_of(b=hello("b"))
    assert roster.is_reachable("b", after(REACH_MS - 1))
    assert not roster.is_reachable("b", after(REACH_MS))
    assert roster.lost_reason("b", after(REACH_MS)) is LostReason.SILENT
    roster.heard("b", after(REACH_MS))
    assert roster.lost_reason("b", after(REACH_MS)) is None


def test_messages_before_a_hello_make_nobody_reachable() -> None:
    """What a node says of itself comes first (Messages)."""
    roster = roster_of(b=hello("b"))
    roster.forget()
    roster.heard("b", START)
    assert not roster.is_reachable("b", START)


def test_quorum_connected_counts_reachable_weight() -> None:
    """Two of three, the own weight included (Messages)."""
    assert not roster_of().is_quorum_connected(START)
    roster = roster_of(b=hello("b"))
    assert roster.is_quorum_connected(START)
    assert roster.reachable_weight(START) == 2
    assert not roster.is_quorum_connected(after(REACH_MS))


def test_the_current_incarnation_is_that_of_the_latest_hello() -> None:
    """Incarnations have no order; one that was replaced never returns (Terms)."""
    roster = roster_of(b=hello("b"))
    assert roster.current_inc("b") == inc_of("b")
    assert roster.hello_received("b", hello("b", life=1), START)
    assert roster.current_inc("b") == inc_of("b", 1)
    assert not roster.hello_received("b", hello("b"), START)
    assert roster.current_inc("b") == inc_of("b", 1)


def test_dead_incarnations_remembered_are_bounded() -> None:
    """Sixteen newest of each node (Terms)."""
    roster = roster_of()
    for life in range(3 * INCARNATIONS_MAX):
        roster.hello_received("b", replace(hello("b"), inc=life.to_bytes(16, "big")), START)
    assert len(roster.peers["b"].gone) == INCARNATIONS_MAX


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cluster_id": b"x" * 32}, LostReason.OTHER_CLUSTER),
        ({"proto": PROTOCOL + 1}, LostReason.OTHER_PROTOCOL),
        ({"digest": OTHER_DIGEST}, LostReason.OTHER_MEMBERS),
    ],
)
def test_a_hello_that_does_not_fit_is_refused_with_a_reason(
    change: dict[str, Any], reason: LostReason
) -> None:
    """It counts for nothing until it fits (Messages)."""
    roster = roster_of()
    assert not roster.hello_received("b", hello("b", **change), START)
    assert roster.lost_reason("b", START) is reason
    assert not roster.is_quorum_connected(START)
    assert roster.hello_received("b", hello("b"), START)
    assert roster.lost_reason("b", START) is None


def test_a_member_whose_list_changes_counts_no_more() -> None:
    """Membership is stored, not re-read (Two nodes, even clusters, membership)."""
    roster = roster_of(b=hello("b"))
    roster.hello_received("b", hello("b", life=1, digest=OTHER_DIGEST), START)
    assert not roster.is_reachable("b", START)
    assert roster.current_inc("b") == inc_of("b", 1)


def test_a_closed_connection_drops_its_node_at_once() -> None:
    """FIN or RST is knowledge, silence is not (States and events)."""
    roster = roster_of(b=hello("b"))
    assert roster.link_closed("b", inc_of("b"))
    assert roster.lost_reason("b", START) is LostReason.CLOSED


def test_a_node_that_is_heard_by_datagrams_counts_although_its_connection_ended() -> None:
    """A stalled TCP is no dead node; but nobody waits for it to lead before its next HELLO."""
    roster = roster_of(b=hello("b"))
    roster.link_closed("b", inc_of("b"))
    roster.heard("b", START)
    assert roster.is_reachable("b", START)
    assert not roster.is_candidate("b", START)
    roster.hello_received("b", hello("b"), START)
    assert roster.is_candidate("b", START)


@pytest.mark.parametrize("end", ["farewell", "trouble", "restart"])
def test_what_a_node_said_before_counts_no_more_after(end: str) -> None:
    """A late datagram of a stopped process is no sign of life (Messages)."""
    roster = roster_of(b=hello("b"))
    roster.link_closed("b", inc_of("b"))
    match end:
        case "farewell":
            roster.peers["b"].retire(inc_of("b"))
        case "trouble":
            roster.forget()
        case _:
            roster.hello_received("b", hello("b", life=1, digest=OTHER_DIGEST), START)
    roster.heard("b", START)
    assert not roster.is_reachable("b", START)


def test_an_older_connection_that_closes_says_nothing() -> None:
    """The new process is already connected (Messages)."""
    roster = roster_of(b=hello("b", life=1))
    assert not roster.link_closed("b", inc_of("b"))
    assert roster.is_reachable("b", START)


def test_a_connection_that_closes_before_its_hello_is_closed() -> None:
    """Nothing is known of its process (Messages)."""
    assert roster_of().link_closed("b", inc_of("b"))


def test_a_member_that_said_farewell_is_gone() -> None:
    """status says stopped, not lost."""
    roster = roster_of(b=hello("b"))
    roster.peers["b"].retire(inc_of("b"))
    assert roster.lost_reason("b", after(REACH_MS)) is LostReason.GONE


@pytest.mark.parametrize("change", [{"eligible": False}, {"quorum_connected": False}])
def test_nobody_waits_for_a_node_that_cannot_lead(change: dict[str, Any]) -> None:
    """Rank counts reachable, eligible, quorum-connected nodes (The candidate and the leader)."""
    assert roster_of(b=hello("b")).is_candidate("b", START)
    assert not roster_of(b=hello("b", **change)).is_candidate("b", START)


def test_nobody_waits_for_a_node_that_is_silent_or_unranked() -> None:
    """A holder that fell silent is dropped until its next HELLO (The voter's rule)."""
    roster = roster_of(b=hello("b"))
    assert not roster.is_candidate("b", after(REACH_MS))
    roster.peers["b"].is_ranked = False
    assert not roster.is_candidate("b", START)
    roster.hello_received("b", hello("b"), START)
    assert roster.is_candidate("b", START)


def test_preference_is_priority_then_place_with_those_standing_down_last() -> None:
    """Order: (standing down last, priority, place) (Priority, switchover, failback)."""
    roster = roster_of(b=hello("b"), c=hello("c"))
    assert roster.best(START) == "b"
    roster.hello_received("c", hello("c", priority=5), START)
    assert roster.best(START) == "c"
    roster.hello_received("c", hello("c", priority=5, standing_down=True), START)
    assert roster.best(START) == "b"
    assert roster.better_than((False, 9, 0), START) == ["b"]
    assert roster.better_than((False, 0, -9), START) == ["b", "c"]
    assert roster.better_than((True, 0, 0), START) == []


def test_without_a_hello_the_file_tells_the_order() -> None:
    """A member that was not heard ranks behind (Priority, switchover, failback)."""
    roster = Roster(settings(members=members("abc", b={"priority": 3})))
    assert roster.order_of("b") == (False, 3, -1)
    assert roster.best(START) is None


def test_a_hard_bound_is_covered_by_promises_of_quorum_weight() -> None:
    """I3 for voters of quorum weight, the own included (Terms, eligible)."""
    short = TIMING.promise_ms - 50
    assert roster_of(b=hello("b")).is_covered(START)
    assert not roster_of(b=hello("b", promise_ms=short)).is_covered(START)
    both = roster_of(b=hello("b", promise_ms=short), c=hello("c"))
    assert both.is_covered(START)
    assert not both.is_covered(after(REACH_MS))
    assert not roster_of().is_covered(START)


def test_after_network_trouble_only_dead_processes_are_remembered() -> None:
    """Forget the roster and what peers said (States and events)."""
    roster = roster_of(b=hello("b", life=1))
    roster.hello_received("b", hello("b", life=2), START)
    roster.forget()
    assert not roster.is_reachable("b", START)
    assert roster.current_inc("b") == inc_of("b", 2)
    assert not roster.hello_received("b", hello("b", life=1), START)


def test_the_seq_of_earlier_lives_is_kept_apart() -> None:
    """An old copy of a state falls behind what its node said earlier (Formation, rule 6)."""
    roster = roster_of(b=hello("b", seq=9))
    peer = roster.peers["b"]
    assert (peer.remembered_seq, peer.earlier_seq) == (9, 0)
    roster.hello_received("b", hello("b", life=1, seq=4), START)
    assert (peer.remembered_seq, peer.earlier_seq) == (4, 9)
    roster.hello_received("b", hello("b", life=2, seq=12), START)
    assert (peer.remembered_seq, peer.earlier_seq) == (12, 9)


def test_the_cluster_of_the_settings_is_ours() -> None:
    """The helper's HELLO fits, or the tests above would prove nothing."""
    assert settings().cluster_id == CLUSTER
