"""What verbs do with a configuration that they cannot use."""

from pathlib import Path

import click
import pytest

from tests.unit.watchdog.cli.runs import configured
from watchdog.cli.configured import flags_of, loaded_or_exit, warn
from watchdog.config.errors import Fault


def test_flags_are_split_at_the_first_equals_sign() -> None:
    """A value may have one of its own."""
    assert flags_of(["cluster.name=a=b", "cluster.port="]) == {
        "cluster.name": "a=b",
        "cluster.port": "",
    }


@pytest.mark.parametrize("flag", ["cluster.port", "port=5", ""])
def test_flag_of_another_shape_is_refused(flag: str) -> None:
    """By click, with its exit code 2."""
    with pytest.raises(click.UsageError, match=r"write TABLE\.KEY=VALUE"):
        flags_of([flag])


@pytest.mark.parametrize(("more", "code"), [("[x]\n", 2), ("[", 2)], ids=["fault", "syntax"])
def test_faults_go_to_stderr_and_end_the_program(
    more: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was done, and it says so."""
    with pytest.raises(SystemExit) as caught:
        loaded_or_exit(configured(tmp_path, more))
    assert caught.value.code == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "quorumdog.conf:12: " in printed.err
    assert printed.err.endswith("1 fault; nothing was done\n")


def test_good_file_is_returned(tmp_path: Path) -> None:
    """With flags laid over it."""
    assert loaded_or_exit(configured(tmp_path), ["cluster.port=5"]).config.cluster.port == 5


def test_warnings_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, so that JSON on stdout stays JSON."""
    warn([Fault("f:1", "odd")])
    assert capsys.readouterr().err == "warning: f:1: odd\n"
