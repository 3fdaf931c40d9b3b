"""The saver's thread: answers through a pipe, and goes on after a failure."""

from pathlib import Path

from tests.support import readable
from watchdog.guardian.actions import Ledger, LedgerSaved
from watchdog.guardian.ledger import FILE, LedgerFile
from watchdog.guardian.saver import Saver


def answer(saver: Saver) -> LedgerSaved:
    """Wait for the answer and take it."""
    got: list[LedgerSaved] = []
    assert readable(5, saver.fd)
    saver.take_answer(got.append)
    return got[0]


def test_a_save_is_answered_and_durable(tmp_path: Path) -> None:
    """The loop never waits for the disk."""
    file = LedgerFile(str(tmp_path), b"c" * 32, "alpha")
    file.load()
    saver = Saver(file, "normal")
    saver.save(Ledger(2**60, dirty=True))
    assert answer(saver) == LedgerSaved(True, "")
    found, _ = LedgerFile(str(tmp_path), b"c" * 32, "alpha").load()
    assert found == Ledger(2**60, dirty=True)


def test_a_failed_save_says_why_and_the_next_may_succeed(tmp_path: Path) -> None:
    """The thread must survive what disks do."""
    file = LedgerFile(str(tmp_path / "there"), b"c" * 32, "alpha")
    saver = Saver(file, "normal")
    saver.save(Ledger(1, dirty=False))
    failed = answer(saver)
    assert not failed.ok
    assert FILE in failed.why
    (tmp_path / "there").mkdir()
    saver.save(Ledger(1, dirty=False))
    assert answer(saver).ok
