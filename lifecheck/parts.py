"""What the runner is made of: the interfaces that it calls, and who makes the real parts.

The defaults of Makers are the parts that run in production; tests hand in Fakes instead.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lifecheck.heartbeat import Heartbeat
from lifecheck.log import Log
from lifecheck.plan import HeartbeatPlan, ProbePlan
from lifecheck.probes import Means, Probe, make
from lifecheck.processes.accelerators import Accelerators
from lifecheck.processes.matching import Rule
from lifecheck.processes.watch import ProcessWatch
from lifecheck.watched import Sight


class Watch(Protocol):
    """Watches the processes of several rules; calls out the place of one that changed."""

    def seen(self, place: int) -> Sight | None:
        """What is there now; None before the first look."""

    def look_again(self, place: int) -> None:
        """Look for new processes now, and call out in any case when that is done."""

    def pace(self, place: int, every_ms: int) -> None:
        """Look for new processes so often."""

    def accelerators(self) -> list[str]:
        """Names of those in use."""

    async def run(self) -> None:
        """Watch until cancelled."""


class Pulse(Protocol):
    """Heartbeats out and in; calls out when a verdict on a peer changes."""

    is_mute: bool
    """Nothing can be sent."""

    def peers(self) -> Mapping[str, tuple[str, str]]:
        """Name to verdict and reason."""

    def rows(self) -> Sequence[Mapping[str, object]]:
        """What `status` shows."""

    async def run(self) -> None:
        """Send and hear until cancelled."""


MakeWatch = Callable[[Sequence[Rule], Callable[[int], None], Accelerators, Log], Watch]
MakePulse = Callable[[HeartbeatPlan, str, bytes, bytes, Callable[[], None], Log], Pulse]


@dataclass(frozen=True, slots=True)
class Makers:
    """Who makes the parts that touch the world."""

    probe: Callable[[ProbePlan, Means], Probe] = make
    watch: MakeWatch = ProcessWatch
    pulse: MakePulse = Heartbeat


@dataclass(frozen=True, slots=True)
class Inherited:
    """What the guardian handed over."""

    heartbeat_key: bytes
    guard: socket.socket
    means: Means
    accelerators: Accelerators
