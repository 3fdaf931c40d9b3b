"""The fuzzer itself: inputs repeat, faults of every kind are noticed, and a weak run is told."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import corpus, registry, report
from tests.fuzz.__main__ import main
from tests.fuzz.engine import BATCH, PAST, REFUSED, VALID, Fault, Run, Tally, Target, input_of
from tests.fuzz.shrink import shrunk


def target(judge: Callable[[bytes], int], past: float = 0.0, valid: float = 0.0) -> Target:
    """A parser of eight random bytes."""
    return Target("made", lambda rng: rng.randbytes(8), judge, past, valid)


def found(judge: Callable[[bytes], int], batches: int = 3) -> Tally:
    """What a run of a few batches notices."""
    return Run(target(judge), 7).batches(range(batches))


def burn(seconds: float) -> None:
    """Use the processor."""
    until_s = time.thread_time() + seconds
    while time.thread_time() < until_s:
        pass


def test_an_input_is_the_same_whenever_it_is_made() -> None:
    """The command in a report shows the same fault to whoever types it."""
    seen: list[bytes] = []

    def judge(data: bytes) -> int:
        seen.append(data)
        return VALID

    found(judge)
    made = target(lambda data: VALID)
    assert [input_of(made, 7, number) for number in (0, 1, BATCH, 2 * BATCH + 3)] == [
        input_of(made, 7, number) for number in (0, 1, BATCH, 2 * BATCH + 3)
    ]
    assert input_of(made, 7, BATCH + 5) in seen
    assert input_of(made, 8, BATCH + 5) not in seen


def test_an_exception_is_a_fault_once_for_each_place_and_the_run_goes_on() -> None:
    """Ten thousand inputs may meet the same bug."""

    def judge(data: bytes) -> int:
        if data[0] & 1:
            raise KeyError(data[0])
        return PAST

    tally = found(judge)
    assert [fault.kind for fault in tally.faults] == ["error"]
    assert tally.faults[0].data[0] & 1
    assert input_of(target(judge), 7, tally.faults[0].number) == tally.faults[0].data
    assert 0 < tally.past < tally.inputs == 3 * BATCH


def test_an_input_that_is_slow_each_time_is_a_fault() -> None:
    """One that was slow once is a busy machine."""

    def judge(data: bytes) -> int:
        if data[0] == first:
            burn(0.007)
        return VALID

    first = input_of(target(judge), 7, 60)[0]
    tally = found(judge)
    assert [fault.kind for fault in tally.faults] == ["slow"]
    assert tally.faults[0].data[0] == first
    slow_once = iter([0.02])

    def judge_once(data: bytes) -> int:
        burn(next(slow_once, 0))
        return VALID

    assert found(judge_once).faults == []


def test_an_input_that_costs_much_memory_is_a_fault() -> None:
    """At the peak, though all of it is given back."""

    def judge(data: bytes) -> int:
        return len(bytes(300 * 1024)) % 1 if data[0] < 128 else REFUSED

    assert {fault.kind for fault in found(judge).faults} == {"memory"}


def test_much_memory_is_noticed_in_a_batch_that_is_not_weighed() -> None:
    """The process grew, so its inputs are looked at one by one."""
    number = 2 * BATCH + 7
    wanted = input_of(target(lambda data: VALID), 7, number)

    def judge(data: bytes) -> int:
        return len(bytearray(b"x" * (64 << 20))) % 1 if data == wanted else VALID

    tally = found(judge)
    assert ("memory", number) in [(fault.kind, fault.number) for fault in tally.faults]


def test_what_is_never_given_back_is_a_fault() -> None:
    """A peer that sends garbage for a year must not grow the daemon."""
    kept: list[bytearray] = []

    def judge(data: bytes) -> int:
        kept.append(bytearray(b"x" * 4000))
        return VALID

    tally = found(judge, batches=400)
    assert [fault.kind for fault in tally.faults] == ["leak"]


def test_a_fault_is_shrunk_to_what_shows_it() -> None:
    """A short input is read; a long one is not."""

    def judge(data: bytes) -> int:
        if b"\x07\x08" in data:
            raise IndexError
        return VALID

    made, data = target(judge), bytes(range(40)) + b"\x07\x08" + bytes(range(90, 130))
    (fault,) = Run(made, 0).replay([data]).faults
    assert shrunk(made, fault).data == b"\x07\x08"


def test_a_run_that_is_worth_too_little_says_so() -> None:
    """Inputs that are all refused at their first byte test nothing."""
    made = target(lambda data: REFUSED, 5, 1)
    tally = Run(made, 7).batches([0])
    said = list(report.weak(made, tally, 2 * BATCH))
    assert len(said) == 3
    assert "50 inputs, fewer than 100" in said[0]


def test_a_kept_input_is_read_back(tmp_path: Path) -> None:
    """Its first line is for people."""
    fault = Fault("frames", "error", "IndexError at x.py:3", "list index", 5, bytes(range(100)))
    file = corpus.keep(fault, tmp_path)
    assert corpus.read("frames", tmp_path) == [fault.data]
    assert file.read_text(encoding="utf-8").startswith("# error IndexError at x.py:3")


@pytest.mark.parametrize("name", registry.PLACES)
def test_every_target_has_inputs_that_come_far(name: str) -> None:
    """A few hundred inputs of each, and not a fault among them."""
    made = registry.make(name)
    tally = Run(made, 3).batches(range(4 if made.share < 1 else 20))
    assert tally.faults == []
    assert list(report.weak(made, tally, 0)) == []


def test_the_command_repeats_one_input(capsys: pytest.CaptureFixture[str]) -> None:
    """By its number, as a report says, and by its bytes."""
    assert main(["--only", "codec", "--seed", "5", "--input", "11"]) == 0
    shown = capsys.readouterr().out.split()[2]
    assert shown == input_of(registry.make("codec"), 5, 11).hex()
    assert main(["--only", "codec", "--hex", shown]) == 0
