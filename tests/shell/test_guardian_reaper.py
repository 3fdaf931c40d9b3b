"""Children that ended: each once, with its code, and strangers too."""

import subprocess
import sys

MAIN = """
import os, sys, time
from watchdog.guardian.reaper import Reaper
reaper, codes = Reaper(), []
true = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], {})
hung = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
other = os.posix_spawn("/bin/true", ["true"], {})
reaper.expect(true, codes.append)
reaper.expect(hung, codes.append)
assert reaper.knows(hung)
os.kill(hung, 9)
for _ in range(1000):
    reaper.reap()
    if len(codes) == 2:
        break
    time.sleep(0.005)
assert not reaper.knows(hung)
reaper.reap()
print(sorted(codes))
"""


def test_each_child_is_waited_for_once() -> None:
    """In a process of its own: it takes every child, also pytest's."""
    done = subprocess.run([sys.executable, "-c", MAIN], capture_output=True, text=True, check=False)
    assert done.stdout == "[-9, 3]\n", done.stderr
