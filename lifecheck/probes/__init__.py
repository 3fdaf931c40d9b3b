"""Probes: one way each of asking whether something works; a module per kind, imported when used.

Rule: a run never blocks the loop, is bounded in bytes, and can be cancelled at any await, after
which nothing of it is left.  What may hang in the kernel (a file on a dead mount) is looked at by
a thread that is never waited for.  Whatever the other side does is an Outcome, not an exception.
"""

import socket
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from lifecheck.plan import ProbePlan


class Outcome(NamedTuple):
    """What one run found."""

    ok: bool
    detail: str
    """What was seen: printable, at most detector.DETAIL_MAX characters."""


class Probe(Protocol):
    """One configured probe; the caller repeats `run`, limits its time, and never overlaps it."""

    doing: str
    """What the run was at: said by whoever cancels it at its time-out."""

    async def run(self) -> Outcome:
        """Look once."""

    def close(self) -> None:
        """Let go of what is kept between runs."""


@dataclass(frozen=True)
class Means:
    """What the guardian opened for probes, and what several probes share because of that."""

    icmp: socket.socket | None
    icmp6: socket.socket | None
    shared: dict[int, object] = field(default_factory=dict)
    """One reader for each socket, by its descriptor (lifecheck/probes/ping.py)."""


def make(plan: ProbePlan, means: Means) -> Probe:
    """Return the probe of any kind but `process`; ValueError: configuration let a fault through."""
    match plan.kind:
        case "tcp":
            from lifecheck.probes.tcp import make as make_tcp

            return make_tcp(plan.options)
        case "http":
            from lifecheck.probes.http import make as make_http

            return make_http(plan.options)
        case "command":
            from lifecheck.probes.command import make as make_command

            return make_command(plan.options)
        case "log_growth":
            from lifecheck.probes.log_growth import make as make_log_growth

            return make_log_growth(plan.options)
        case "log_match":
            from lifecheck.probes.log_match import make as make_log_match

            return make_log_match(plan.options)
        case "file":
            from lifecheck.probes.file import make as make_file

            return make_file(plan.options)
        case "ping":
            from lifecheck.probes.ping import make as make_ping

            return make_ping(plan.options, means)
        case "load" | "memory" | "disk":
            from lifecheck.probes.resources import MAKERS

            return MAKERS[plan.kind](plan.options)
    raise ValueError(f"there is no probe of kind {plan.kind!r}")
