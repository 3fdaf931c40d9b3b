"""What a command line measures, and into which file."""

import argparse
from pathlib import Path

from bench.__main__ import parts, reps


def _chosen(*only: str, profiles: tuple[str, ...] = ("default",)) -> argparse.Namespace:
    return argparse.Namespace(
        only=list(only), profiles=list(profiles), reps=None, idle=60.0, out=Path("nowhere")
    )


def test_all_is_measured_when_nothing_is_said() -> None:
    """What takes longest comes last."""
    files = ["failover-default", "idle", "postgres-killed", "ipc", "procd-2008", "detection"]
    files += ["scale", "peers"]
    assert list(parts(_chosen())) == files


def test_a_piece_of_a_part_does_not_replace_the_whole() -> None:
    """The raw file of all faults would lose the others."""
    assert list(parts(_chosen("service killed", "switchover", "status"))) == [
        "service-killed-switchover-default",
        "status",
    ]


def test_outages_are_measured_with_each_timing() -> None:
    """Each in a cluster of its own."""
    wanted = _chosen("silent cut", profiles=("default", "fast"))
    assert list(parts(wanted)) == ["silent-cut-default", "silent-cut-fast"]


def test_what_has_a_goal_of_its_own_is_done_more_often() -> None:
    """A worst case of ten says less than one of twenty; who says a number gets it."""
    chosen = _chosen()
    assert (reps(chosen, "service killed"), reps(chosen, "silent cut")) == (20, 10)
    chosen.reps = 3
    assert reps(chosen, "service killed") == 3
