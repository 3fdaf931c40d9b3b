"""Counting who was turned away."""

from watchdog.instant import SECOND
from watchdog.shell.refusals import Refusal, Refusals


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ns = 100 * SECOND

    def __call__(self) -> int:
        """Now."""
        return self.ns


def test_each_kind_has_its_count_and_its_last_address() -> None:
    """`status` names who knocked, when, and what was wrong."""
    clock = FakeClock()
    refusals = Refusals(clock)
    refusals.note(Refusal.WRONG_KEY, "10.0.0.7", "certificate: other key")
    refusals.note(Refusal.WRONG_KEY, "10.0.0.8", "certificate: other key")
    refusals.note(Refusal.NOT_TLS, "10.0.0.9", "TLS: http request")
    clock.ns += 1500 * SECOND // 1000
    shown = refusals.snapshot()
    assert set(shown) == {"wrong_key", "not_tls"}
    assert shown["wrong_key"] == {
        "count": 2,
        "last_address": "10.0.0.8",
        "last_ago_s": 1.5,
        "detail": "certificate: other key",
    }
    assert refusals.count(Refusal.TLS_VERSION) == 0


def test_a_flood_is_one_line_of_log_in_ten_seconds_for_each_kind() -> None:
    """A log that an attacker can fill is another way to harm the node."""
    clock = FakeClock()
    lines: list[tuple[Refusal, int]] = []
    refusals = Refusals(clock, lambda kind, _address, _detail, count: lines.append((kind, count)))
    for _ in range(1000):
        refusals.note(Refusal.NOT_TLS, "10.0.0.9", "garbage")
    refusals.note(Refusal.BAD_WILL, "10.0.0.9", "garbage")
    clock.ns += 10 * SECOND
    refusals.note(Refusal.NOT_TLS, "10.0.0.9", "garbage")
    assert lines == [(Refusal.NOT_TLS, 1), (Refusal.BAD_WILL, 1), (Refusal.NOT_TLS, 1000)]


def test_what_is_usual_is_counted_and_said_with_the_next_that_is_not() -> None:
    """A restart of a peer is no news; what an attacker does beside it is, with the sum."""
    lines: list[tuple[Refusal, int]] = []
    refusals = Refusals(
        FakeClock(), lambda kind, _address, _detail, count: lines.append((kind, count))
    )
    for _ in range(3):
        refusals.note(Refusal.UNKNOWN_ROUND, "10.0.0.2", "another process", is_usual=True)
    assert lines == []
    assert refusals.count(Refusal.UNKNOWN_ROUND) == 3
    refusals.note(Refusal.UNKNOWN_ROUND, "10.0.0.9", "another process")
    assert lines == [(Refusal.UNKNOWN_ROUND, 4)]
