"""What is done to whoever holds the VIP, and for how long. The same for every peer.

A fault that lasts (a cut, dead or stopped daemons) is ended when another node has held the VIP for
some seconds, so that two holders have the time to be seen, and at the latest after `WAIT_S`.
"""

import signal
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from bench.peers.stage import Stage

FREEZE_S: Final = 15.0
LASTS_S: Final = 10.0
"""Shortest cut."""
LINGER_S: Final = 5.0
"""How long another holder is watched before a cut is mended."""


class Peer(Protocol):
    """One cluster of a peer on a stage."""

    def start(self, node: str) -> None:
        """Start its daemons on one node (again)."""

    def is_ready(self) -> bool:
        """Whether it says itself that all is well, beyond one holder of the VIP."""

    def kill_service(self, node: str) -> None:
        """SIGKILL what it watches."""

    def restore_service(self, node: str) -> None:
        """Have that run again."""

    def switchover(self, node: str) -> None:
        """Move the VIP away from a node in its own planned way."""

    def end_switchover(self, node: str) -> None:
        """Undo what the move needed."""


class Fault(NamedTuple):
    """`lasts_s` is 0 where the fault is over as soon as another node holds."""

    begin: Callable[[Stage, Peer, str], None]
    end: Callable[[Stage, Peer, str], None]
    lasts_s: float = 0.0
    linger_s: float = 0.0
    is_fixed: bool = False
    """It ends after `lasts_s`, whoever holds."""


def _kill_daemons(stage: Stage, _peer: Peer, node: str) -> None:
    stage.signal(node, signal.SIGKILL)


def _freeze(stage: Stage, _peer: Peer, node: str) -> None:
    stage.signal(node, signal.SIGSTOP)


def _thaw(stage: Stage, _peer: Peer, node: str) -> None:
    stage.signal(node, signal.SIGCONT)


def _cut(**ways: bool) -> Fault:
    return Fault(
        lambda stage, _, node: stage.part(node, **ways),
        lambda stage, _, node: stage.part(node, **ways, mend=True),
        LASTS_S,
        LINGER_S,
    )


FAULTS: Final[dict[str, Fault]] = {
    "service killed": Fault(
        lambda _, peer, node: peer.kill_service(node),
        lambda _, peer, node: peer.restore_service(node),
        linger_s=0.5,
    ),
    "switchover": Fault(
        lambda _, peer, node: peer.switchover(node),
        lambda _, peer, node: peer.end_switchover(node),
        linger_s=0.5,
    ),
    "daemons killed": Fault(
        _kill_daemons, lambda _, peer, node: peer.start(node), LASTS_S, LINGER_S
    ),
    "silent cut": Fault(
        lambda stage, _, node: stage.lab.cut(node),
        lambda stage, _, node: stage.lab.heal(node),
        LASTS_S,
        LINGER_S,
    ),
    "cut from peers": _cut(outgoing=True, incoming=True),
    "frozen 15 s": Fault(_freeze, _thaw, FREEZE_S, is_fixed=True),
    "one-way: not heard": _cut(outgoing=True, incoming=False),
    "one-way: hears nothing": _cut(outgoing=False, incoming=True),
}
