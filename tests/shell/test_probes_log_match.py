"""Probe `log_match` on real logs."""

import asyncio
import time
from pathlib import Path

from lifecheck.probes import Outcome, Probe
from tests.shell.probing import descriptors, look, probe, until


def _match(path: Path, pattern: str, hold_ms: int = 60_000) -> Probe:
    return probe("log_match", path=str(path), pattern=pattern, hold_ms=hold_ms)


def _add(path: Path, text: str) -> None:
    with path.open("a") as writer:
        writer.write(text)


def test_a_line_that_matches_fails_the_probe_for_a_while(tmp_path: Path) -> None:
    """From the last match on; what stood there before does not count."""
    log = tmp_path / "log"
    log.write_text("PANIC: yesterday\n")

    async def story() -> list[Outcome]:
        subject, found = _match(log, "^PANIC", hold_ms=100), []
        found.append(await look(subject))
        _add(log, "fine\nPANIC: today\nfine\n")
        found += [await look(subject), await look(subject)]
        await asyncio.sleep(0.11)
        found.append(await look(subject))
        subject.close()
        return found

    found = asyncio.run(story())
    assert [outcome.ok for outcome in found] == [True, False, False, True]
    assert found[0].detail == f"{log}: 0 new lines, no match"
    assert found[1].detail == f"{log} said 0.0 s ago: PANIC: today"


def test_a_match_is_seen_through_a_rotation(tmp_path: Path) -> None:
    """In the last lines of the old file and in the first of the new one."""
    log = tmp_path / "log"
    log.write_text("")

    async def story() -> None:
        for old, new in (("PANIC\n", ""), ("", "PANIC\n")):
            subject = _match(log, "PANIC")
            assert (await look(subject)).ok
            _add(log, old)
            log.rename(tmp_path / "log.1")
            log.write_text(new)
            assert not (await look(subject)).ok
            subject.close()
            log.write_text("")

    asyncio.run(story())


def test_a_log_that_is_away_for_a_while_is_no_failure(tmp_path: Path) -> None:
    """Rotation without `create`; it says so."""
    log = tmp_path / "log"
    log.write_text("")

    async def story() -> None:
        subject = _match(log, "PANIC")
        await look(subject)
        log.unlink()
        told = f"{log} (does not exist now): 0 new lines, no match"
        assert await look(subject) == (True, told)
        subject.close()

    asyncio.run(story())


def test_a_slow_pattern_fails_the_probe_and_reads_on(tmp_path: Path) -> None:
    """Bounded; and one evil line does not stay before the reader for ever."""
    log = tmp_path / "log"
    log.write_text("")

    async def story() -> None:
        subject = _match(log, "(a+)+$", hold_ms=1)
        await look(subject)
        _add(log, "a" * 60 + "b\n")
        assert "takes longer" in (await look(subject)).detail
        _add(log, "b\n")
        assert (await look(subject)).ok
        subject.close()

    asyncio.run(story())


def test_a_closed_reader_keeps_no_descriptor(tmp_path: Path) -> None:
    """`check reset` and a new plan make new probes."""
    log = tmp_path / "log"
    log.write_text("")

    async def story() -> None:
        before = len(descriptors())
        subject = _match(log, "x")
        await look(subject)
        assert len(descriptors()) == before + 1
        subject.close()
        await until(lambda: len(descriptors()) == before)

    asyncio.run(story())


def test_megabytes_of_log_are_looked_through_while_the_loop_turns(tmp_path: Path) -> None:
    """Another check must not wait for it."""
    log = tmp_path / "log"
    log.write_text("")

    async def story() -> float:
        subject = _match(log, ".*PANIC.*")
        await look(subject)
        _add(log, ("an ordinary line of some log, of the usual length\n" * 20_000) + "PANIC\n")
        longest, last = 0.0, time.thread_time()
        async with asyncio.TaskGroup() as group:
            run = group.create_task(subject.run())
            while not run.done():
                await asyncio.sleep(0)
                longest, last = max(longest, time.thread_time() - last), time.thread_time()
        assert not run.result().ok
        subject.close()
        return longest

    assert asyncio.run(story()) < 0.1, "of CPU time, so that a busy machine fails nobody"


def test_long_lines_do_not_make_an_ordinary_pattern_too_slow(tmp_path: Path) -> None:
    """A leading `.*` costs the square of a line's length, and everybody writes it."""
    log = tmp_path / "log"
    log.write_text("")

    async def story() -> None:
        subject = _match(log, ".*PANIC.*")
        await look(subject)
        _add(log, ("x" * 20_000 + "\n") * 20)
        assert (await look(subject)).detail == f"{log}: 20 new lines, no match"
        subject.close()

    asyncio.run(story())
