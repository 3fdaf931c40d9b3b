"""Ctrl-C is noted at any moment and obeyed at the next wait."""

import signal

import pytest

from watchdog.cli.demo.interrupt import Interrupt, InterruptedDemoError, TooLateError


def test_a_signal_is_noted_and_obeyed_at_the_next_wait() -> None:
    """A handler that raises could leave something half made."""
    interrupt = Interrupt([signal.SIGUSR1])
    try:
        signal.raise_signal(signal.SIGUSR1)
        assert interrupt.requested
        with pytest.raises(InterruptedDemoError):
            interrupt.pause(60.0)
        with pytest.raises(InterruptedDemoError):
            interrupt.wait("never", lambda: False, 60.0)
    finally:
        interrupt.release()


def test_released_signals_do_what_they_did_before() -> None:
    """Cleaning up ends with the signals as they were found."""
    before = signal.getsignal(signal.SIGUSR1)
    Interrupt([signal.SIGUSR1]).release()
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_wait_says_what_did_not_happen_in_time() -> None:
    """Every wait is bounded, and its end is a sentence."""
    with pytest.raises(TooLateError, match="not yet: a coordinator"):
        Interrupt(()).wait("a coordinator", lambda: False, -1.0)


def test_what_is_so_already_is_not_waited_for() -> None:
    """No interrupt is looked at, and no time passes."""
    Interrupt(()).wait("nothing", lambda: True, 0.0)
