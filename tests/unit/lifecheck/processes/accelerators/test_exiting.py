"""Who is polled because its end takes long."""

from lifecheck.processes.accelerators.exiting import BIG, POLLED_MAX, Exiting


def test_only_who_is_big_is_polled() -> None:
    """A small process tells its end as soon as a poll would."""
    sizes = {1: BIG, 2: BIG - 1}
    polled = Exiting(sizes.__getitem__)
    polled.measure(1)
    polled.measure(2)
    assert polled.pids == [1]
    sizes[1] = 0
    polled.measure(1)
    assert polled.pids == []


def test_who_is_gone_is_forgotten() -> None:
    """Its number may soon be another's."""
    polled = Exiting(lambda _: BIG)
    polled.measure(1)
    polled.forget(1)
    polled.forget(2)
    assert polled.pids == []


def test_there_is_a_bound() -> None:
    """A poll ten times a second stays cheap."""
    polled = Exiting(lambda _: BIG)
    for pid in range(POLLED_MAX + 10):
        polled.measure(pid)
    assert len(polled.pids) == POLLED_MAX
