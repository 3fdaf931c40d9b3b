"""Probes on a mount whose other side never answers: a real one, by FUSE, with nobody behind it.

Rule: the look hangs in its thread, and neither the loop nor the end of the process does.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.support import REPOSITORY

pytestmark = pytest.mark.root

PROGRAM: Final = """
import asyncio, ctypes, json, os, sys, time
from lifecheck.plan import ProbePlan
from lifecheck.probes import Means, make

folder = sys.argv[1]
device = os.open("/dev/fuse", os.O_RDWR)
data = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mount(b"nobody", folder.encode(), b"fuse", 0, data) == 0, ctypes.get_errno()

KINDS = {
    "file": {"path": folder + "/x", "age_max_ms": None},
    "log_growth": {"path": folder + "/x", "within_ms": 1},
    "log_match": {"path": folder + "/x", "pattern": "x", "hold_ms": 1},
    "disk": {"path": folder, "max_percent": 100, "clear_percent": 100},
    "command": {"argv": [folder + "/x"], "style": "exit", "output": None},
}

async def story():
    found = {}
    for kind, options in KINDS.items():
        probe = make(ProbePlan(kind, 1, 1, 1, 1, 0, 0, options), Means(None, None))
        start = time.monotonic()
        try:
            async with asyncio.timeout(0.1):
                found[kind] = ["ended", await probe.run()]
        except TimeoutError:
            found[kind] = [probe.doing, await probe.run(), await probe.run()]
        found[kind].append(time.monotonic() - start)
        probe.close()
    return found

print(json.dumps(asyncio.run(story())), flush=True)
"""


def test_a_mount_that_never_answers_holds_neither_loop_nor_process(tmp_path: Path) -> None:
    """As a dead NFS server does: the second run says at once that the first still hangs."""
    folder = tmp_path / "mount"
    folder.mkdir()
    start = time.monotonic()
    ran = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", PROGRAM, str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert time.monotonic() - start < 30
    found = json.loads(ran.stdout)
    assert set(found) == {"file", "log_growth", "log_match", "disk", "command"}
    for kind, (_, *outcomes, took_s) in found.items():
        assert took_s < 1.0, kind
        assert len(outcomes) == 2, (kind, outcomes)
        for ok, detail in outcomes:
            assert not ok
            assert str(folder) in detail
            assert detail.endswith(" has been hanging for 0 s"), detail
