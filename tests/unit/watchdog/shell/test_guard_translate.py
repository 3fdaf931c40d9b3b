"""The node and its guardian must mean the same thing, field by field."""

import pytest

from watchdog import guardian_protocol as protocol
from watchdog.core import effects, events
from watchdog.instant import Instant
from watchdog.shell.guard_translate import GuardianEffect, notify, to_event, to_packet

S = Instant(11, 22)


@pytest.mark.parametrize(
    ("effect", "packet"),
    [
        (effects.OpenRound(1, 2), protocol.OpenRound(no=1, round=2)),
        (
            effects.Extend(n=3, no=4, epoch=5, round=6, s=S),
            protocol.Extend(n=3, no=4, epoch=5, round=6, s=S),
        ),
        (
            effects.Escalate(n=3, no=4, epoch=5, round=6, s=S, soft_ms=900, hard_ms=1200),
            protocol.Escalate(n=3, no=4, epoch=5, round=6, s=S, soft_ms=900, hard_ms=1200),
        ),
        (effects.Deescalate(7, "lease"), protocol.Deescalate(n=7, why="lease")),
        (effects.ProbeVip(8, 30), protocol.ProbeVip(rid=8, duration_ms=30)),
        (effects.CheckReady(9), protocol.CheckReady(rid=9)),
    ],
)
def test_each_effect_keeps_its_fields_as_a_packet(
    effect: GuardianEffect, packet: protocol.ToGuardian
) -> None:
    """A swapped pair of integers would extend the wrong tenure."""
    got = to_packet(effect)
    assert (type(got), got) == (type(packet), packet)


@pytest.mark.parametrize(
    ("packet", "event"),
    [
        (protocol.Welcome(5, off_clean=True), events.GuardianReady(last_epoch=5, off_clean=True)),
        (protocol.RoundOpened(1, 2), events.RoundOpened(no=1, round=2)),
        (protocol.ExtendRefused(3), events.ExtendRefused(n=3)),
        (protocol.Warned("a", "b"), events.GuardianWarned("a", "b")),
        (protocol.Escalated(4), events.Escalated(n=4)),
        (protocol.Off(5, "gate_shut"), events.Off(n=5, why="gate_shut")),
        (protocol.OffFailed(6, "hook"), events.OffFailed(n=6, why="hook")),
        (protocol.HookEnded(7, ok=True, detail="0"), events.HookEnded(n=7, ok=True, detail="0")),
        (
            protocol.ProbeFinished(8, answered=True, detail="02:00"),
            events.ProbeFinished(rid=8, answered=True, detail="02:00"),
        ),
        (
            protocol.ReadyChecked(9, ok=False, reason="mode"),
            events.ReadyChecked(rid=9, ok=False, reason="mode"),
        ),
    ],
)
def test_each_packet_becomes_its_event(packet: protocol.ToNode, event: events.Event) -> None:
    """An OFF that lost its number could be read as the answer to a later Escalate."""
    assert to_event(packet) == event


def test_notify_names_both_coordinators_and_writes_none_as_empty() -> None:
    """The state_change hook gets the coordinator before and after the change."""
    change = effects.StateChanged(
        "STANDBY", "COORDINATOR", "election_won", "votes", term=9, coordinator="alpha"
    )
    packet = notify(change, old_coordinator=None, epoch=9)
    assert packet == protocol.Notify("STANDBY", "COORDINATOR", "", "alpha", 9, "votes")
