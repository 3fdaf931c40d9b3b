"""`quorumdog demo` as people run it: it ends by itself, tells the truth, and leaves nothing.

The planted second holder proves that the demo can fail; SIGINT at five moments that it cleans up
wherever it is.  Ordinary users are tried in a user namespace whose user is not root.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system.exclusion import TwoHoldersError
from watchdog.cli.demo.journal import read
from watchdog.cli.demo.timeline import holders, outages

pytestmark = pytest.mark.root
DEMO = [sys.executable, "-I", "-m", "watchdog", "demo"]
PLANTED = "--plant-two-holders"
SECONDS_MAX = 100
AS_A_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
WITHOUT_NAMESPACES = 'ip link set lo up && echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'


@dataclass(frozen=True)
class Traces:
    """What one demo left behind; other demos may run on this machine at the same time."""

    namespaces: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()


NOTHING = Traces()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demo makes its files: a short path, because sockets are in it."""
    made = Path(tempfile.mkdtemp(prefix="qt-"))
    yield made
    shutil.rmtree(made)


def traces(pid: int, folder: Path) -> Traces:
    """Look for what the demo with this pid, which worked in this folder, did not remove."""
    processes = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if str(folder).encode() in words:
            processes.append(f"{entry.name}: {words!r}")
    return Traces(
        tuple(p.name for p in Path("/run/netns").glob(f"qd{pid}-*")),
        tuple(p.name for p in folder.iterdir()),
        tuple(processes),
    )


def start(folder: Path, *arguments: str, around: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a demo in a session of its own, as a terminal does."""
    return subprocess.Popen(
        [*around, DEMO[0], "-u", *DEMO[1:], *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )


def play(folder: Path, *arguments: str, around: Sequence[str] = ()) -> tuple[int, str]:
    """Run a demo to its end: the exit code and all that it printed. It must leave nothing."""
    demo = start(folder, *arguments, around=around)
    printed, _ = demo.communicate(timeout=SECONDS_MAX)
    if "HOLDERS AT ONCE" in printed and PLANTED not in arguments:
        raise TwoHoldersError(printed)
    assert traces(demo.pid, folder) == NOTHING
    return demo.returncode, printed


def test_the_demo_survives_its_faults_with_one_holder(folder: Path, tmp_path: Path) -> None:
    """The README's first command; its figures are computed from the file that it keeps."""
    code, printed = play(folder, "--keep", str(tmp_path / "kept"))
    assert code == 0, printed
    seen = read(tmp_path / "kept" / "observations.jsonl")
    assert holders(seen).most == 1
    assert "largest number of holders at any instant: 1" in printed
    found = outages(seen)
    assert len(found) == 5
    for outage in found:
        assert outage.gap_ns is not None
        assert f"outage {outage.gap_ns / 1e6:>8.1f} ms" in printed
        assert outage.before != outage.after
    assert not list((tmp_path / "kept").rglob("authkey"))


def test_a_planted_second_holder_is_reported_and_fails_the_demo(folder: Path) -> None:
    """A demo that cannot fail shows nothing."""
    code, printed = play(folder, PLANTED)
    assert code == 1, printed
    assert "2 HOLDERS AT ONCE: " in printed
    assert "largest number of holders at any instant: 2" in printed


def test_a_user_sees_the_cut_inside_a_network_of_his_own(folder: Path) -> None:
    """Without root, where user namespaces are allowed."""
    code, printed = play(folder, around=AS_A_USER)
    assert code == 0, printed
    assert "not as root" in printed
    assert "cut off from everything" in printed
    assert "left out" not in printed


def test_a_user_without_namespaces_is_told_that_the_cut_is_left_out(folder: Path) -> None:
    """Without root, where they are not; the planted holder is found there too."""
    around = [*AS_A_USER, "--keep-caps", "--net", "sh", "-c", WITHOUT_NAMESPACES, "sh"]
    code, printed = play(folder, PLANTED, around=around)
    assert code == 1, printed
    assert "the cut was left out: this system lets no user make a network" in printed
    assert "2 HOLDERS AT ONCE: " in printed


# A moment is a line that the demo has printed, and the seconds that pass after it.
MOMENTS = {
    "at once": ("three nodes", 0.0),
    "while the laboratory is built": ("three nodes", 0.1),
    "while the nodes start": ("starting", 0.3),
    "in the middle of a failover": ("SIGKILL", 0.02),
    "while a node is cut off": ("cut off", 0.5),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_demo_leaves_nothing(moment: str, folder: Path) -> None:
    """Ctrl-C reaches the whole group of the terminal; the demo ends its nodes in order."""
    text, seconds = MOMENTS[moment]
    demo = start(folder)
    assert demo.stdout is not None
    with demo.stdout:
        printed = ""
        for line in demo.stdout:
            printed += line
            if text in line:
                break
        time.sleep(seconds)
        os.killpg(demo.pid, signal.SIGINT)
        os.killpg(demo.pid, signal.SIGINT)  # people press it twice
        printed += demo.stdout.read()
    assert demo.wait(30) == 130, printed
    assert "interrupted; everything was stopped and removed" in printed
    assert traces(demo.pid, folder) == NOTHING


def test_stay_keeps_the_nodes_and_says_how_to_ask_them(folder: Path) -> None:
    """The printed command is typed as it is printed."""
    demo = start(folder, "--stay")
    assert demo.stdout is not None
    with demo.stdout:
        line = next(line for line in demo.stdout if " status --watch " in line)
        command = re.sub("--watch", "--json", line).split()
        shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["quorum"]["ok"]
        assert traces(demo.pid, folder) != NOTHING  # what the other tests look for is there
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
    assert demo.wait(30) == 0
    assert traces(demo.pid, folder) == NOTHING
