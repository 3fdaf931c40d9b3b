"""Effects of the core as packets for the guardian, and its packets as events. Pure.

The core and the socketpair have types of their own, so that neither can grow a field for the
other by accident; this is the one place that knows both.  The simulator uses it as well.
"""

from typing import assert_never

from watchdog import guardian_protocol as protocol
from watchdog.core import effects, events

GuardianEffect = (
    effects.OpenRound
    | effects.Extend
    | effects.Escalate
    | effects.Deescalate
    | effects.ProbeVip
    | effects.CheckReady
    | effects.Reannounce
)
"""The effects that are packets as they stand; ArmWill and StateChanged need more than they say."""


def to_packet(effect: GuardianEffect) -> protocol.ToGuardian:
    """The packet that asks the guardian for `effect`."""
    match effect:
        case effects.OpenRound(no, number):
            return protocol.OpenRound(no, number)
        case effects.Extend(n, no, epoch, number, s):
            return protocol.Extend(n, no, epoch, number, s)
        case effects.Escalate(n, no, epoch, number, s, soft_ms, hard_ms):
            return protocol.Escalate(n, no, epoch, number, s, soft_ms, hard_ms)
        case effects.Deescalate(n, why):
            return protocol.Deescalate(n, why)
        case effects.ProbeVip(rid, duration_ms):
            return protocol.ProbeVip(rid, duration_ms)
        case effects.CheckReady(rid):
            return protocol.CheckReady(rid)
        case effects.Reannounce():
            return protocol.Reannounce()
        case _:
            assert_never(effect)


def notify(
    change: effects.StateChanged, old_coordinator: str | None, epoch: int
) -> protocol.Notify:
    """The packet that runs the state_change hook; an unknown coordinator is an empty text."""
    return protocol.Notify(
        old=change.old,
        new=change.new,
        old_coordinator=old_coordinator or "",
        new_coordinator=change.coordinator or "",
        epoch=epoch,
        reason=change.reason,
    )


def to_event(packet: protocol.ToNode) -> events.Event:
    """The event that `packet` is for the core."""
    match packet:
        case protocol.Welcome(last_epoch, off_clean, gate, watchdog):
            return events.GuardianReady(last_epoch, off_clean, gate, watchdog)
        case protocol.RoundOpened(no, number):
            return events.RoundOpened(no, number)
        case protocol.ExtendRefused(n):
            return events.ExtendRefused(n)
        case protocol.Escalated(n):
            return events.Escalated(n)
        case protocol.Off(n, why):
            return events.Off(n, why)
        case protocol.OffFailed(n, why):
            return events.OffFailed(n, why)
        case protocol.HookEnded(n, ok, detail):
            return events.HookEnded(n, ok, detail)
        case protocol.ProbeFinished(rid, answered, detail):
            return events.ProbeFinished(rid, answered, detail)
        case protocol.ReadyChecked(rid, ok, reason):
            return events.ReadyChecked(rid, ok, reason)
        case protocol.Warned(name, text):
            return events.GuardianWarned(name, text)
        case _:
            assert_never(packet)
