"""What every test run shares: hypothesis profiles, and the rule that root never skips.

A skipped test is a test that nobody runs.  As root every tool can be had, so a skip there is
turned into a failure; without root a system test may skip, and says why.
"""

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("house")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure when the run is root's."""
    report = yield
    if report.skipped and os.geteuid() == 0 and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped although the run is root's: {report.longrepr}"
    return report


def pytest_collection_finish() -> None:
    """What exists now lives until the end: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
