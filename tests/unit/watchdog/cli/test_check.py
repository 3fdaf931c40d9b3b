"""The words of `check`: which one is meant, and with which options."""

from pathlib import Path

import pytest

from tests.unit.watchdog.cli.runs import AS_MYSELF, configured, run

CHECKS = """
[check.set]
file = "/"
[check.test]
file = "/"
"""


def test_without_a_word_it_looks_at_the_whole_file(tmp_path: Path) -> None:
    """As it always did."""
    result = run("check", "--config", configured(tmp_path, CHECKS), "--node", "a")
    assert result.exit_code == 0
    assert "ok (3 nodes, quorum 2 of 3, this is a)" in result.output


def test_node_that_is_called_like_a_word_is_a_node(tmp_path: Path) -> None:
    """The value of an option is never a word."""
    file = Path(configured(tmp_path, CHECKS))
    file.write_text(file.read_text().replace("b = {", "test = {"))
    result = run("check", "--config", str(file), "--node", "test")
    assert result.exit_code == 0
    assert "this is test" in result.output


@pytest.mark.parametrize("name", ["set", "test"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_check_that_is_called_like_a_word_is_a_check(name: str, place: str, tmp_path: Path) -> None:
    """And the file may stand on either side of the word."""
    option = ["--config", configured(tmp_path, CHECKS)]
    before, after = (option, []) if place == "before" else ([], option)
    result = run("check", *before, "test", name, *after, *AS_MYSELF)
    assert result.output.startswith(f"{name}: ")
    assert "  up   file: / " in result.output or "  DOWN file: / " in result.output


def test_name_without_a_word_is_answered_with_the_word() -> None:
    """What people type first."""
    result = run("check", "postgres")
    assert result.exit_code == 2
    assert "`quorumdog check test postgres`" in result.output
    assert "only test, set, reset" in result.output


def test_help_explains_the_words() -> None:
    """Each with its exit codes."""
    for word in ("test", "set", "reset"):
        assert f"\n  {word} " in run("check", "--help").output
        assert "Exit code: 0" in run("check", word, "--help").output
