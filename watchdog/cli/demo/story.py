"""What the demo does to its cluster, one fault after the other.

Each fault is written into the journal before it is done.  Between faults the cluster gets well
again, so that each figure is of one fault.  Every wait is bounded; what does not come in time is
a problem, said and counted, and ends the story.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from watchdog.cli.demo.cluster import Cluster
from watchdog.cli.demo.journal import Journal, now_ns
from watchdog.cli.demo.lab import LabError, run
from watchdog.cli.demo.processes import Running
from watchdog.cli.demo.services import Services

CALM_S: Final = 0.7
CUT_S: Final = 1.0
PLANT_S: Final = 0.5
TRIES: Final = 20
AGAIN_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Scene:
    """The cluster, its journal, how to cut a node off (None: not here), and how to tell people."""

    cluster: Cluster
    journal: Journal
    cut: Callable[[str], None] | None
    heal: Callable[[str], None]
    plant: Callable[[str, bool], None]
    say: Callable[[str], None]
    services: Services


def begin(scene: Scene) -> str:
    """Start all nodes and wait for the first coordinator."""
    scene.say("starting three nodes, and a service on each that they watch")
    scene.services.start_all()
    scene.cluster.start_all()
    coordinator = scene.cluster.wait_healthy()
    scene.say(f"{coordinator} was elected")
    scene.cluster.interrupt.pause(CALM_S)
    return coordinator


def play(scene: Scene, coordinator: str) -> None:
    """Do all faults, starting with this coordinator."""
    coordinator = kill_service(scene, coordinator)
    coordinator = kill_node_process(scene, coordinator)
    if scene.cut is not None:
        coordinator = cut_off(scene, coordinator)
    following = switch_over(scene, coordinator, None, "planned switchover")
    switch_over(scene, following, coordinator, "planned switchover, back")


def kill_service(scene: Scene, coordinator: str) -> str:
    """SIGKILL what the coordinator is there for: its lifecheck sees it, and the VIP moves."""
    _mark(scene, f"{coordinator}: the watched service killed (SIGKILL)")
    scene.services.kill(coordinator)
    following = scene.cluster.wait_coordinator(other_than=coordinator)
    scene.services.start(coordinator)
    _get_well(scene)
    return following


def kill_node_process(scene: Scene, coordinator: str) -> str:
    """SIGKILL the process that leads; its guardian takes the VIP off and says so to the others."""
    node: Running = scene.cluster.running[coordinator]
    pid = node.node_pid()
    assert pid is not None, "a healthy node has a node process"
    _mark(scene, f"{coordinator}: node process killed (SIGKILL)")
    os.kill(pid, signal.SIGKILL)
    return _recover(scene, coordinator)


def cut_off(scene: Scene, coordinator: str) -> str:
    """Cut the coordinator off without a sound: the others learn it from silence alone."""
    assert scene.cut is not None
    _mark(scene, f"{coordinator}: cut off from everything, silently")
    scene.cut(coordinator)
    try:
        following = scene.cluster.wait_coordinator(other_than=coordinator)
        scene.cluster.interrupt.pause(CUT_S)
    finally:
        scene.heal(coordinator)
    scene.journal.write("note", text=f"{coordinator}: connected again")
    _get_well(scene)
    return following


def switch_over(scene: Scene, giver: str, taker: str | None, title: str) -> str:
    """Hand over as an operator does, who tries again when the taker says that it is not ready."""
    arguments = ["--to", taker] if taker else []
    config = ["--config", str(scene.cluster.config(giver)), "--reason", "demo"]
    command = scene.cluster.command(giver, "switchover", *config, *arguments)
    scene.say(f"{giver}: {title}")
    for left in reversed(range(TRIES)):
        asked = now_ns()
        try:
            run(command)
        except LabError:
            if left == 0:
                raise
            scene.cluster.interrupt.pause(AGAIN_S)
        else:
            scene.journal.write("fault", asked, title=f"{giver}: {title}")
            break
    return _recover(scene, giver)


def plant_two_holders(scene: Scene, coordinator: str) -> None:
    """Put the service on a second node by hand: what must never happen, to see it reported."""
    second = next(name for name in scene.cluster.names if name != coordinator)
    _mark(scene, f"{second}: holds the service too, by hand (planted)")
    scene.plant(second, True)
    scene.cluster.interrupt.pause(PLANT_S)
    scene.plant(second, False)
    scene.cluster.interrupt.pause(PLANT_S)


def _mark(scene: Scene, title: str) -> None:
    scene.say(title)
    scene.journal.write("fault", title=title)


def _recover(scene: Scene, other_than: str) -> str:
    following = scene.cluster.wait_coordinator(other_than=other_than)
    _get_well(scene)
    return following


def _get_well(scene: Scene) -> None:
    scene.cluster.wait_healthy()
    scene.cluster.interrupt.pause(CALM_S)
