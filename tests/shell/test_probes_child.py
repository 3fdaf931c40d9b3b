"""A started command: its group, its output, and nothing of it left."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from lifecheck.probes.child import ENVIRONMENT, OUTPUT_MAX, UNKNOWN_END, Child
from tests.shell.probing import children, descriptors, until


def _sh(text: str) -> Child:
    return Child("/bin/sh", ("sh", "-c", text))


def _run(text: str) -> tuple[int, bytes]:
    async def story() -> tuple[int, bytes]:
        child = _sh(text)
        code = await child.wait()
        return code, child.let_go()

    return asyncio.run(story())


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_code_and_output_of_a_command_come_back() -> None:
    """Both of its outputs, in their order."""
    assert _run("echo a; echo b >&2; exit 7") == (7, b"a\nb\n")
    assert _run("kill -TERM $$") == (-signal.SIGTERM, b"")


def test_its_environment_is_made_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lifecheck was started with is none of its business."""
    monkeypatch.setenv("SECRET", "x")
    code, output = _run("env")
    names = {line.partition(b"=")[0].decode() for line in output.splitlines()}
    assert (code, names - {"PWD", "SHLVL", "_"}) == (0, set(ENVIRONMENT))


def test_it_has_a_session_of_its_own_and_nothing_on_its_input() -> None:
    """A terminal's signals are not for it, and a program that asks gets no answer."""
    session, asked = (word for word in _run("cut -d' ' -f6 /proc/$$/stat; cat | wc -c")[1].split())
    assert int(session) != os.getsid(0)
    assert asked == b"0"


def test_it_inherits_no_descriptor_and_no_ignored_signal() -> None:
    """Python ignores SIGPIPE; a program that inherits that never ends in a pipe."""
    with socket.socket() as kept:
        kept.set_inheritable(True)
        listed, ignored = _run("ls -l /proc/$$/fd; grep SigIgn /proc/$$/status")[1].rsplit(None, 1)
    assert b"socket:" not in listed
    assert int(ignored, 16) & 0x7FFFFFFF == 0, "32 and 33 are the C library's own"


def test_a_gigabyte_of_output_is_read_and_forgotten() -> None:
    """Neither memory nor a full pipe: the program comes to its end."""
    code, output = _run("head -c 1073741824 /dev/zero; exit 3")
    assert (code, len(output)) == (3, OUTPUT_MAX)


def test_what_was_printed_last_is_not_lost() -> None:
    """The end of the process may be seen before its output."""
    for _ in range(30):
        assert _run("printf '%060000d' 7; exec true") == (0, b"0" * 59_999 + b"7")


def test_a_command_is_done_when_its_first_process_is() -> None:
    """A child that holds the pipe is not waited for: it is killed with the group."""

    async def story() -> None:
        child = _sh("sleep 61 & echo $!")
        async with asyncio.timeout(2):
            assert await child.wait() == 0
        left = int(child.let_go())
        await until(lambda: not _alive(left))

    asyncio.run(story())


def test_a_child_that_made_its_own_session_lives_on() -> None:
    """A daemon that was meant to stay; its hold on the pipe does not matter."""

    async def story() -> None:
        child = _sh("setsid sh -c 'echo $$; exec sleep 61' & sleep 0.2")
        async with asyncio.timeout(3):
            assert await child.wait() == 0
        left = int(child.let_go())
        assert _alive(left)
        os.kill(left, signal.SIGKILL)

    asyncio.run(story())


def test_letting_go_of_a_running_command_kills_its_whole_group() -> None:
    """Also one that ignores SIGTERM; and nobody waits for it."""

    async def story() -> None:
        child = _sh("trap '' TERM INT; sleep 62 & echo $!; sleep 63")
        await asyncio.sleep(0.2)
        left = int(child.let_go())
        await asyncio.wait_for(child.wait(), 2)
        assert child.hanging() == ""
        await until(lambda: not _alive(left))

    before = children()
    asyncio.run(story())
    assert children() == before


def test_a_killed_command_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in state D, where SIGKILL has to wait; here it is kept from the process."""
    left: list[int] = []

    async def story() -> None:
        child = _sh("exec sleep 64")
        left.append(child._pid)
        child.let_go()
        assert f"pid {child._pid}, killed 0 s ago" in child.hanging()
        child.forget()
        assert child.hanging() == ""

    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", lambda pid, number: None)
        asyncio.run(story())
    os.kill(left[0], signal.SIGKILL)
    os.waitpid(left[0], 0)


def test_somebody_else_may_collect_it() -> None:
    """Then its end is unknown, which is not well."""

    async def story() -> None:
        child = _sh("exit 0")
        asyncio.get_running_loop().remove_reader(child._pidfd)
        await asyncio.to_thread(os.waitpid, child._pid, 0)
        child.let_go()
        assert await child.wait() == UNKNOWN_END

    asyncio.run(story())


def test_what_cannot_be_started_leaves_nothing_open() -> None:
    """Neither a pipe nor a process."""

    async def story() -> None:
        before = len(descriptors())
        with pytest.raises(OSError, match="No such file"):
            Child("/nowhere", ("x",))
        assert len(descriptors()) == before

    asyncio.run(story())
