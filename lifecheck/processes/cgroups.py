"""Processes of a systemd unit: its control group, searched by its name below the cgroup2 mount.

Rule: what a process calls itself does not count here, only where its service manager put it.
systemd's own v1 hierarchy is looked at where there is no unit in the v2 one.
"""

import os
from typing import Final

from lifecheck.processes import procfs

FOLDERS_MAX: Final = 20_000
"""Control groups that a search looks at."""
SUFFIXES: Final = (".service", ".scope", ".slice")


def roots() -> list[str]:
    """Where control groups are mounted, version 2 first."""
    named = [where for where, options in procfs.mounts("cgroup") if "name=systemd" in options]
    return [where for where, _ in procfs.mounts("cgroup2")] + named


def find(unit: str) -> str | None:
    """Folder of the unit's control group; None while it does not run."""
    names = {unit} if unit.endswith(SUFFIXES) else {f"{unit}.service"}
    seen = 0
    for root in roots():
        for folder, below, _ in os.walk(root):
            for name in names.intersection(below):
                path = f"{folder}/{name}"
                if members(path):
                    return path
            seen += 1
            if seen > FOLDERS_MAX:
                return None
    return None


def members(folder: str) -> frozenset[int]:
    """Processes in a control group and in those below it."""
    found: set[int] = set()
    for count, (inner, _, _) in enumerate(os.walk(folder)):
        if count > FOLDERS_MAX:
            break
        found.update(_procs(inner))
    return frozenset(found)


def _procs(folder: str) -> list[int]:
    return [int(line) for line in procfs.read_all(f"{folder}/cgroup.procs").split()]
