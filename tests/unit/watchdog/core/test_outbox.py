"""The order of effects. Sections in parentheses are those of docs/election.md."""

from tests.unit.watchdog.core.support import READY, beacon, fit_parts, hello, record
from watchdog.core.effects import (
    Alarm,
    ArmWill,
    CheckReady,
    CloseLink,
    Deescalate,
    Effect,
    Exit,
    Note,
    OpenRound,
    ProbeVip,
    Reply,
    Save,
    Send,
)
from watchdog.core.messages import Release, Tenure
from watchdog.core.outbox import ALARMS_MAX, GROUP, Outbox

IN_ORDER: list[Effect] = [
    Deescalate(1, "x"),
    Save(1, record()),
    Send("b", hello("a")),
    Send("c", hello("a")),
    OpenRound(1, 1),
    ProbeVip(1, 30),
    ArmWill(),
    CheckReady(1),
    Note("a", ()),
    Alarm("A", "x"),
    Reply(1, True, ""),
    CloseLink("b", "x"),
    Exit(0, "x"),
]


def test_giving_up_comes_first_then_disk_peers_guardian_and_the_public() -> None:
    """Giving up never waits for a disk or a peer (Order)."""
    out = Outbox()
    for effect in reversed(IN_ORDER):
        out.put(effect)
    kinds = [GROUP[type(effect)] for effect in out.drain()]
    assert kinds == [GROUP[type(effect)] for effect in IN_ORDER]
    assert kinds == sorted(kinds)


def test_within_a_group_effects_keep_their_order() -> None:
    """Two messages to one peer must not overtake each other (Order)."""
    out = Outbox()
    for effect in IN_ORDER:
        out.put(effect)
    assert list(out.drain()) == IN_ORDER


def test_draining_empties() -> None:
    """An effect is performed once (Order)."""
    out = Outbox()
    assert out.drain() == ()
    out.note("x", term=1)
    assert out.drain() == (Note("x", (("term", "1"),)),)
    assert out.drain() == ()


def test_every_effect_has_a_group() -> None:
    """A new effect must say where it belongs (Order)."""
    from typing import get_args

    assert set(GROUP) == set(get_args(Effect))


def test_an_alarm_is_said_once_until_it_changes_or_is_cleared() -> None:
    """A standing condition must not flood the log."""
    out = Outbox()
    for text in ("one", "one", "two", "two"):
        out.alarm("A", text)
    out.clear_alarm("A")
    out.alarm("A", "two")
    out.clear_alarm("B")
    assert [e.text for e in out.drain() if isinstance(e, Alarm)] == ["one", "two", "two"]


def test_alarms_that_stand_are_bounded() -> None:
    """One more is still said, but not kept (house rule: bounds)."""
    out = Outbox()
    for number in range(ALARMS_MAX + 1):
        out.alarm(f"A{number}", "x")
    assert len(out.alarms) == ALARMS_MAX
    assert len(out.drain()) == ALARMS_MAX + 1
    out.alarm("A0", "changed")
    assert out.alarms["A0"] == "changed"


def test_a_broadcast_goes_to_every_other_member() -> None:
    """And a BEACON stands for a HELLO (Messages)."""
    parts = fit_parts()
    parts.ctx.broadcast(beacon("a"), READY)
    assert [e.peer for e in parts.out.drain() if isinstance(e, Send)] == ["b", "c"]
    assert {peer.said_ns for peer in parts.roster.peers.values()} == {READY.boot_ns}


def test_other_messages_do_not_stand_for_a_hello() -> None:
    """Only BEACON, GRANT and HELLO show that this node lives (Timers, beacon)."""
    parts = fit_parts()
    parts.ctx.send("b", Release(Tenure("a", b"", 1), 1, None, gone=False), READY)
    assert parts.roster.peers["b"].said_ns == 0
