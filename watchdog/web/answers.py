"""What a load balancer is told: yes or no, and why in one line. Pure.

Rule: docs/http.md, "Paths", defines each yes; whatever is not surely so is a no.  A status is as
old as the question for it, so its age is taken off the lease: a yes to `/leader` is given only
while the promises of a quorum still stand, however slow the answer was.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from watchdog.web.status import Status


class Answer(NamedTuple):
    """Yes or no, and one line that says why."""

    is_yes: bool
    why: str


def leader(status: Status, age_s: float) -> Answer:
    """Whether this node is the coordinator, with the VIPs up, under a lease that has time left."""
    me = status.local
    if status.state != "COORDINATOR":
        led_by = status.coordinator or "none that this node knows"
        return Answer(False, f"{me} is {status.state}; the coordinator is {led_by}")
    if not status.is_on:
        return Answer(False, f"{me} is the coordinator, but its VIPs are not up ({status.phase})")
    if status.phase == "resigning":
        return Answer(False, f"{me} is giving up the VIPs")
    left_s = status.lease_left_s - age_s
    if left_s <= 0:
        return Answer(False, f"{me} is the coordinator, but its lease has run out")
    return Answer(True, f"{me} is the coordinator, epoch {status.epoch}, lease {left_s:.3f} s")


def standby(status: Status, age_s: float) -> Answer:
    """Whether this node follows and may take over."""
    del age_s
    if status.state != "STANDBY":
        return Answer(False, f"{status.local} is {status.state}")
    if status.unfit:
        return Answer(False, f"{status.local} is STANDBY, but may not lead: {status.unfit}")
    return Answer(True, f"{status.local} is STANDBY and may lead")


def quorum(status: Status, age_s: float) -> Answer:
    """Whether this node hears more than half of all configured weight, its own included."""
    del age_s
    weights = f"{status.weight_have}, needed {status.weight_need}"
    if not status.has_quorum:
        return Answer(False, f"{status.local} hears no quorum: weight {weights}")
    return Answer(True, f"{status.local} hears a quorum: weight {weights}")


def healthy(status: Status, age_s: float) -> Answer:
    """Whether nothing is wrong with this very node, whoever leads."""
    del age_s
    me = status.local
    if not status.is_healthy:
        return Answer(False, f"{me} is unhealthy: {status.unfit or 'the lifecheck says DEAD'}")
    if status.uplink or status.state == "IN_NW_TROUBLE":
        return Answer(False, f"{me} has no usable network: {status.uplink or 'until it is stable'}")
    if status.memory != "intact":
        return Answer(False, f"{me} does not vote: its state is {status.memory}")
    return Answer(True, f"{me} is healthy ({status.state})")


def ready(status: Status, age_s: float) -> Answer:
    """Whether the node process answers, whatever it says."""
    return Answer(True, f"{status.local} answers ({status.state}), asked {age_s:.3f} s ago")


CHECKS: Final[Mapping[str, Callable[[Status, float], Answer]]] = {
    "/leader": leader,
    "/standby": standby,
    "/quorum": quorum,
    "/healthy": healthy,
    "/readyz": ready,
}
"""Path -> what decides its 200 or 503; each gets a status and its age in seconds."""
