"""Self-fence, on a file of the test: nothing here ever opens the kernel's own trigger."""

from pathlib import Path

import pytest

from watchdog.guardian.fence import fence, trial


def test_sysrq_asks_for_the_reset_and_for_nothing_else(tmp_path: Path) -> None:
    """One letter: `s` or `u` before it would wait for a disk."""
    trigger = tmp_path / "sysrq-trigger"
    trigger.touch()
    assert fence("sysrq", str(trigger)) == ""
    assert trigger.read_bytes() == b"b"


def test_a_reset_that_cannot_be_asked_for_is_a_fault(tmp_path: Path) -> None:
    """It must not raise: the retries of going off continue."""
    fault = fence("sysrq", str(tmp_path / "none"))
    assert fault == f"{tmp_path}/none: No such file or directory"


def test_the_watchdog_needs_no_more_than_nobody_to_pet_it(tmp_path: Path) -> None:
    """The device is open; nothing is written anywhere."""
    trigger = tmp_path / "sysrq-trigger"
    trigger.touch()
    assert fence("watchdog", str(trigger)) == ""
    assert trigger.read_bytes() == b""


def test_an_unknown_way_is_our_own_fault() -> None:
    """`off` never comes this far."""
    with pytest.raises(AssertionError):
        fence("off")


def test_a_trigger_that_is_mounted_read_only_is_told_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container, or under a unit that protects the kernel's files."""
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "ProtectKernelTunables=no" in trial("sysrq", str(tmp_path))


def test_a_start_says_whether_the_reset_can_be_asked_for(tmp_path: Path) -> None:
    """Without writing; a kernel without sysrq has no such file, a container has it read-only."""
    trigger = tmp_path / "sysrq-trigger"
    assert "built without sysrq" in trial("sysrq", str(trigger))
    trigger.touch()
    assert trial("sysrq", str(trigger)) == ""
    assert trigger.read_bytes() == b""
    assert trial("watchdog", str(tmp_path / "none")) == ""
    assert trial("off", str(tmp_path / "none")) == ""
