"""Units by their control groups, in the hierarchy of this machine."""

import os
from pathlib import Path

import pytest

from lifecheck.processes import cgroups
from tests.shell.process_lab import control_group, sleeper, title


def test_there_is_a_hierarchy() -> None:
    """Version 2 comes first where both are mounted."""
    for root in cgroups.roots():
        assert Path(root, "cgroup.procs").exists()


@pytest.mark.root
def test_a_unit_is_found_while_somebody_is_in_it() -> None:
    """At any depth, by its full name or without `.service`; an empty one does not run."""
    unit = title()
    with control_group(f"{unit}.slice") as above:
        below = above / f"{unit}.service"
        below.mkdir()
        assert cgroups.find(unit) is None
        with sleeper(title()) as child:
            (below / "cgroup.procs").write_text(str(child.pid))
            assert cgroups.find(unit) == cgroups.find(f"{unit}.service") == str(below)
            assert cgroups.members(str(below)) == {child.pid}
            assert cgroups.members(str(above)) == {child.pid}


def test_a_group_that_is_gone_has_nobody() -> None:
    """A unit that ends takes its control group with it."""
    assert cgroups.members("/nowhere") == frozenset()
    assert cgroups.find(f"{title()}-{os.getpid()}") is None
