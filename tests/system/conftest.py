"""System tests need root: as root none may skip, for others all do, each saying why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.system.repeats import Repeats

FOLDER = Path(__file__).parent
NEVER_AGAIN = ("test_gate_kernel.py", "test_repeats.py")
"""The kernel's gate may shut early on a machine that stands still, and never late; no real time."""
INSTALL_S = 240
PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3")
NOT_UNDER_MAKE = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL"}}
"""`make test` runs these tests, and a make below another one prints more."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """For the lanes (__main__.py)."""
    parser.addoption("--failed-to", help="file for the tests that failed, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Run again what failed while this machine stood still (repeats.py)."""
    config.pluginmanager.register(Repeats(_may_stand_still))


def _may_stand_still(item: pytest.Item) -> bool:
    return FOLDER in item.path.parents and item.path.name not in NEVER_AGAIN


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot run without root (tests/conftest.py fails a skip of root's)."""
    if os.geteuid() == 0:
        return
    for item in items:
        if "tests/system" in item.path.as_posix():
            item.add_marker(pytest.mark.skip(reason="needs root: network namespaces"))


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stage that `make install` has installed into once."""
    root = tmp_path_factory.mktemp("stage")
    subprocess.run(
        ["make", "-s", "install", f"DESTDIR={root}", f"PYTHON={_everybodys_python()}"],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=INSTALL_S,
        check=True,
        env=NOT_UNDER_MAKE,
    )
    return root


def _everybodys_python() -> str:
    """One that the service's own user may run, too: not one in somebody's home."""
    own = str(Path(sys._base_executable).resolve())  # type: ignore[attr-defined]
    everybodys = (path for path in (own, *PYTHONS) if not path.startswith(("/root/", "/home/")))
    return next((path for path in everybodys if _is_new_enough(path)), own)


def _is_new_enough(python: str) -> bool:
    probe = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    return Path(python).exists() and subprocess.run(probe, check=False).returncode == 0
