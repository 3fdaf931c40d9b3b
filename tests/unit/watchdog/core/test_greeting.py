"""When and what a node says of itself. Sections in parentheses are those of docs/election.md."""

from tests.unit.watchdog.core.rig import Rig, leader, standby
from tests.unit.watchdog.core.support import (
    BEACON_MS,
    CLUSTER,
    DIGEST,
    TIMING,
    beacon,
    inc_of,
    sent,
    settings,
)
from watchdog.core import events as ev
from watchdog.core.greeting import ALARMS_SAID_MAX
from watchdog.core.messages import PROTOCOL, Hello


def hellos(rig: Rig, start: int = 0) -> list[tuple[str, Hello]]:
    """Every HELLO since that place in the log."""
    return sent(rig.log[start:], Hello)


def test_a_connection_is_greeted_at_once() -> None:
    """Its HELLO names the incarnation (Messages)."""
    rig = Rig()
    (_, said) = hellos(rig)[0]
    assert (said.inc, said.cluster_id, said.digest) == (inc_of("a"), CLUSTER, DIGEST)
    assert (said.proto, said.seq, said.term) == (PROTOCOL, 5, 7)
    assert (said.hard_ms, said.promise_ms) == (TIMING.hard_ms, TIMING.promise_ms)
    assert (said.state, said.eligible, said.leader) == ("LOADING", False, None)


def test_hello_goes_out_every_beacon_interval() -> None:
    """To every member that is connected (Timers, beacon)."""
    rig = standby()
    rig.step(ev.LinkClosed("c", inc_of("c"), "reset"))
    rig.cut.add("c")
    rig.advance(BEACON_MS)
    start = len(rig.log)
    rig.advance(4 * BEACON_MS)
    assert [peer for peer, _ in hellos(rig, start)] == ["b"] * 4


def test_a_change_is_said_at_once() -> None:
    """At once over TCP (Timers, beacon)."""
    rig = standby()
    start = len(rig.log)
    rig.step(ev.LifecheckReported("c", ev.Verdict.DEAD, "x"))
    assert [(peer, said.verdicts) for peer, said in hellos(rig, start)] == [
        ("b", ("c",)),
        ("c", ("c",)),
    ]
    start = len(rig.log)
    rig.step(ev.LifecheckReported("c", ev.Verdict.DEAD, "x"))
    assert hellos(rig, start) == []


def test_a_beacon_stands_for_a_hello_except_every_fifth_time() -> None:
    """Or a node dropped from the ranking would never come back (Timers, beacon)."""
    rig = leader()
    rig.advance(BEACON_MS)
    start = len(rig.log)
    rig.advance(10 * BEACON_MS)
    assert len(hellos(rig, start)) == 2 * 2


def test_a_grant_stands_for_a_hello_to_its_leader_only() -> None:
    """The other members still need one (Timers, beacon)."""
    rig = standby()
    rig.advance(50)
    rig.hear("b", beacon("b", number=1))
    rig.advance(BEACON_MS)
    start = len(rig.log)
    for number in range(2, 6):
        rig.hear("b", beacon("b", number=number))
        rig.advance(BEACON_MS)
    said = [peer for peer, _ in hellos(rig, start)]
    assert said.count("b") < said.count("c")


def test_a_leader_counts_as_eligible_while_it_is_on() -> None:
    """Or nobody could rank it (Terms, eligible)."""
    rig = leader()
    rig.advance(5 * BEACON_MS)
    said = hellos(rig)[-1][1]
    assert said.eligible
    assert (said.state, said.leader) == ("COORDINATOR", "a")


def test_alarms_said_are_bounded() -> None:
    """The rest is in the node's own status (house rule: bounds)."""
    rig = standby()
    for number in range(ALARMS_SAID_MAX + 5):
        rig.parts.out.alarm(f"A{number:02}", "x")
    rig.step(ev.Ticked())
    assert len(hellos(rig)[-1][1].alarms) == ALARMS_SAID_MAX


def test_what_the_file_says_travels_too() -> None:
    """status compares the members' files (Messages, HELLO)."""
    rig = Rig(settings(config_digests=(("timing", b"x" * 16),)))
    assert hellos(rig)[0][1].config_digests == (("timing", b"x" * 16),)
