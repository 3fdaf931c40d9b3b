"""One timer for what is due again and again: in time, and without piling up calls."""

from tests.support import at
from watchdog.guardian import clock
from watchdog.guardian.due import Due
from watchdog.guardian.loop import Loop
from watchdog.guardian.wakes import Wakes
from watchdog.instant import MS, SECOND


def turn_until(loop: Loop, fact: object) -> None:
    """Turn the loop until something was seen."""
    until = Due(clock.now(), 5 * SECOND)
    while not fact and not until.is_past(clock.now()):
        loop.turn(clock.now().boot_ns + 10 * MS, lambda: None)
    assert fact


def test_it_looks_when_the_earliest_is_due() -> None:
    """And not before."""
    loop = Loop()
    due = Due(clock.now(), 20 * MS)
    seen: list[bool] = []

    def dues() -> list[Due]:
        return [] if seen else [due, Due(due.since, 60 * SECOND)]

    Wakes(loop, dues, lambda: seen.append(due.is_past(clock.now()))).arm()
    turn_until(loop, seen)
    assert seen == [True]


def test_a_thousand_changes_make_few_calls() -> None:
    """The loop holds a bounded number of them, and a hostile helper may cause changes."""
    loop = Loop()
    dues = [Due(clock.now(), 60 * SECOND)]
    wakes = Wakes(loop, lambda: dues, lambda: None)
    for number in range(1000):
        dues[0] = Due(clock.now(), (60 + number) * SECOND)
        wakes.arm()
    assert len(loop._calls) == 1
    dues.append(Due(at(0), 0))
    wakes.arm()
    wakes.arm()
    assert len(loop._calls) == 2
