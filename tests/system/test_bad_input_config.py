"""A bad configuration at the real command: all faults at once, each with its line, and no traces.

Every key, type and value is a unit test of `watchdog.config`; here is what `run` does with faults.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from tests.system.yard import Shape, Yard, opened
from watchdog.cli.demo import lab as labs

pytestmark = pytest.mark.root

MEMBERS: Final = ("alpha", "bravo", "charlie")
SUBJECT: Final = "alpha"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Namespaces; nothing ever runs in them."""
    with opened(tmp_path_factory.mktemp("config"), MEMBERS, Shape(MEMBERS)) as made:
        yield made


def refused(yard: Yard, shape: Shape) -> str:
    """What a start with this file says; it leaves neither process nor directory."""
    code, text = yard.refused(SUBJECT, shape=shape)
    assert code == 2, text
    assert "Traceback" not in text
    assert "nothing was done" in text
    assert not yard.state(SUBJECT).parent.exists()
    assert not (yard.home(SUBJECT) / "run").exists()
    assert labs.pids(yard.lab.places[SUBJECT].namespace) == []
    return text


def test_all_faults_are_said_at_once_with_their_lines(yard: Yard) -> None:
    """Wrong key, wrong type, wrong value, in three tables: one run tells of all."""
    options = 'prot = 9001\nfailback = "sometimes"\nlog_format = 7'
    hooks = '[hooks]\nescalation = "relative/path"\nescalation_timeout = "soon"'
    text = refused(yard, replace(yard.shape, options=options, hooks=hooks))
    file = yard.home(SUBJECT) / "quorumdog.conf"
    numbers = {
        key: number
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        for key in ("prot", "failback", "log_format", "escalation", "escalation_timeout")
        if line.startswith(f"{key} ")
    }
    assert len(numbers) == 5
    for number in numbers.values():
        assert f"{file}:{number}:" in text, text
    assert "did you mean `port`?" in text
    assert "5 faults" in text


def test_timing_that_breaks_an_inequality_is_refused_with_the_numbers(yard: Yard) -> None:
    """A promise shorter than `hard` would be two holders."""
    text = refused(yard, replace(yard.shape, hooks='[timing]\npromise = "300ms"'))
    assert "I3" in text
    assert "300" in text


def test_the_extreme_profile_is_refused_without_rt(yard: Yard) -> None:
    """Its beacons leave no time for a late wake-up."""
    text = refused(yard, replace(yard.shape, timing="extreme", scheduling="nice"))
    assert "timing `extreme` needs" in text
    assert 'scheduling = "rt"' in text


def test_two_nodes_at_one_address_are_refused(yard: Yard) -> None:
    """Copied and not edited."""
    file = yard.write(SUBJECT)
    double = file.read_text(encoding="utf-8").replace(
        yard.lab.places["bravo"].address, yard.lab.places["charlie"].address
    )
    file.write_text(double, encoding="utf-8")
    code, text = yard.ended(yard.command(SUBJECT, "run", "--node", SUBJECT))
    assert code == 2
    assert yard.lab.places["charlie"].address in text
    assert "bravo" in text
