"""The command line: what a failure prints, what a run counts, and when it exits with 1."""

import itertools

import pytest

from tests.simulation import report, swarm
from tests.simulation.__main__ import main
from tests.simulation.kinds import KINDS
from tests.simulation.planted import PLANTS
from tests.simulation.swarm import Outcome, Total
from watchdog.instant import SECOND


def test_a_clean_range_of_seeds_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    """Two processes, and the sum of both is printed with the histogram."""
    assert main(["--seeds", "0..7", "--jobs", "2"]) == 0
    out = capsys.readouterr().out
    assert "8 seeds" in out
    assert "0 violations" in out
    assert "cluster-seconds per CPU-second" in out
    assert all(kind in out for kind in KINDS)


def test_a_violation_prints_its_seed_and_the_command_that_replays_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever sees a red run must be able to see the same thing at home."""
    plant = next(plant for plant in PLANTS if plant.name == "vote not saved")
    with plant.planted():
        assert main(["--seeds", "0..0"]) == 1
        out = capsys.readouterr().out
        assert "seed 0" in out
        assert "make sim SEED=0" in out
        assert main(["--seed", "0"]) == 1
    trace = capsys.readouterr().out
    assert "VIOLATION of 'grant only after its fsync'" in trace
    assert "Send(peer=" in trace


def test_a_slow_machine_ends_in_time_and_has_simulated_less() -> None:
    """What it reached is printed, and the floors say whether that was enough."""
    outcomes = list(swarm.run_many(itertools.count(), jobs=1, hours=100.0, minutes=0.0))
    assert len(outcomes) == 1


def test_a_fixed_profile_is_part_of_the_command_that_replays() -> None:
    """With `--profile` a seed means another run."""
    outcome = Outcome(7, "fast 3")
    assert report.command_for(outcome, "fast", "3") == (
        "python -m tests.simulation --seed 7 --profile fast --nodes 3 --trace"
    )


def _full() -> Total:
    total = Total(seeds=200, simulated_ns=100 * 3600 * SECOND)
    total.escalations, total.liveness = 10_000, [0] * 500
    total.faults.update(dict.fromkeys(KINDS, 1000))
    return total


def test_a_run_that_did_enough_is_above_every_floor() -> None:
    """The floors of 100 cluster-hours, and their share for fewer."""
    assert report.below_floor(_full()) == []
    assert report.below_floor(_full(), hours=20.0) == []


def test_a_run_that_did_nothing_fails() -> None:
    """A job that runs nothing must not be green."""
    total = _full()
    total.faults["suspend"] = 249
    total.escalations = 9999
    total.seeds -= 1
    total.liveness.pop()
    faults = report.below_floor(total)
    assert faults == [
        "only 199 seeds, must be at least 200",
        "only 9999 escalations, must be at least 10000",
        "only 499 liveness checks, must be at least 500",
        "only 249 faults of kind 'suspend', must be at least 250",
    ]


def test_a_run_that_ended_before_its_hours_fails() -> None:
    """What was asked for counts, not what came of it."""
    total = _full()
    total.simulated_ns //= 2
    assert "only 50 cluster-hours, must be at least 100" in report.below_floor(total, hours=100.0)


def test_a_run_that_time_ended_owes_what_it_reached_and_a_share_in_any_case() -> None:
    """A machine is slower on some days; a run that reaches little proves nothing."""
    total = _full()
    for hours, owed in ((120.0, 100.0), (80.0, 80.0), (30.0, 60.0)):
        total.simulated_ns = int(hours * 3600 * SECOND)
        assert report.hours_owed(total, 100.0, is_bounded=True) == owed
        assert report.hours_owed(total, 100.0, is_bounded=False) == 100.0
    assert report.hours_owed(total, None, is_bounded=True) is None


def test_a_seed_that_gives_another_trace_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every run runs some of its seeds a second time."""
    assert main(["--seeds", "0..1"]) == 0
    assert "1 seeds run a second time, 0 with another trace" in capsys.readouterr().out
    times = itertools.count()

    def another_each_time(seed: int, *_: object, **__: object) -> Outcome:
        return Outcome(seed, "default 3", crc=next(times))

    monkeypatch.setattr(swarm, "run_seed", another_each_time)
    assert main(["--seeds", "0..1"]) == 1
    assert "seed 0 gave another trace" in capsys.readouterr().out


def test_something_must_be_asked_for() -> None:
    """Neither seed nor seeds nor hours: the usage, and exit code 2."""
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
