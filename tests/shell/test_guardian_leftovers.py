"""What a guardian and its hooks left: found by the mark, and ended."""

import os
import signal
import subprocess
import sys

from watchdog.guardian import leftovers, marks


def test_the_mark_goes_to_whatever_is_started() -> None:
    """Through every exec and session; and nobody else has it."""
    code = (
        "import subprocess; from watchdog.guardian import marks; mark = marks.put_on();"
        "child = subprocess.Popen(['/bin/sleep', '300'], start_new_session=True);"
        "print(mark, child.pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        mark, child = map(int, parent.stdout.readline().split())
        try:
            assert mark > marks.FLOOR
            assert set(marks.marked(mark)) == {parent.pid, child}
            parent.kill()
            parent.wait()
            assert set(marks.marked(mark)) == {child}
            assert leftovers.end_marked(0) == []
            assert leftovers.end_marked(mark) == [child]
            child = 0
        finally:
            if child:
                os.kill(child, signal.SIGKILL)
    assert list(marks.marked(0)) == []


def test_whoever_was_started_by_the_marked_kills_none_of_them() -> None:
    """A daemon that is started anew out of its own hook would end itself."""
    code = (
        "from watchdog.guardian import leftovers, marks; mark = marks.put_on();"
        "assert marks.own() == mark; assert leftovers.end_marked(mark) == []; print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"alive\n"
