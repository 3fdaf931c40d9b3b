"""System tests need root: as root none may skip, for others all do, each saying why."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot run without root (tests/conftest.py fails a skip of root's)."""
    if os.geteuid() == 0:
        return
    for item in items:
        if "tests/system" in item.path.as_posix():
            item.add_marker(pytest.mark.skip(reason="needs root: network namespaces"))
