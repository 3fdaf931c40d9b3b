"""All checks and the heartbeats, as what a report says of this node and of its peers. Pure.

Of several checks that are DOWN the first one configured gives the reason.  One that is DOWN always
beats one that is DOWN under an epoch only, because it says more.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lifecheck.check import REASON_MAX, Check

VALID_MAX_MS: Final = 15_000


class Own(NamedTuple):
    """What is said of this node."""

    verdict: str
    reason: str
    epoch: int
    veto: str
    handicap: int


class Statement(NamedTuple):
    """What is said of everybody; a change of it is what is reported at once."""

    own: Own
    peers: tuple[tuple[str, str, str], ...]
    """name, verdict, reason"""
    is_mute: bool = False
    """No heartbeat can be sent, so that the others will miss them."""


def state(
    checks: Sequence[Check], peers: Mapping[str, tuple[str, str]], *, is_mute: bool = False
) -> Statement:
    """What the checks and the heartbeats amount to."""
    heard = tuple((name, verdict, reason) for name, (verdict, reason) in peers.items())
    return Statement(_own(checks), heard, is_mute)


def _own(checks: Sequence[Check]) -> Own:
    claims = [(check, check.claim()) for check in checks]
    dead = sorted(
        ((check, claim) for check, claim in claims if claim.is_dead),
        key=lambda pair: pair[1].epoch > 0,
    )
    unknown = [check for check, claim in claims if claim.is_unknown]
    vetoes = [check for check, claim in claims if claim.is_veto]
    handicap = sum(claim.handicap for _, claim in claims)
    verdict, reason, epoch = "alive", "", 0
    if dead:
        verdict, reason = "dead", _texts([check for check, _ in dead])
        epoch = dead[0][1].epoch
    elif unknown:
        verdict, reason = "unknown", f"not decided: {unknown[0].plan.name}"
    return Own(verdict, reason, epoch, _texts(vetoes), handicap)


def _texts(checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    more = ", ".join(check.plan.name for check in checks[1:])
    tail = f" (also: {more})" if more else ""
    tail = tail[: REASON_MAX // 2]
    return checks[0].text()[: REASON_MAX - len(tail)] + tail


def valid_ms(deadtime_ms: int) -> int:
    """How long the node may believe a report that is not repeated.

    Half of `deadtime` at most (0: there are no heartbeats): the node has to know that its
    lifecheck is silent, and say so, before the others miss its heartbeats.
    """
    return min(VALID_MAX_MS, deadtime_ms // 2) if deadtime_ms else VALID_MAX_MS


def report_body(statement: Statement, valid_ms: int) -> dict[str, object]:
    """The native request that says it."""
    return {
        "verb": "report",
        "own": statement.own._asdict(),
        "peers": {
            name: {"verdict": verdict, "reason": reason}
            for name, verdict, reason in statement.peers
        },
        "mute": int(statement.is_mute),
        "valid_ms": valid_ms,
    }
