"""From a file to a configuration."""

import re
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.unit.watchdog.config.samples import GOOD, examined, loaded, written
from watchdog.config.errors import ConfigError, Problem
from watchdog.config.load import load


def test_good_file_is_loaded_with_its_defaults(tmp_path: Path) -> None:
    """Everything that is not required has a default."""
    config = loaded(tmp_path).config
    assert config.cluster.name == "pg-prod"
    assert config.cluster.authkey_file == "/etc/quorumdog/authkey"
    assert list(config.nodes) == ["alpha", "beta", "gamma"]
    assert config.nodes["beta"].priority == 1
    assert config.hooks.escalation is None


def test_load_raises_all_faults_with_exit_code_2(tmp_path: Path) -> None:
    """`run` prints what `check` prints."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, GOOD.replace("name", "nmae").replace("interface", "intreface")))
    assert caught.value.exit_code == 2
    assert len(caught.value.faults) == 4


def test_faults_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    """The reader mends them from top to bottom."""
    text = GOOD.replace("pg-prod", "PG").replace("priority", "prio").replace("eth0", "e t h")
    lines = [int(fault.where.rpartition(":")[2]) for fault in examined(tmp_path, text).faults]
    assert lines == [2, 4, 9]


def test_sample_is_valid_and_warns_of_nothing() -> None:
    """It is what people copy first."""
    assert load(str(REPOSITORY / "sample.conf")).warnings == ()


def test_commented_defaults_of_the_sample_are_the_defaults(tmp_path: Path) -> None:
    """Uncommenting every line must change nothing."""
    sample = (REPOSITORY / "sample.conf").read_text(encoding="utf-8")
    lines = [
        line.removeprefix("# ") if " = " in line and line.startswith("# ") else line
        for line in sample.split("\n")
    ]
    plain, full = loaded(tmp_path, sample).config, loaded(tmp_path, "\n".join(lines)).config
    assert full.model_dump() == plain.model_dump()
    assert len(full.cluster.model_fields_set) > len(plain.cluster.model_fields_set) + 5


def test_examples_in_the_sample_are_valid_and_warn_of_nothing(tmp_path: Path) -> None:
    """What somebody uncomments must work as it stands."""
    sample = (REPOSITORY / "sample.conf").read_text(encoding="utf-8")
    found = loaded(tmp_path, re.sub(r"^#(?=[\[\w])", "", sample, flags=re.MULTILINE))
    assert set(found.config.check) == {"postgres", "upstream"}
    assert found.config.http is not None
    assert found.config.http.listen == ("127.0.0.1", 8780)
    assert found.warnings == ()


def test_problem_without_a_place_names_the_file(tmp_path: Path) -> None:
    """What concerns the whole file has no line."""
    found = loaded(tmp_path)
    assert found.fault(Problem((), "x")).where == found.file
    assert found.fault(Problem(("vip", "db"), "x")).where == f"{found.file}:7"
