"""The loop on real descriptors: order, timers, and callbacks that close each other."""

import os

from watchdog.guardian import clock
from watchdog.guardian.loop import Loop
from watchdog.instant import MS


def test_what_is_ready_is_called_and_followed() -> None:
    """After each callback its consequences, before the next one."""
    loop, said = Loop(), []
    readable, writable = os.pipe()
    loop.watch(readable, lambda: said.append(os.read(readable, 1)))
    os.write(writable, b"ab")
    loop.turn(None, lambda: said.append(b"-"))
    assert said == [b"-", b"a", b"-"]
    os.close(readable)
    os.close(writable)


def test_a_deadline_wakes_the_loop() -> None:
    """Also one that is past."""
    loop, turns = Loop(), []
    loop.turn(clock.now().boot_ns + 5 * MS, lambda: turns.append(1))
    loop.turn(clock.now().boot_ns - MS, lambda: turns.append(1))
    assert turns


def test_calls_come_in_their_order_and_once() -> None:
    """Each at its instant or later."""
    loop, said = Loop(), []
    loop.call_in(2 * MS, lambda: said.append("late"))
    loop.call_in(0, lambda: said.append("soon"))
    for _ in range(10):
        loop.turn(clock.now().boot_ns + 5 * MS, lambda: None)
        if len(said) == 2:
            break
    loop.turn(clock.now().boot_ns + 5 * MS, lambda: None)
    assert said == ["soon", "late"]


def test_a_descriptor_that_was_forgotten_meanwhile_is_not_called() -> None:
    """Its number may be another file by then."""
    loop, said = Loop(), []
    pipes = [os.pipe(), os.pipe()]

    def close_both() -> None:
        said.append(1)
        for readable, _ in pipes:
            loop.forget(readable)

    for readable, writable in pipes:
        loop.watch(readable, close_both)
        os.write(writable, b"x")
    loop.turn(None, lambda: None)
    assert said == [1]
    for pipe in pipes:
        for fd in pipe:
            os.close(fd)
