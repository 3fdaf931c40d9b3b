"""The gate's thread: answers to everything, in order, and nobody waits for the kernel but it."""

import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from tests.shell.namespaces import private_network
from tests.support import readable
from watchdog.guardian import actions as act
from watchdog.guardian import gate
from watchdog.guardian.gate import Gate
from watchdog.guardian.nft import leasing, tables
from watchdog.guardian.plan import Vip
from watchdog.instant import MS

pytestmark = pytest.mark.root
VIPS = (Vip("a", "10.8.0.100", 24, 4, "lo"), Vip("b", "fd00::100", 64, 6, "lo"))
PATIENCE_S = 10.0
RENEWALS = 1000


@pytest.fixture
def made() -> Iterator[Gate]:
    """A gate in a network of its own."""
    with private_network():
        found = Gate(VIPS, "test", "normal")
        yield found
        found.end()


def answers(made: Gate, count: int) -> list[act.Input]:
    """The next answers."""
    found: list[act.Input] = []
    end = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert readable(max(0.0, end - time.monotonic()), made.fd), found
        made.take_answers(found.append)
    return found


def listed() -> str:
    """All rules."""
    command = ["nft", "list", "ruleset"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_ticket_and_a_lease_are_answered(made: Gate) -> None:
    """In nanoseconds as the guardian counts, cut to milliseconds."""
    made.open_ticket(1, 1, 5000 * MS)
    assert answers(made, 1) == [act.TicketOpened(1, 1, True, "")]
    made.arm(1, 1, 900 * MS + 999_999)
    assert answers(made, 1) == [act.GateArmed(1, 1, True, "")]
    assert listed().count("timeout 900ms") == 3
    made.close_lease()
    made.open_ticket(1, 2, 5000 * MS)
    answers(made, 1)
    assert "timeout 900ms" not in listed()
    made.take_answers(lambda answer: pytest.fail(f"nobody asked for {answer}"))


@pytest.mark.parametrize("timeout_ns", [0, 9 * MS, 601_000 * MS, -1])
def test_a_timeout_that_cannot_be_had_is_refused(made: Gate, timeout_ns: int) -> None:
    """None at all would be an element that stays for ever."""
    made.open_ticket(1, 1, timeout_ns)
    made.arm(1, 2, timeout_ns)
    found = {type(answer): answer for answer in answers(made, 2)}
    for kind in (act.TicketOpened, act.GateArmed):
        assert "cannot be had" in found[kind].why  # type: ignore[union-attr]


class Stuck:
    """Holds the gate's thread in its next transaction, as somebody's reload would."""

    def __init__(self, made: Gate) -> None:
        self._through = threading.Event()
        self._is_in = threading.Event()
        self._transact = made._tables._transact
        made._tables._transact = self._wait  # type: ignore[method-assign]
        made.open_ticket(1, 1, 5000 * MS)
        assert self._is_in.wait(PATIENCE_S)

    def _wait(self, how: leasing.Template) -> None:
        self._is_in.set()
        assert self._through.wait(PATIENCE_S)
        self._transact(how)

    def let_go(self) -> None:
        """Let it through, and all that come after it."""
        self._through.set()


def test_nobody_waits_while_the_kernel_is_held(made: Gate) -> None:
    """Closing passes everything that waits, which is refused in its order."""
    stuck = Stuck(made)
    began = time.monotonic()
    for number in (2, 3):
        made.open_ticket(1, number, 5000 * MS)
        made.arm(1, number - 1, 900 * MS)
    made.check()
    made.close_lease()
    made.open_ticket(1, 4, 5000 * MS)
    made.take_answers(lambda answer: pytest.fail(f"too early: {answer}"))
    assert time.monotonic() - began < PATIENCE_S / 2
    stuck.let_go()
    found = answers(made, 6)
    opened = [(a.round, a.ok) for a in found if isinstance(a, act.TicketOpened)]
    armed = [(a.round, a.ok, a.why) for a in found if isinstance(a, act.GateArmed)]
    assert opened == [(1, True), (2, False), (3, False), (4, True)]
    closed = "the gate was closed meanwhile"
    assert armed == [(1, False, "round 2 was armed instead"), (2, False, closed)]


def test_the_end_is_bounded_and_says_nothing_more(
    made: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guardian ends in time, also while the kernel is held."""
    monkeypatch.setattr(gate, "END_S", 0.1)
    stuck = Stuck(made)
    made.end()
    assert "quorumdog_test" in listed()
    stuck.let_go()
    monkeypatch.setattr(gate, "END_S", PATIENCE_S)
    made.end()
    assert listed() == ""
    made.end()
    made.open_ticket(1, 9, 5000 * MS)
    made.check()


def test_a_gate_that_was_made_anew_is_told_before_what_found_it(made: Gate) -> None:
    """So that the guardian knows why a lease was refused."""
    made.open_ticket(1, 1, 5000 * MS)
    answers(made, 1)
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    made.arm(1, 1, 900 * MS)
    checked, armed = answers(made, 2)
    assert isinstance(checked, act.GateChecked)
    assert checked.ok
    assert isinstance(armed, act.GateArmed)
    assert not armed.ok


def test_a_thread_that_fails_is_no_gate(made: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, whatever it failed of; the lease lapses by itself."""

    def fail() -> None:
        raise SystemExit

    monkeypatch.setattr(made._tables, "check", fail)
    made.check()
    (checked,) = answers(made, 1)
    assert checked == act.GateChecked(False, "the gate's thread has failed")


def thread_of(made: Gate) -> int:
    """The thread that is somewhere in a gate's own code."""
    for ident, top in sys._current_frames().items():
        frame: FrameType | None = top
        while frame:
            if frame.f_code is Gate._serve.__code__ and frame.f_locals["self"] is made:
                return ident
            frame = frame.f_back
    raise AssertionError("the gate has no thread")


def test_a_signal_that_the_thread_gets_does_not_end_it(made: Gate) -> None:
    """The kernel gives a signal to any thread, the more so when a stopped guardian goes on."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        made.open_ticket(1, 0, 5000 * MS)
        answers(made, 1)  # so that its thread runs
        thread = thread_of(made)
        for number in range(1, 6):
            signal.pthread_kill(thread, signal.SIGUSR1)
            time.sleep(0.01)
            made.open_ticket(1, number, 5000 * MS)
            assert answers(made, 1) == [act.TicketOpened(1, number, True, "")]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_trial_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves nothing of what it could make."""
    with private_network():
        assert gate.trial(VIPS, "test") == ""
        assert listed() == ""
        monkeypatch.setattr(tables.Tables, "arm", lambda *_: tables.Outcome(""))
        assert gate.trial(VIPS, "test") == "a spent ticket armed the gate again"
        assert listed() == ""
        monkeypatch.setattr(gate, "_TRIAL", "x" * 300)
        assert "inet table" in gate.trial(VIPS, "test")


def test_clearing_takes_a_trial_along_and_only_that_tag() -> None:
    """A machine without any of it is clear."""
    with private_network():
        assert gate.clear("test") == ""
        for table in ("inet quorumdog_test", "netdev quorumdog_test_trial", "inet quorumdog_other"):
            subprocess.run(["nft", "add", "table", *table.split()], check=True)
        assert gate.clear("test") == ""
        assert listed().split()[:3] == ["table", "inet", "quorumdog_other"]


def test_a_renewal_is_cheap(made: Gate) -> None:
    """Ticket and arm together; the bound is the goal of 1 ms, the usual figure is printed."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    for number in range(1, RENEWALS + 1):
        made.open_ticket(1, number, 5000 * MS)
        assert answers(made, 1)[0].ok  # type: ignore[union-attr]
        made.arm(1, number, 900 * MS)
        assert answers(made, 1)[0].ok  # type: ignore[union-attr]
    after = resource.getrusage(resource.RUSAGE_SELF)
    used_ms = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000
    print(f"{used_ms / RENEWALS:.3f} ms of processor time for a renewal")
    assert used_ms / RENEWALS <= 1
