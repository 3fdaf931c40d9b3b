"""`quorumdog demo` as people run it: it ends by itself, tells the truth, and leaves nothing.

The planted second holder proves that the demo can fail; SIGINT at five moments that it cleans up
wherever it is.  Ordinary users are tried in a user namespace whose user is not root.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from watchdog.cli.demo.journal import read
from watchdog.cli.demo.timeline import holders, outages

pytestmark = pytest.mark.root
DEMO = [sys.executable, "-I", "-m", "watchdog", "demo"]
SECONDS_MAX = 100
AS_A_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
WITHOUT_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'


@dataclass(frozen=True)
class Machine:
    """What a demo could leave behind."""

    namespaces: frozenset[str]
    interfaces: frozenset[str]
    files: frozenset[str]
    processes: frozenset[str]


def machine() -> Machine:
    """Look at this machine; only what is a demo's, so that other runs do no harm."""
    processes = set()
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
        except OSError:
            continue
        if b"quorumdog-demo-" in words or b"cli.demo.observe" in words:
            processes.add(f"{folder.name}: {words!r}")
    netns = Path("/run/netns")
    return Machine(
        frozenset(p.name for p in netns.glob("qd*")) if netns.exists() else frozenset(),
        frozenset(p.name for p in Path("/sys/class/net").iterdir()),
        frozenset(p.name for p in Path(tempfile.gettempdir()).glob("quorumdog-demo-*")),
        frozenset(processes),
    )


def run(*arguments: str, around: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end."""
    return subprocess.run(
        [*around, *DEMO, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def test_the_demo_survives_its_faults_with_one_holder_and_leaves_nothing(tmp_path: Path) -> None:
    """The README's first command; its figures are computed from the file that it keeps."""
    before = machine()
    done = run("--keep", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine() == before
    seen = read(tmp_path / "kept" / "observations.jsonl")
    assert holders(seen).most == 1
    assert "largest number of holders at any instant: 1" in done.stdout
    found = outages(seen)
    assert len(found) == 4
    for outage in found:
        assert outage.gap_ns is not None
        assert f"outage {outage.gap_ns / 1e6:>8.1f} ms" in done.stdout
        assert outage.before != outage.after
    assert not list((tmp_path / "kept").rglob("authkey"))


def test_a_planted_second_holder_is_reported_and_fails_the_demo() -> None:
    """A demo that cannot fail shows nothing."""
    before = machine()
    done = run("--plant-two-holders")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 HOLDERS AT ONCE: " in done.stderr
    assert "largest number of holders at any instant: 2" in done.stdout
    assert machine() == before


def test_a_user_sees_the_cut_inside_a_network_of_his_own() -> None:
    """Without root, where user namespaces are allowed."""
    before = machine()
    done = run(around=tuple(AS_A_USER))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not as root" in done.stdout
    assert "cut off from everything" in done.stdout
    assert "left out" not in done.stdout
    assert machine() == before


def test_a_user_without_namespaces_is_told_that_the_cut_is_left_out() -> None:
    """Without root, where they are not; the planted holder is found there too."""
    around = (*AS_A_USER, "--keep-caps", "--net", "sh", "-c", WITHOUT_NAMESPACES, "sh")
    lo_up = ("sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    done = run("--plant-two-holders", around=(*around, *lo_up))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the cut was left out: this system lets no user make a network" in done.stdout
    assert "2 HOLDERS AT ONCE: " in done.stderr


# A moment is a line that the demo has printed, and the seconds that pass after it.
MOMENTS = {
    "at once": ("three nodes", 0.0),
    "while the laboratory is built": ("three nodes", 0.1),
    "while the nodes start": ("starting", 0.3),
    "in the middle of a failover": ("SIGKILL", 0.02),
    "while a node is cut off": ("cut off", 0.5),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_demo_leaves_nothing(moment: str) -> None:
    """Ctrl-C reaches the whole group of the terminal; the demo ends its nodes in order."""
    text, seconds = MOMENTS[moment]
    before = machine()
    demo = subprocess.Popen(
        [DEMO[0], "-u", *DEMO[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
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
    assert machine() == before


def test_stay_keeps_the_nodes_and_says_how_to_ask_them() -> None:
    """The printed command is typed as it is printed."""
    before = machine()
    demo = subprocess.Popen(
        [DEMO[0], "-u", *DEMO[1:], "--stay"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert demo.stdout is not None
    with demo.stdout:
        line = next(line for line in demo.stdout if " status --watch " in line)
        command = re.sub("--watch", "--json", line).split()
        shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["quorum"]["ok"]
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
    assert demo.wait(30) == 0
    assert machine() == before
