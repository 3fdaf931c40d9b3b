"""Who is meant: command line, program, pidfile and unit, each on real processes."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lifecheck.processes.matching import Matcher, Rule, has_ended, look
from tests.shell.process_lab import (
    ACCELERATED,
    control_group,
    prefix,
    sleeper,
    state,
    title,
    until,
    watching,
)
from tests.support import REPOSITORY

Names = tuple[str, ...]
LOOKS_AS_NOBODY = """
import os
from lifecheck.processes import procfs
from lifecheck.processes.matching import Matcher, Rule
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
matcher = Matcher([Rule(exe="/bin/sleep")])
print(sum(bool(matcher.find(pid)) for pid in procfs.pids()), matcher.fault(0))
"""


def pids(rule: Rule) -> list[int]:
    """Whom one look finds."""
    return [match.pid for match in look(rule).found]


async def found(rule: Rule, *expected: int) -> None:
    """Wait until a look finds exactly these: who has just called exec says nothing for a moment."""
    await until(lambda: pids(rule) == sorted(expected))


def test_options_of_a_probe_become_a_rule() -> None:
    """As the plan has them; what is not said is not asked for."""
    options = {"prefixes": ["a", "b"], "pidfile": None, "exe": "/x", "min_count": 2}
    assert Rule.of(options, 500) == Rule(("a", "b"), None, "/x", None, 2, 500)
    assert Rule.of({"unit": "x"}) == Rule(unit="x")


def test_a_prefix_is_compared_with_blanks_for_nul() -> None:
    """`sleep 30` is the beginning of `sleep 300`; with a blank at its end it is not."""

    async def story() -> None:
        name = title()
        with sleeper(name) as child:
            await found(Rule(prefixes=(f"{name} 30",)), child.pid)
            assert pids(Rule(prefixes=(f"{name} 300 ",))) == [child.pid]
            assert pids(Rule(prefixes=(f"{name} 30 ",))) == []
            assert pids(Rule(prefixes=(f" {name}",))) == []
            assert look(prefix(name)).found[0].command == f"{name} 300"

    asyncio.run(story())


def test_nobody_is_his_own_witness() -> None:
    """The watch has a command line, too."""
    assert os.getpid() not in pids(Rule(exe=sys.executable))


@ACCELERATED
def test_a_program_is_known_by_its_file(names: Names, tmp_path: Path) -> None:
    """Whatever it calls itself; a symbolic link in the rule is followed."""
    program, link = tmp_path / "program", tmp_path / "link"
    shutil.copy("/bin/sleep", program)
    link.symlink_to(program)

    async def story() -> None:
        async with watching(Rule(exe=str(link)), names=names) as watched:
            assert watched.alive() == 0
            with sleeper(title(), str(program)) as child:
                await watched.until_pids(child.pid)
                child.kill()
                await watched.until_alive(0)

    asyncio.run(story())


@ACCELERATED
def test_a_pidfile_names_the_process(names: Names, tmp_path: Path) -> None:
    """Also the next one, when the file is written again; what is wrong with it is said."""
    file = tmp_path / "pid"

    async def story() -> None:
        async with watching(Rule(pidfile=str(file)), names=names) as watched:
            assert "No such file" in watched.seen().detail
            with sleeper(title()) as first, sleeper(title()) as second:
                file.write_text(f"{first.pid}\nmore\n")
                await watched.until_pids(first.pid)
                file.write_text(f"{second.pid}")
                first.kill()
                await watched.until_pids(second.pid)
                second.kill()
                await watched.until_alive(0)
                assert f"pid {second.pid} ended" in watched.seen().detail

    asyncio.run(story())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no process number"),
        ("-5", "has no process number"),
        ("postgres", "does not begin with a number"),
        ("9" * 63, ""),
    ],
)
def test_a_pidfile_may_hold_anything(text: str, why: str, tmp_path: Path) -> None:
    """It is somebody else's file."""
    file = tmp_path / "pid"
    file.write_text(text)
    matcher = Matcher([Rule(pidfile=str(file))])
    matcher.refresh()
    assert matcher.fault(0) == (f"pidfile {file}: {why}" if why else "")
    assert pids(Rule(pidfile=str(file))) == []


def test_what_is_given_must_all_hold(tmp_path: Path) -> None:
    """A pidfile that was left behind names a stranger by now: the command line guards it."""
    file, name = tmp_path / "pid", title()

    async def story() -> None:
        with sleeper(title()) as stranger, sleeper(name) as child:
            rule = prefix(name)._replace(pidfile=str(file))
            file.write_text(str(stranger.pid))
            await found(prefix(name), child.pid)
            assert pids(rule) == []
            file.write_text(str(child.pid))
            assert pids(rule) == [child.pid]
            assert pids(rule._replace(exe="/bin/false")) == []

    asyncio.run(story())


@pytest.mark.root
@ACCELERATED
def test_a_unit_is_its_control_group(names: Names) -> None:
    """Everybody in it and below it, whatever they are called; it may come later and go."""

    async def story() -> None:
        unit = f"{title()}.service"
        rule = Rule(unit=unit.removesuffix(".service"))
        async with watching(rule, names=names) as watched:
            assert "no control group" in watched.seen().detail
            with control_group(unit) as group, sleeper(title()) as child, sleeper(title()) as two:
                (group / "inner").mkdir()
                (group / "cgroup.procs").write_text(str(child.pid))
                await watched.until_pids(child.pid)
                (group / "inner" / "cgroup.procs").write_text(str(two.pid))
                await watched.until_alive(2)
                child.kill()
                two.kill()
                await watched.until_alive(0)

    asyncio.run(story())


@pytest.mark.root
def test_whoever_may_not_read_programs_says_so() -> None:
    """Only the same user or root may; a check that sees nothing must not just say "dead"."""
    if os.geteuid() != 0:
        pytest.skip("becomes somebody else")
    with sleeper(title()):
        words = [sys.executable, "-c", LOOKS_AS_NOBODY]
        done = subprocess.run(words, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("0 the programs of ")
    assert "use process= or pidfile= instead" in done.stdout


def test_a_zombie_has_ended() -> None:
    """One look has no pidfd to ask."""

    async def story() -> None:
        name = title()
        with sleeper(name) as child:
            await found(prefix(name), child.pid)
            assert not has_ended(child.pid)
            child.kill()
            await until(lambda: state(child.pid) == "Z")
            assert has_ended(child.pid)
        assert has_ended(child.pid)

    asyncio.run(story())
