"""A plug-in of pytest: a test that failed while this machine stood still is run again.

Rule: who says "nothing moves" in real time is wrong where the processors are given to others, and
whoever moved is right.  What was seen of two holders is never excused (exclusion.py), nor anything
on a machine that did not stand still.  A test that is run again begins on clusters of its own:
those that it shared are ended first.  The summary lists every repetition.  With `--failed-to FILE`
the run tells what failed, and whether it may be looked at once more.
"""

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from _pytest.runner import runtestprotocol
from _pytest.terminal import TerminalReporter

from tests.system.exclusion import broken_now, is_broken
from tests.system.stolen import STOOD_STILL_MS, Sampler

TRIES_MAX: Final = 3
REPETITIONS_MAX: Final = 12
"""In one run: a machine that is never steady proves nothing, so the rest counts."""
LINE_MAX: Final = 200
NOT_BY_TIME: Final = (pytest.skip.Exception, pytest.exit.Exception, SyntaxError, ImportError)
Failures = Sequence[BaseException | None]
"""What was raised, in each phase that failed; None: a phase that failed without."""


class Repetition(NamedTuple):
    """A failure that did not count."""

    test: str
    stolen_ms: int
    line: str


@dataclass(frozen=True)
class Try:
    """One run of a test: its reports, what was raised, and what was stolen until it failed."""

    reports: list[pytest.TestReport]
    failures: Failures
    stolen_ms: int


def is_excused(failures: Failures, stolen_ms: int) -> bool:
    """Whether a machine that stands still may be the cause of all that failed."""
    return stolen_ms >= STOOD_STILL_MS and may_be_by_time(failures)


def may_be_by_time(failures: Failures) -> bool:
    """Whether all that failed can be the work of a machine that is too busy."""
    return bool(failures) and not any(
        one is None or isinstance(one, NOT_BY_TIME) or is_broken(one) for one in failures
    )


def line_of(failure: BaseException | None) -> str:
    """The last line of a traceback, cut."""
    said = next((line.strip() for line in str(failure).splitlines() if line.strip()), "")
    return f"{type(failure).__name__}: {said}"[:LINE_MAX]


class Repeats:
    """The hooks; `concerns` says which tests, `sampler` how what was stolen is measured."""

    def __init__(
        self, concerns: Callable[[pytest.Item], bool], sampler: Callable[[], Sampler] = Sampler
    ) -> None:
        self._concerns = concerns
        self._sampler = sampler
        self._running: Sampler | None = None
        self._stolen_ms = 0
        self._failures: list[BaseException | None] = []
        self.done: list[Repetition] = []
        self._failed: dict[str, bool] = {}
        """Test -> whether it may be looked at once more."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a test, perhaps more than once; only its last run is reported."""
        if not self._concerns(item):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        last = self._try(item, nextitem)
        for _ in range(TRIES_MAX - 1):
            if not self._begins_anew(item, last):
                break
            last = self._try(item, nextitem)
        self._running = None
        if last.failures:
            self._failed[item.nodeid] = may_be_by_time(last.failures)
        for report in last.reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep what was raised: a report has only its text; look for two holders meanwhile."""
        report = yield
        if report.failed and self._running is not None:
            if not self._failures:  # what is stolen later is not why it failed
                self._stolen_ms = self._running.worst_ms()
            self._failures.append(call.excinfo.value if call.excinfo else None)
            if found := broken_now():
                self._failures.append(found)
                report.sections.append(("the promise", f"{type(found).__name__}: {found}"))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Whatever failed elsewhere is final."""
        if report.failed:
            self._failed.setdefault(report.nodeid, False)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Leave what failed for who runs the lanes."""
        if path := session.config.getoption("failed_to", None):
            Path(path).write_text(json.dumps(self._failed), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """List what did not count."""
        if not self.done:
            return
        terminalreporter.section(f"run again, because this machine stood still: {len(self.done)}")
        for one in self.done:
            terminalreporter.line(
                f"run again: {one.test}: {one.stolen_ms} ms were stolen within one second; "
                f"it had failed with {one.line}"
            )
        if len(self.done) == REPETITIONS_MAX:
            terminalreporter.line(f"after {REPETITIONS_MAX} every failure counts")

    def _try(self, item: pytest.Item, nextitem: pytest.Item | None) -> Try:
        """Set-up, call and what ends them, once."""
        self._failures.clear()
        with self._sampler() as self._running:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        return Try(reports, tuple(self._failures), self._stolen_ms)

    def _begins_anew(self, item: pytest.Item, last: Try) -> bool:
        """Whether to run it again; then all is ready for that."""
        if len(self.done) >= REPETITIONS_MAX or not is_excused(last.failures, last.stolen_ms):
            return False
        if (report := self._ended(item)) is not None and any(map(is_broken, self._failures)):
            last.reports.append(report)
            return False
        self.done.append(Repetition(item.nodeid, last.stolen_ms, line_of(last.failures[0])))
        return True

    def _ended(self, item: pytest.Item) -> pytest.TestReport | None:
        """End every fixture but the session's: a failed test leaves a shared cluster in any state.

        The report, if that failed.
        """
        call = pytest.CallInfo.from_call(
            lambda: _end_all_below(item.session),
            when="teardown",
            reraise=(KeyboardInterrupt, pytest.exit.Exception),
        )
        report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
        return report if report.failed else None


def _end_all_below(session: pytest.Session) -> None:
    session._setupstate.teardown_exact(session)  # type: ignore[arg-type]  # it has a chain, too
