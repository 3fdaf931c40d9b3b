"""`python -m tests.system [pytest's options]`: all system tests, in two lanes at the same time.

They mostly wait, for leases and for each other, so two lanes take little more than half the time.
What uses this machine's own network or its loopback is in the first lane, one after the other; the
second is for tests whose every process lives in a laboratory of its own.  Exit code 0: all passed.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Final

FOLDER: Final = Path(__file__).parent
NEMESIS: Final = FOLDER.parent / "nemesis"
"""The tests of its parts; its short run is test_nemesis.py."""
FIRST: Final = (
    "guardian",
    "test_bad_input_config.py",
    "test_bad_input_start.py",
    "test_check_probes_hang.py",
    "test_check_probes_real.py",
    "test_cli.py",
    "test_demo.py",
    "test_install.py",
    "test_lifecheck_process.py",
    "test_scripts.py",
    "test_service.py",
    "test_wd_cli_bytes.py",
    "test_bad_input_hooks.py",
    "test_bad_input_state.py",
    "test_conflict.py",
    "test_rolling.py",
)
"""The first lane: this machine's own network, and so many more that both end at about one time."""
NONE_SELECTED: Final = 5
"""Exit code of a pytest whose options select no test of its lane."""


def lanes() -> tuple[list[str], list[str]]:
    """The files of both lanes."""
    everything = [*sorted(FOLDER.glob("test_*.py")), FOLDER / "guardian", NEMESIS]
    first = [str(FOLDER / name) for name in FIRST]
    return first, [str(path) for path in everything if str(path) not in first]


def start(files: list[str], options: list[str], output: IO[str]) -> subprocess.Popen[str]:
    """Run one lane."""
    command = [sys.executable, "-m", "pytest", "-q", *options, *files]
    return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)


def main() -> int:
    """Entry."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as later:
        first, second = lanes()
        beside = start(second, sys.argv[1:], later)
        try:
            codes = [start(first, sys.argv[1:], sys.stdout).wait(), beside.wait()]
        finally:
            beside.terminate()
        later.seek(0)
        sys.stdout.write(later.read())
    if all(code == NONE_SELECTED for code in codes):
        return NONE_SELECTED
    return 0 if set(codes) <= {0, NONE_SELECTED} else 1


if __name__ == "__main__":
    sys.exit(main())
