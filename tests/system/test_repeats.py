"""What is run again, what never is, and what the summary says of it: on made-up tests.

Each is a run of pytest in a process of its own, with a file in the place of /proc/stat: a made-up
test "steals" by writing there.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.support import REPOSITORY
from tests.system.__main__ import LOOKS_MAX, worth_a_look
from tests.system.exclusion import TwoHoldersError, broken_now, check_too, is_broken, watched
from tests.system.repeats import REPETITIONS_MAX, TRIES_MAX, is_excused, line_of
from tests.system.stolen import STOOD_STILL_MS, Sample, lost_ms
from watchdog.cli.demo.interrupt import TooLateError

RUN_S: Final = 60
CONFTEST: Final = """
from functools import partial
from tests.system.repeats import Repeats
from tests.system.stolen import Sampler
from watchdog import stolen

def pytest_addoption(parser):
    parser.addoption("--failed-to")

def pytest_configure(config):
    read = partial(stolen.read, str(config.rootpath / "stat"))
    config.pluginmanager.register(Repeats(lambda item: True, lambda: Sampler(read)))
"""
HEAD: Final = """
from pathlib import Path
import pytest
from tests.system.exclusion import TwoHoldersError

HERE = Path(__file__).parent

def steal(ms):
    file = HERE / "stat"
    before = int(file.read_text().split()[8])
    file.write_text(f"cpu0 1 1 1 1 1 1 1 {before + ms // 10}\\n")

def note(what):
    with (HERE / "notes").open("a") as file:
        file.write(what + "\\n")
    return (HERE / "notes").read_text().split().count(what)
"""


def play(folder: Path, text: str, *options: str) -> tuple[int, str, list[str]]:
    """The exit code of a run of these tests, what it printed, and what they noted."""
    (folder / "stat").write_text("cpu0 1 1 1 1 1 1 1 0\n", encoding="ascii")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="ascii")
    (folder / "conftest.py").write_text(CONFTEST, encoding="ascii")
    (folder / "test_it.py").write_text(HEAD + text, encoding="ascii")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *options, "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    notes = folder / "notes"
    noted = notes.read_text(encoding="ascii").split() if notes.exists() else []
    return done.returncode, done.stdout + done.stderr, noted


def test_a_test_that_failed_while_processors_were_stolen_is_run_again(tmp_path: Path) -> None:
    """Once is enough here, and the summary says which, how long, and what had failed."""
    code, said, noted = play(
        tmp_path,
        """
def test_late():
    if note("ran") < 2:
        steal(250)
        assert False, "the VIP moved"
""",
    )
    assert code == 0, said
    assert noted == ["ran", "ran"]
    assert "1 passed" in said
    assert "run again: test_it.py::test_late: 250 ms were stolen" in said
    assert "AssertionError: the VIP moved" in said


def test_a_failure_on_a_steady_machine_counts_at_once(tmp_path: Path) -> None:
    """As does one with too little stolen, or only after it had failed."""
    code, said, noted = play(
        tmp_path,
        """
def test_wrong():
    note("ran")
    assert False

def test_nearly_steady():
    note("ran")
    steal(90)
    assert False

@pytest.fixture
def after():
    yield
    steal(900)

def test_steady_until_it_failed(after):
    note("ran")
    assert False
""",
    )
    assert code == 1, said
    assert noted == ["ran", "ran", "ran"]
    assert "3 failed" in said
    assert "run again" not in said


@pytest.mark.parametrize(
    "body",
    [
        "raise TwoHoldersError('alpha and beta')",
        "try:\n        raise TwoHoldersError('alpha')\n    finally:\n        raise OSError",
        "raise ExceptionGroup('all', [OSError(), TwoHoldersError('alpha')])",
        "pytest.skip('no tool')",
    ],
)
def test_two_holders_are_never_excused(tmp_path: Path, body: str) -> None:
    """However much was stolen, and however the failure is wrapped; nor is a missing tool."""
    code, said, noted = play(
        tmp_path, f"def test_bad():\n    note('ran')\n    steal(900)\n    {body}\n"
    )
    assert noted == ["ran"], said
    assert code == (0 if "skip" in body else 1), said
    assert "run again" not in said


def test_two_holders_that_only_the_end_of_a_cluster_shows_are_not_excused(tmp_path: Path) -> None:
    """A shared fixture is ended for the repetition, and it is that which has counted."""
    code, said, noted = play(
        tmp_path,
        """
@pytest.fixture(scope="module")
def cluster():
    yield
    raise TwoHoldersError("alpha and beta")

def test_late(cluster):
    note("ran")
    steal(250)
    assert False

def test_more(cluster):
    pass
""",
    )
    assert code == 1, said
    assert noted == ["ran"]
    assert "TwoHoldersError: alpha and beta" in said
    assert "run again" not in said


def test_two_holders_in_a_shared_cluster_are_not_excused(tmp_path: Path) -> None:
    """A fixture does not see that a test fails: the plug-in itself looks at what is there."""
    code, said, noted = play(
        tmp_path,
        """
from tests.system.exclusion import watched

def two():
    raise TwoHoldersError("alpha and beta")

@pytest.fixture(scope="module")
def cluster():
    with watched(two):
        yield

def test_late(cluster):
    note("ran")
    steal(250)
    assert False
""",
    )
    assert code == 1, said
    assert noted == ["ran"]
    assert "TwoHoldersError: alpha and beta" in said
    assert "run again" not in said


def test_after_three_tries_a_failure_counts(tmp_path: Path) -> None:
    """Both repetitions are listed."""
    code, said, noted = play(
        tmp_path,
        """
def test_always_late():
    note("ran")
    steal(250)
    assert False
""",
    )
    assert code == 1, said
    assert noted == ["ran"] * TRIES_MAX
    assert "1 failed" in said
    assert said.count("run again: ") == TRIES_MAX - 1


def test_a_repetition_has_shared_fixtures_of_its_own_and_each_is_ended_once(
    tmp_path: Path,
) -> None:
    """In the middle of a module and at its end; what belongs to the session stays."""
    code, said, noted = play(
        tmp_path,
        """
@pytest.fixture(scope="session")
def stage():
    note("stage")
    yield

@pytest.fixture(scope="module")
def cluster(stage):
    note("begin")
    yield
    note("end")

@pytest.fixture
def quiet(cluster):
    yield
    if note("quiet") == 1:
        steal(250)
        assert False, "something moved"

def test_middle(quiet):
    pass

def test_shares(cluster):
    note("shared")

def test_last(cluster):
    if note("last") == 1:
        steal(250)
        assert False
""",
    )
    assert code == 0, said
    first, second = ["begin", "quiet", "end"], ["begin", "quiet", "shared", "last", "end"]
    assert noted == ["stage", *first, *second, *noted[9:]]
    assert [one for one in noted[9:] if one != "stage"] == ["begin", "last", "end"]
    assert "3 passed" in said
    assert said.count("run again: ") == 2


def test_a_set_up_that_failed_is_made_again(tmp_path: Path) -> None:
    """A cluster that did not form in time is made anew, not remembered as failed."""
    code, said, noted = play(
        tmp_path,
        """
@pytest.fixture(scope="module")
def cluster():
    if note("begin") == 1:
        steal(250)
        raise OSError("not formed")
    yield

def test_one(cluster):
    pass

def test_two(cluster):
    pass
""",
    )
    assert code == 0, said
    assert noted == ["begin", "begin"]
    assert "2 passed" in said


def test_a_machine_that_is_never_steady_excuses_no_more_than_a_dozen(tmp_path: Path) -> None:
    """After that every failure counts, and the summary says so."""
    code, said, noted = play(
        tmp_path,
        f"""
@pytest.mark.parametrize("number", range({REPETITIONS_MAX + 2}))
def test_late(number):
    if note(str(number)) == 1:
        steal(250)
        assert False
""",
    )
    assert code == 1, said
    assert f"2 failed, {REPETITIONS_MAX} passed" in said
    assert said.count("run again: ") == REPETITIONS_MAX
    assert f"after {REPETITIONS_MAX} every failure counts" in said
    assert noted[-2:] == [str(REPETITIONS_MAX), str(REPETITIONS_MAX + 1)]


def samples(*read: tuple[float, int]) -> Sequence[Sample]:
    """(seconds, milliseconds stolen of the one processor)."""
    return [Sample(at_s, {b"cpu0": ms}) for at_s, ms in read]


def test_what_counts_is_lost_within_one_second() -> None:
    """By one processor; who looks after a long time knows only a share of it."""
    assert lost_ms([], Sample(5.0, {b"cpu0": 700})) == 0
    assert lost_ms(samples((0.2, 0), (1.1, 60)), Sample(1.2, {b"cpu0": 160})) == 160
    assert lost_ms(samples((0.0, 0)), Sample(2.5, {b"cpu0": 300})) == 100
    both = {b"cpu0": 80, b"cpu1": 90}
    assert lost_ms([Sample(0, {b"cpu0": 0, b"cpu1": 0})], Sample(1, both)) == 90
    assert lost_ms([Sample(0, {})], Sample(1, {})) == 0, "a kernel that does not tell"


def test_only_what_time_can_cause_is_excused() -> None:
    """Something must have been raised, and not of the kinds that no machine causes."""
    late = TooLateError("waited 20 s")
    assert is_excused([late], STOOD_STILL_MS)
    assert not is_excused([late], STOOD_STILL_MS - 1)
    assert not is_excused([], 900)
    assert not is_excused([None], 900)
    assert not is_excused([late, None], 900)
    assert not is_excused([late, ImportError("psycopg")], 900)
    assert not is_excused([pytest.skip.Exception("no tool")], 900), "root may not skip"
    assert not is_excused([late, TwoHoldersError("alpha")], 900)
    assert line_of(late) == "TooLateError: waited 20 s"


def two() -> None:
    """A check that finds them."""
    raise TwoHoldersError("alpha and beta")


def test_the_promise_is_checked_also_after_a_failure() -> None:
    """What is found then has the failure as its cause; who cannot count has found it, too."""
    late = TooLateError("waited 20 s")
    check_too(late, lambda: None)
    with pytest.raises(TwoHoldersError) as found:
        check_too(late, two)
    assert found.value.__cause__ is late
    with pytest.raises(TwoHoldersError, match="could not be counted"):
        check_too(late, lambda: (_ for _ in ()).throw(ValueError("no JSON")))
    check_too(KeyboardInterrupt(), two)
    assert not is_broken(late)
    assert is_broken(found.value)
    assert broken_now() is None
    with watched(lambda: None), watched(two):
        assert isinstance(broken_now(), TwoHoldersError)
    assert broken_now() is None


def test_who_runs_the_lanes_is_told_what_may_be_looked_at_once_more(tmp_path: Path) -> None:
    """A busy machine may be late; it never makes two holders, and no test that cannot be found."""
    failed = tmp_path / "failed"
    code, _, _ = play(
        tmp_path,
        """
def test_late():
    assert not "within 5 s"

def test_two():
    raise TwoHoldersError("alpha and beta")

def test_fine():
    pass
""",
        f"--failed-to={failed}",
    )
    assert code == 1
    told = json.loads(failed.read_text(encoding="utf-8"))
    assert told == {"test_it.py::test_late": True, "test_it.py::test_two": False}


@pytest.mark.parametrize(
    ("told", "looked_at"),
    [
        ([{"a": True}, {"b": True}], ["a", "b"]),
        ([{"a": True}, {"b": False}], []),
        ([{}, {}], []),
        ([{str(number): True for number in range(LOOKS_MAX + 1)}, {}], []),
    ],
    ids=["late", "two holders", "nothing", "too many"],
)
def test_few_that_were_late_get_a_second_look_alone(
    tmp_path: Path, told: Sequence[dict[str, bool]], looked_at: list[str]
) -> None:
    """Beside the other lane and the simulation the processors may be too few for real time."""
    paths = [tmp_path / str(number) for number in range(len(told))]
    for path, one in zip(paths, told, strict=True):
        path.write_text(json.dumps(one), encoding="utf-8")
    assert worth_a_look([*paths, tmp_path / "none"]) == looked_at
