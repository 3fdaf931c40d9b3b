"""What the figures were measured on; a figure without its machine and its load says nothing."""

import os
import platform
import sysconfig
import time
from pathlib import Path

from watchdog.cli.privileges import best_scheduling


def facts() -> dict[str, object]:
    """The machine, and how busy it is now."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": os.cpu_count(),
        "cpu": _cpu_model(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "python_optimized": "--enable-optimizations" in _configured(),
        "scheduling": best_scheduling(),
        "load_1m": round(os.getloadavg()[0], 2),
    }


def _configured() -> str:
    return str(sysconfig.get_config_var("CONFIG_ARGS"))


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
