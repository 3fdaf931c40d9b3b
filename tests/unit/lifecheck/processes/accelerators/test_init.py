"""What was handed over for accelerators that are off, or changes hands."""

import os

import pytest

from lifecheck.processes.accelerators import EXIT_TRACEPOINT, PROCESS_CONNECTOR, Accelerators


def is_open(fd: int) -> bool:
    """Whether the number is a descriptor."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("wanted", [PROCESS_CONNECTOR, EXIT_TRACEPOINT])
def test_descriptors_of_what_is_switched_off_are_closed(wanted: str) -> None:
    """Their queues would fill up for nobody."""
    connector, perf = os.pipe()
    given = Accelerators([wanted], connector, [perf])
    assert is_open(connector) == (wanted == PROCESS_CONNECTOR)
    assert is_open(perf) == (wanted == EXIT_TRACEPOINT)
    given.close_connector()
    given.close_perf()
    assert not is_open(connector)
    assert not is_open(perf)


def test_what_a_probe_starts_does_not_inherit_them() -> None:
    """A command that outlives us must not hold the kernel's events."""
    connector, perf = os.pipe()
    os.set_inheritable(connector, True)
    given = Accelerators([PROCESS_CONNECTOR], connector, [perf])
    assert not os.get_inheritable(connector)
    given.close_connector()


def test_one_that_fails_later_is_in_use_no_more() -> None:
    """`status` shows the reason instead."""
    given = Accelerators([PROCESS_CONNECTOR])
    given.use(PROCESS_CONNECTOR)
    assert given.in_use == (PROCESS_CONNECTOR,)
    given.refuse(PROCESS_CONNECTOR, "gone")
    assert given.in_use == ()
    assert given.refused == {PROCESS_CONNECTOR: "gone"}
