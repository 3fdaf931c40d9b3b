"""Hardware watchdog and self-fence of a real guardian, on a device that resets nothing.

A terminal is the device and this process the hardware behind it, as tests/shell has it; what it
would have reset is the machine of the guardian.
"""

import os
import select
import signal
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.guardian import launcher
from tests.system.guardian.bench import HARD_MS, Bench, Node, wait_for
from watchdog.guardian.clock import now
from watchdog.guardian_protocol import Deescalate, Off
from watchdog.instant import Instant, elapsed_hi

pytestmark = pytest.mark.root
TIMEOUT_S = 1
LATE_S = 0.25
"""How late this machine may see what happened, when other tests keep it busy."""


class Hardware:
    """The timer: armed by the first byte, put off by each, stopped by `V` and a close."""

    def __init__(self) -> None:
        self._far, near = os.openpty()
        tty.setraw(near)
        self.path = os.ttyname(near)
        os.close(near)
        self.armed_at = 0.0
        self.disarmed = 0
        self.fired: Instant | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        last, deadline = b"", 0.0
        while not self._is_over:
            if deadline and time.monotonic() > deadline and not self.fired:
                self.fired = now()
            if not select.select([self._far], [], [], 0.005)[0]:
                continue
            try:
                told = os.read(self._far, 100)
            except OSError:  # closed on the other side
                if last == b"V":
                    deadline, self.armed_at = 0.0, 0.0
                    self.disarmed += 1
                last = b""
                time.sleep(0.005)
                continue
            last = told[-1:]
            deadline = time.monotonic() + TIMEOUT_S
            self.armed_at = self.armed_at or time.monotonic()

    def close(self) -> None:
        """Pull it out."""
        self._is_over = True
        self._thread.join()
        os.close(self._far)


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hardware]:
    """A watchdog whose driver the launcher plays."""
    monkeypatch.setenv(launcher.DRIVER, "1")
    made = Hardware()
    try:
        yield made
    finally:
        made.close()


def watched(bench: Bench, hardware: Hardware, **more: Any) -> Node:
    """A guardian with the watchdog, and its node."""
    watchdog = {"device": hardware.path, "timeout_ms": TIMEOUT_S * 1000}
    bench.start(watchdog=watchdog, **more)
    node = bench.node()
    node.greet()
    return node


def test_it_is_armed_only_while_on(bench: Bench, hardware: Hardware) -> None:
    """A node that is off must never be reset; one that goes on is petted for as long."""
    node = watched(bench, hardware)
    time.sleep(0.2)
    assert not hardware.armed_at
    node.escalate(epoch=1)
    wait_for("armed", lambda: hardware.armed_at)
    node.keep_on(1, 2.5 * TIMEOUT_S)
    assert not hardware.fired, bench.log.read_text()
    node.n += 1
    node.say(Deescalate(node.n, "enough"))
    node.hear(Off)
    wait_for("disarmed", lambda: hardware.disarmed == 1)
    assert bench.stop() == 0
    time.sleep(TIMEOUT_S + LATE_S)
    assert not hardware.fired


def test_a_frozen_guardian_is_reset_by_hard(bench: Bench, hardware: Hardware) -> None:
    """Whatever else it would have done: by then another node may be on."""
    node = watched(bench, hardware)
    s = node.escalate(epoch=1)
    assert bench.process
    os.kill(bench.process.pid, signal.SIGSTOP)
    wait_for("reset", lambda: hardware.fired, HARD_MS / 1000 + LATE_S)
    assert hardware.fired
    assert elapsed_hi(hardware.fired, s) < (HARD_MS + LATE_S * 1000) * 1_000_000
    os.kill(bench.process.pid, signal.SIGCONT)


def test_a_killed_guardian_does_not_disarm_it(bench: Bench, hardware: Hardware) -> None:
    """Only the magic character does, and nobody is left to write it."""
    node = watched(bench, hardware)
    node.escalate(epoch=1)
    wait_for("armed", lambda: hardware.armed_at)
    assert bench.process
    bench.process.kill()
    wait_for("reset", lambda: hardware.fired, TIMEOUT_S + LATE_S)
    assert not hardware.disarmed


def test_a_device_that_is_none_is_refused_at_the_start(bench: Bench, tmp_path: Path) -> None:
    """And not found out in the first failover."""
    bench.start(watchdog={"device": str(tmp_path / "none"), "timeout_ms": 2000})
    assert bench.process
    assert bench.process.wait(10) == 2
    assert bench.logged("is not there")


@pytest.fixture
def stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """While this file exists no VIP can be removed."""
    file = tmp_path / "stuck"
    monkeypatch.setenv(launcher.STUCK, str(file))
    yield file
    file.unlink(missing_ok=True)  # or the sentinel would try for ever


def test_a_node_that_cannot_go_off_is_reset_by_its_hardware(
    bench: Bench, hardware: Hardware, stuck: Path
) -> None:
    """It is not petted any more, and not closed either."""
    node = watched(bench, hardware, self_fence="watchdog")
    s = node.escalate(epoch=1)
    stuck.touch()
    node.n += 1
    node.say(Deescalate(node.n, "enough"))
    wait_for("reset", lambda: hardware.fired, HARD_MS / 1000 + LATE_S)
    assert hardware.fired
    assert elapsed_hi(hardware.fired, s) < (HARD_MS + LATE_S * 1000) * 1_000_000
    assert not hardware.disarmed
    assert not any(isinstance(packet, Off) for packet in node.other)


def test_a_node_that_cannot_go_off_resets_itself(
    bench: Bench, stuck: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One letter, at `hard` at the latest, in a file of the test."""
    trigger = tmp_path / "trigger"
    trigger.touch()
    monkeypatch.setenv(launcher.TRIGGER, str(trigger))
    bench.start(self_fence="sysrq")
    node = bench.node()
    node.greet()
    s = node.escalate(epoch=1)
    stuck.touch()
    node.n += 1
    node.say(Deescalate(node.n, "enough"))
    wait_for("asked", trigger.read_bytes, HARD_MS / 1000 + LATE_S)
    assert elapsed_hi(now(), s) < (HARD_MS + LATE_S * 1000) * 1_000_000
    assert trigger.read_bytes() == b"b"
    assert bench.logged("event=self_fence")


def test_nothing_resets_a_node_whose_owner_does_not_want_it(
    bench: Bench, stuck: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`self_fence = "off"`: an alarm, and again and again the attempt to go off."""
    trigger = tmp_path / "trigger"
    trigger.touch()
    monkeypatch.setenv(launcher.TRIGGER, str(trigger))
    bench.start()
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    stuck.touch()
    node.n += 1
    node.say(Deescalate(node.n, "enough"))
    wait_for("alarm", lambda: bench.logged("level=alarm"), HARD_MS / 1000 + LATE_S)
    stuck.unlink()
    assert node.hear(Off).n == node.n
    assert trigger.read_bytes() == b""


def test_a_reset_that_cannot_be_asked_for_is_refused_at_the_start(bench: Bench) -> None:
    """A kernel without sysrq, or a container."""
    bench.start(self_fence="sysrq")
    assert bench.process
    assert bench.process.wait(10) == 2
    assert bench.logged("CONFIG_MAGIC_SYSRQ")
