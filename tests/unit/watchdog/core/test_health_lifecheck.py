"""What follows when a lifecheck is gone, this node's or a peer's (docs/election.md, "Verdicts")."""

from tests.unit.watchdog.core.rig import leader, standby
from tests.unit.watchdog.core.support import hello, sent, settings
from watchdog.core import events as ev
from watchdog.core.health import LOST
from watchdog.core.messages import Hello
from watchdog.instant import SECOND

DEAD = ev.Verdict.DEAD
ALIVE = ev.Verdict.ALIVE


# --- this node's


def test_a_lost_lifecheck_moves_nothing_unless_so_configured() -> None:
    """on_loss = "ignore" (Verdicts)."""
    rig = leader()
    rig.step(ev.LifecheckLost(ev.LIFECHECK, "closed"))
    rig.advance(60_000)
    assert rig.node.status()["phase"] == "escalated"


def test_a_lost_lifecheck_counts_as_sick_after_its_deadtime_if_so_configured() -> None:
    """on_loss = "release"; a restart within the time is nothing (Verdicts)."""
    rig = leader(settings(on_loss_release=True, lifecheck_deadtime_ns=5 * SECOND))
    rig.step(ev.LifecheckReported("a", ALIVE, ""))
    rig.step(ev.LifecheckLost("client 3", "closed"))
    rig.advance(6000)
    rig.step(ev.LifecheckLost(ev.LIFECHECK, "closed"))
    rig.advance(2000)
    rig.step(ev.LifecheckLost(ev.LIFECHECK, "closed again"))
    rig.advance(2990)
    assert rig.node.status()["phase"] == "escalated"
    rig.advance(20)
    assert rig.parts.office is None
    assert rig.node.status()["unfit"] == LOST
    rig.step(ev.StandingReported(ev.LIFECHECK, 0, ""))
    rig.advance(1500)
    assert rig.node.status()["unfit"] == ""


def test_a_node_whose_lifecheck_never_spoke_does_not_lead_if_so_configured() -> None:
    """It counts from the start (Verdicts)."""
    rig = standby(settings(on_loss_release=True, lifecheck_deadtime_ns=2 * SECOND))
    assert rig.node.status()["unfit"] == LOST


# --- what its peers make of it


def test_missing_heartbeats_of_an_unwatched_member_are_no_verdict() -> None:
    """They ended with its lifecheck, and on_loss alone says what that means (Verdicts)."""
    rig = standby()
    rig.step(ev.LifecheckReported("b", DEAD, "silent"))
    rig.step(ev.LifecheckReported("c", DEAD, "silent"))
    assert rig.parts.verdicts.dead == {"b", "c"}
    rig.hear("b", hello("b", unwatched=True))
    assert rig.parts.verdicts.dead == {"c"}
    rig.step(ev.LifecheckReported("b", DEAD, "an operator", source=ev.INFORM))
    assert rig.parts.verdicts.dead == {"b", "c"}
    rig.step(ev.LifecheckReported("b", ALIVE, "", source=ev.INFORM))
    rig.hear("b", hello("b"))
    assert rig.parts.verdicts.dead == {"b", "c"}


def test_a_node_says_that_its_lifecheck_is_gone_and_for_a_while_that_it_is_back() -> None:
    """Until the others have heard it again, their verdict is the older one (Verdicts)."""
    rig = standby(settings(expects_lifecheck=True, lifecheck_deadtime_ns=2 * SECOND))

    def said() -> bool:
        return [message for _, message in sent(rig.log, Hello)][-1].unwatched

    assert said()
    rig.step(ev.LifecheckReported("a", ALIVE, ""))
    rig.advance(1990)
    assert said()
    rig.advance(20)
    assert not said()
    rig.step(ev.LifecheckReported("a", ALIVE, "again"))
    rig.step(ev.LifecheckLost("client 3", "closed"))
    assert not said()
    rig.step(ev.LifecheckLost(ev.LIFECHECK, "closed"))
    assert said()


def test_a_node_without_a_lifecheck_is_judged_as_others_like() -> None:
    """There is none to be gone (Verdicts)."""
    rig = standby()
    assert not rig.parts.is_unwatched


def test_a_lifecheck_that_cannot_send_heartbeats_leaves_its_node_unwatched() -> None:
    """Its port is somebody else's, say: the others miss what was never sent (Verdicts)."""
    rig = standby(settings(expects_lifecheck=True, lifecheck_deadtime_ns=2 * SECOND))
    rig.step(ev.LifecheckReported("a", ALIVE, ""))
    rig.step(ev.StandingReported(ev.LIFECHECK, 0, "", is_mute=True))
    rig.step(ev.LifecheckReported("b", ALIVE, ""))
    rig.advance(5000)
    assert rig.parts.is_unwatched
    assert rig.parts.fitness.is_fit(rig.now)
    rig.step(ev.StandingReported(ev.LIFECHECK, 0, ""))
    rig.advance(2010)
    assert not rig.parts.is_unwatched
