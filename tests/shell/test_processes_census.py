"""What the looks and scans make of processes, without a loop: titles that change late, doubts."""

from collections.abc import Iterator

import pytest

from lifecheck.detector import DETAIL_MAX
from lifecheck.processes import census as module
from lifecheck.processes import procfs
from lifecheck.processes.census import Census
from lifecheck.processes.matching import Rule
from tests.shell.process_lab import (
    nursery,
    prefix,
    read_line,
    script,
    script_prefix,
    sleeper,
    tell,
    title,
)

RETITLES = """
import ctypes, os
fields = open("/proc/self/stat", "rb").read().rpartition(b")")[2].split()
start, end = int(fields[45]), int(fields[46])
print("ready", flush=True)
while name := input():
    text = name.encode().ljust(end - start, b"\\0") if name != "nothing" else bytes(end - start)
    ctypes.memmove(start, text, end - start)
    print("done", flush=True)
"""


@pytest.fixture
def own() -> Iterator[list[Census]]:
    """Whatever is made of it is closed."""
    made: list[Census] = []
    yield made
    for one in made:
        one.table.close()


def census(own: list[Census], *rules: Rule) -> Census:
    """A census of these rules, which has looked at everybody."""
    own.append(Census(rules, lambda _: None))
    scan(own[-1])
    return own[-1]


def scan(one: Census) -> set[int]:
    """Look at every process, as the slow scan does."""
    return one.take(one.inspect(procfs.pids(), lambda _: None))


def test_a_title_that_changes_late_is_found_by_the_slow_scan(own: list[Census]) -> None:
    """No event tells of it, and the number is an old one."""
    mark, name = title(), title("late")
    with script(RETITLES, mark) as child:
        read_line(child)
        one = census(own, Rule(prefixes=(script_prefix(mark),)), prefix(name))
        tell(child, f"{name} ")
        read_line(child)
        assert scan(one) == {0, 1}
        assert one.seen(0).alive == 0
        assert one.seen(1).pids == (child.pid,)


def test_who_says_nothing_of_itself_is_not_taken_for_another(own: list[Census]) -> None:
    """In the middle of an exec the command line is empty; the pidfd says that it lives."""
    mark = title()
    with script(RETITLES, mark) as child:
        read_line(child)
        one = census(own, Rule(prefixes=(script_prefix(mark),)))
        tell(child, "nothing")
        read_line(child)
        assert procfs.is_silent(child.pid)
        assert one.examine(child.pid) == set()
        assert one.seen(0).alive == 1


def test_the_few_that_remain_are_asked_again(
    own: list[Census], monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not thousands, at each death of one."""
    mark = title()
    with script(RETITLES, mark) as child:
        read_line(child)
        one = census(own, Rule(prefixes=(script_prefix(mark),)))
        tell(child, "other")
        read_line(child)
        assert one.examine_few([0]) == {0}
    name = title()
    with nursery() as parent:
        pids = parent.spawn(module.FEW + 1, name)
        one = census(own, prefix(name))
        for _ in range(1_000):  # the youngest may be in the middle of their exec
            if one.seen(0).alive == len(pids):
                break
            scan(one)
        monkeypatch.setattr(one.matcher, "find", lambda _: frozenset())
        assert one.examine_few([0]) == set()
        assert one.seen(0).alive == len(pids)


def test_what_a_thread_found_may_be_old_by_now(own: list[Census]) -> None:
    """Found twice, it is held once; the other descriptor is closed."""
    name = title()
    with sleeper(name) as child:
        one = Census([prefix(name)], lambda _: None)
        own.append(one)
        first = one.inspect([child.pid], lambda _: None)
        second = one.inspect([child.pid], lambda _: None)
        assert one.take(first) == ({0} if first.new else set())
        one.take(second)
        assert one.seen(0).alive == len(one.table.by_pid) <= 1


def test_who_is_called_dying_is_asked(own: list[Census]) -> None:
    """An event may be meant for an earlier holder of the number."""
    name = title()
    with sleeper(name) as child:
        one = census(own, prefix(name))
        one.examine(child.pid)
        assert one.begun(child.pid) == set()
        assert one.begun(1) == set()
        assert one.seen(0).early == 0


def test_a_detail_is_short_and_printable(own: list[Census]) -> None:
    """It is shown in `status` and sent to peers."""
    one = census(own, Rule(prefixes=("\n" + "x" * 500,), min_count=3))
    detail = one.seen(0).detail
    assert len(detail) == DETAIL_MAX
    assert detail.isprintable()
