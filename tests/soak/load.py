"""Too much work for the processors, and what it does to whoever wants to run in time.

Busy loops of the ordinary class, ten for each processor; a sampler that reads how many processes
want to run; and probes, one process for each scheduling class, that sleep 10 ms again and again and
note how late they woke: that is what a beacon or a deadline of that class suffers.
"""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

FACTOR: Final = 10
"""Busy loops for each processor."""
LEAST: Final = 8.0
"""Runnable processes for each processor, on average: with less the run proves nothing."""
SAMPLE_S: Final = 0.5
BUSY: Final = "while True: pass"
CLASSES: Final = {
    "rt": "os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(9))",
    "nice": "os.setpriority(os.PRIO_PROCESS, 0, -20)",
    "normal": "pass",
}
PROBE: Final = """
import os, select, sys, time
{become}
worst, nap = 0.0, 0.01
while not select.select([0], [], [], 0)[0]:
    due = time.monotonic() + nap
    time.sleep(nap)
    worst = max(worst, time.monotonic() - due)
print(round(worst * 1000, 1))
"""
END_S: Final = 10


class Load:
    """The work of one run; `seen` afterwards."""

    def __init__(self) -> None:
        self.processors = os.cpu_count() or 1
        self._busy: list[subprocess.Popen[bytes]] = []
        self._probes: dict[str, subprocess.Popen[str]] = {}
        self._runnable: list[int] = []
        self._late_ms: dict[str, float] = {}
        self._end = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        for _ in range(FACTOR * self.processors):
            self._busy.append(subprocess.Popen([sys.executable, "-c", BUSY]))
        for name, become in CLASSES.items():
            command = [sys.executable, "-c", PROBE.format(become=become)]
            self._probes[name] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end.set()
        for one in self._busy:
            one.kill()
        for one in self._busy:
            one.wait()
        for name, probe in self._probes.items():
            said, _ = probe.communicate("end", timeout=END_S)
            self._late_ms[name] = float(said)
        self._sampler.join()

    def _sample(self) -> None:
        # Otherwise the sampler would be one of those who wait for a processor.
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        while not self._end.wait(SAMPLE_S):
            self._runnable.append(runnable(Path("/proc/stat").read_text(encoding="ascii")))

    @property
    def mean(self) -> float:
        """Runnable processes for each processor, on average."""
        found = self._runnable
        return sum(found) / len(found) / self.processors if found else 0.0

    def seen(self) -> dict[str, Any]:
        """What the run really put on this machine."""
        return {
            "processors": self.processors,
            "busy_loops": len(self._busy),
            "runnable_per_processor_mean": round(self.mean, 2),
            "runnable_per_processor_least": min(self._runnable, default=0) / self.processors,
            "worst_lateness_ms": self._late_ms,
        }


def runnable(stat: str) -> int:
    """How many processes want to run, by /proc/stat."""
    (line,) = [line for line in stat.splitlines() if line.startswith("procs_running ")]
    return int(line.split()[1])
