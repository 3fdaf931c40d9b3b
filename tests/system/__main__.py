"""`python -m tests.system [pytest's options]`: all system tests, in two lanes at the same time.

They mostly wait, for leases and for each other, so two lanes take little more than half the time.
What uses this machine's own network or its loopback is in the first lane, one after the other; the
second is for tests whose every process lives in a laboratory of its own.  What failed, and may on a
busy machine (two holders never), is run once more when the lanes are done, alone; the output says
so.  Exit code 0: all passed, if only then.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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
    "test_loss.py",
    "test_ping_targets.py",
    "test_rolling.py",
    "test_verdicts.py",
)
"""The first lane: this machine's own network, and so many more that both end at about one time."""
LOOKS_MAX: Final = 3
"""More tests that fail are no accident."""
FAILED: Final = 1
NONE_SELECTED: Final = 5
"""Exit code of a pytest whose options select no test of its lane."""


def lanes() -> tuple[list[str], list[str]]:
    """The files of both lanes."""
    everything = [*sorted(FOLDER.glob("test_*.py")), FOLDER / "guardian", NEMESIS]
    first = [str(FOLDER / name) for name in FIRST]
    return first, [str(path) for path in everything if str(path) not in first]


def start(files: Sequence[str], options: Sequence[str], output: IO[str]) -> subprocess.Popen[str]:
    """Run one lane."""
    command = [sys.executable, "-m", "pytest", "-q", *options, *files]
    return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)


def side_by_side(options: Sequence[str], failed: Sequence[Path]) -> list[int]:
    """Run both lanes; the exit codes."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as later:
        first, second = lanes()
        beside = start(second, [*options, f"--failed-to={failed[1]}"], later)
        try:
            ahead = start(first, [*options, f"--failed-to={failed[0]}"], sys.stdout)
            codes = [ahead.wait(), beside.wait()]
        finally:
            beside.terminate()
        later.seek(0)
        sys.stdout.write(later.read())
    return codes


def worth_a_look(failed: Sequence[Path]) -> list[str]:
    """The tests to be run once more, alone: few, and each failed as it may on a busy machine."""
    found: dict[str, bool] = {}
    for path in failed:
        found |= json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return list(found) if all(found.values()) and len(found) <= LOOKS_MAX else []


def look_again(tests: Sequence[str], options: Sequence[str]) -> int:
    """Run what failed beside the other lane alone; the exit code."""
    print(f"a second look, alone, at what failed beside the other lane: {', '.join(tests)}")
    sys.stdout.flush()
    return start(tests, options, sys.stdout).wait()


def main() -> int:
    """Entry."""
    options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        failed = [Path(folder, "first"), Path(folder, "second")]
        codes = side_by_side(options, failed)
        tests = worth_a_look(failed)
    if all(code == NONE_SELECTED for code in codes):
        return NONE_SELECTED
    if tests and set(codes) <= {0, FAILED, NONE_SELECTED}:
        return look_again(tests, options)
    return 0 if set(codes) <= {0, NONE_SELECTED} else 1


if __name__ == "__main__":
    sys.exit(main())
