"""What the command line does as a process: what it imports, and that it can become a hook."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.unit.watchdog.cli.runs import configured


def imported_by(*words: str) -> set[str]:
    """The top modules that a verb imports, in a process of its own."""
    code = (
        "import sys\nfrom watchdog.cli import main\n"
        f"try:\n    main({list(words)!r})\nexcept SystemExit:\n    pass\n"
        "print('\\n'.join({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("words", [("status", "--config", "/nowhere"), ("--help",)], ids=str)
def test_quick_verb_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    """`status` is to answer within 100 ms; pydantic alone takes longer on a small machine."""
    assert not {"pydantic", "cryptography", "aiohttp"} & imported_by(*words)


def tried(file: str) -> subprocess.CompletedProcess[str]:
    """`hook test escalation` in a process of its own, which becomes the hook."""
    words = ["hook", "test", "escalation", "--config", file, "--node", "a"]
    return subprocess.run(
        [sys.executable, "-m", "watchdog", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def changed(folder: Path, old: str, new: str) -> str:
    """A configuration in which `old` is `new`."""
    file = Path(configured(folder))
    file.write_text(file.read_text().replace(old, new))
    return str(file)


def test_hook_gets_its_environment_and_event_and_gives_its_exit_code(tmp_path: Path) -> None:
    """The sample hook prints both and exits with 3."""
    done = tried(configured(tmp_path))
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    names = {line.partition("=")[0] for line in lines if "=" in line}
    inherited = {name for name in names if not name.startswith("QUORUMDOG_")}
    assert inherited <= {"PATH", "LC_ALL", "PWD", "SHLVL", "_"}
    event = json.loads(lines[-1])
    assert (event["node"], event["epoch"], event["deadline_ms"]) == ("a", 1, 10_000)


def test_hook_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """By SIGALRM: the timer outlives the exec."""
    bound = '"exec sleep 20"]\nescalation_timeout = "50ms"'
    assert tried(changed(tmp_path, '"env; cat; exit 3"]', bound)).returncode == -14


def test_hook_that_is_missing_is_named(tmp_path: Path) -> None:
    """Not a traceback."""
    done = tried(changed(tmp_path, "/bin/sh", "/nowhere/sh"))
    assert done.returncode == 1
    assert "the hook /nowhere/sh cannot be run: No such file" in done.stderr


def test_script_without_its_first_line_is_told_so(tmp_path: Path) -> None:
    """`Exec format error` alone helps nobody at night."""
    script = tmp_path / "hook"
    script.write_text("echo up\n")
    script.chmod(0o755)
    done = tried(changed(tmp_path, '"/bin/sh", "-c", "env; cat; exit 3"', f'"{script}"'))
    assert done.returncode == 1
    assert "#!/bin/sh" in done.stderr


def test_package_of_the_same_name_is_recognised(tmp_path: Path) -> None:
    """PyPI's `watchdog` replaces our `__init__.py` by its own, which has no version of ours."""
    shutil.copytree(REPOSITORY / "watchdog", tmp_path / "watchdog")
    (tmp_path / "watchdog/__init__.py").write_text("# somebody else's\n")
    done = subprocess.run(
        [sys.executable, "-m", "watchdog", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=15,
    )
    assert done.returncode == 1
    assert "was overwritten or removed by another one" in done.stderr
    assert "`make install`" in done.stderr
