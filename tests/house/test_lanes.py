"""Every system test is in exactly one lane."""

from tests.system.__main__ import FOLDER, lanes


def test_every_system_test_is_run_once() -> None:
    """A file in no lane would be a test that nobody runs."""
    first, second = lanes()
    folders = [path for path in first + second if not path.endswith(".py")]
    covered = {*first, *second}
    files = {str(path) for path in FOLDER.rglob("test_*.py")}
    assert {f for f in files if f not in covered and not f.startswith(tuple(folders))} == set()
    assert not set(first) & set(second)
    assert all((FOLDER / name).exists() for name in first + second)
