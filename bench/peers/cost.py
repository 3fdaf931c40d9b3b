"""What a quiet node of a peer costs: CPU time with that of ended children, memory, by program."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bench.idle import NS_PER_S, memory

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_CUTIME: Final = 13
"""The field after the name and the state, of /proc/PID/stat."""


def spent_s(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds of each process until now: its threads', and those of its ended children."""
    found = {}
    for pid in pids:
        with suppress(OSError):  # it has ended since
            found[pid] = _threads_s(pid) + _children_s(pid)
    return found


def _threads_s(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / NS_PER_S


def _children_s(pid: int) -> float:
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, after_name[_CUTIME : _CUTIME + 2])) / _TICKS


def grown_s(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """CPU seconds between two looks; a process that ended is in its parent's children. Pure."""
    return sum(max(0.0, used - before.get(pid, 0.0)) for pid, used in after.items())


def program(pid: int) -> str:
    """The file that a process runs; empty when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/exe").readlink().name
    return ""


def held(pids: Iterable[int]) -> dict[str, Any]:
    """Memory of some processes together, and which programs they run."""
    programs: Counter[str] = Counter()
    pss_mib = uss_mib = 0.0
    for pid in pids:
        with suppress(OSError):
            rollup = memory(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
            pss_mib += rollup["pss_mib"]
            uss_mib += rollup["uss_mib"]
            programs[program(pid)] += 1
    found = dict(sorted(programs.items()))
    return {"pss_mib": round(pss_mib, 1), "uss_mib": round(uss_mib, 1), "programs": found}


def copies(programs: Iterable[str]) -> int:
    """How many processes of this machine run one of these programs: they share its pages."""
    wanted = set(programs)
    pids = (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())
    return sum(program(pid) in wanted for pid in pids)
