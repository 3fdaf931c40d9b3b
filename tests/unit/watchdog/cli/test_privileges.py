"""What the kernel permits to this process, and what is said when it does not."""

import os
import resource
from pathlib import Path

import pytest

from tests.unit.watchdog.config.samples import GOOD, loaded
from watchdog.cli import privileges
from watchdog.cli.privileges import (
    CAP_NET_ADMIN,
    best_scheduling,
    has_capability,
    reset_problems,
    scheduling_problem,
    scheduling_refusal,
    vip_problem,
)
from watchdog.config.schema import Config


def test_ordinary_scheduling_is_always_permitted() -> None:
    """So there is always a class that `init` can write."""
    assert scheduling_refusal("normal") is None
    assert scheduling_refusal(best_scheduling()) is None


@pytest.mark.parametrize("kind", ["rt", "nice", "normal"])
def test_trying_a_class_leaves_no_trace(kind: str) -> None:
    """The process that tries is not the daemon."""
    before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    scheduling_refusal(kind)
    assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before


def test_refused_class_says_what_to_grant_or_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways out: permit it, or write another one on all nodes."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    problem = scheduling_problem(loaded(tmp_path).config)
    assert problem is not None
    assert 'scheduling = "rt" is not permitted to this process' in problem.what
    assert "operation not permitted" in problem.what
    assert "LimitRTPRIO" in problem.hint
    assert "on all nodes" in problem.hint
    config = loaded(tmp_path, GOOD.replace("[nodes]", 'scheduling = "normal"\n[nodes]')).config
    assert scheduling_problem(config) is None


def test_vip_without_the_right_to_add_addresses_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A witness never adds one; hooks alone need no right."""
    config = loaded(tmp_path).config
    monkeypatch.setattr(privileges, "has_capability", lambda number: number != CAP_NET_ADMIN)
    problem = vip_problem(config, "alpha")
    assert problem is not None
    assert "CAP_NET_ADMIN" in problem.why
    assert "hooks" in problem.hint
    assert vip_problem(config, None) is not None
    assert vip_problem(config, "gamma") is None
    assert vip_problem(loaded(tmp_path, GOOD.partition("[vip")[0]).config, "alpha") is None
    monkeypatch.setattr(privileges, "has_capability", lambda _: True)
    assert vip_problem(config, "alpha") is None


def test_capability_no_kernel_has_is_not_there() -> None:
    """The mask of /proc/self/status is read, and not taken for all ones."""
    assert not has_capability(63)
    assert resource.RLIMIT_RTPRIO >= 0


def with_cluster(folder: Path, line: str) -> Config:
    """The configuration of GOOD with more lines in [cluster]."""
    return loaded(folder, GOOD.replace("[nodes]", f"{line}\n[nodes]")).config


def test_device_that_is_none_is_a_problem(tmp_path: Path) -> None:
    """Looked at only: opening a real one would arm it."""
    for path, sentence in (
        (tmp_path / "none", "cannot be used: no such file or directory"),
        (tmp_path, "is no device"),
    ):
        text = f'timing = "watchdog"\nwatchdog_device = "{path}"'
        (problem,) = reset_problems(with_cluster(tmp_path, text))
        assert problem.what == f"{path} {sentence}"
        assert problem.path == ("cluster", "watchdog_device")
    text = 'timing = "watchdog"\nwatchdog_device = "/dev/null"'
    assert list(reset_problems(with_cluster(tmp_path, text))) == []


def test_reset_that_cannot_be_asked_for_is_a_problem(tmp_path: Path) -> None:
    """A kernel without sysrq, or a container; nothing is written to find out."""
    config = with_cluster(tmp_path, 'self_fence = "sysrq"')
    trigger = tmp_path / "trigger"
    (problem,) = reset_problems(config, str(trigger))
    assert problem.path == ("cluster", "self_fence")
    trigger.touch()
    assert list(reset_problems(config, str(trigger))) == []
    assert trigger.read_bytes() == b""
    assert list(reset_problems(loaded(tmp_path).config, str(tmp_path / "x"))) == []
