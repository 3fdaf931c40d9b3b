"""Every folder of tests is run by a command, every system test by exactly one lane of it."""

import re

from tests.support import REPOSITORY
from tests.system.__main__ import FOLDER, NEMESIS, lanes


def test_every_system_test_is_run_once() -> None:
    """A file in no lane would be a test that nobody runs."""
    first, second = lanes()
    folders = [path for path in first + second if not path.endswith(".py")]
    covered = {*first, *second}
    files = {str(path) for path in FOLDER.rglob("test_*.py")}
    assert {f for f in files if f not in covered and not f.startswith(tuple(folders))} == set()
    assert not set(first) & set(second)
    assert all((FOLDER / name).exists() for name in first + second)


def test_every_folder_of_tests_is_run_by_a_command() -> None:
    """Frozen bytes that nothing compares are no promise."""
    tests, makefile = REPOSITORY / "tests", (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    folders = {file.relative_to(tests).parts[0] for file in tests.rglob("test_*.py")}
    assert folders <= {NEMESIS.name, *re.findall(r"\btests[/.]([a-z]+)\b", makefile)}
