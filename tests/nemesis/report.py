"""What a run prints and writes: the table, the JSON, and whether it was enough.  Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from tests.nemesis.engine import Result
from tests.nemesis.plan import below_floor

HEADINGS: Final = (
    "fault", "victims", "two ms", "outage ms", "moves", "recovery s", "blind ms", "stolen ms",
    "verdict",
)  # fmt: skip
WIDTHS: Final = (46, 14, 8, 10, 9, 11, 9, 10, 7)
SCHEMA: Final = 1


def head() -> str:
    """The headings of the table."""
    return _line(HEADINGS)


def row(one: Result) -> str:
    """One line of it."""
    least, most = one.moves_allowed
    victims = one.victims[0] if len(one.victims) == 1 else ",".join(v[:2] for v in one.victims)
    return _line(
        (
            one.name,
            victims,
            f"{one.two_answered_s * 1000:.3f}" if one.two_answered_s else "0",
            "for ever" if one.outage_s is None else f"{one.outage_s * 1000:.0f}",
            f"{one.moves} of {least}" + (f"-{most}" if most != least else ""),
            "never" if one.recovery_s is None else f"{one.recovery_s:.1f}",
            f"{one.blind_s * 1000:.0f}",
            f"{one.stolen_ms}",
            "again" if one.again else "FAILED" if one.failures else "ok",
        )
    )


def _line(cells: Sequence[str]) -> str:
    padded = [f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)]
    return " ".join(padded).rstrip()


def failure(one: Result) -> Iterator[str]:
    """Why a fault failed, with the nodes' last lines; in short if it is tried again."""
    if one.again:
        yield f"again: this machine stood still for {one.stolen_ms} ms; try {one.number} was:"
        yield from (f"  {text}" for text in one.failures)
        return
    yield f"FAILED {one.name} (--nodes {one.nodes}, seed {one.seed}, try {one.number}):"
    yield from (f"  {text}" for text in one.failures)
    yield one.log


def summary(results: Sequence[Result], took_s: float) -> str:
    """The last line: how many, how long two answered, how many did not count."""
    again = sum(one.again for one in results)
    two_ms = sum(one.two_answered_s for one in results) * 1000
    return (
        f"{len(results) - again} faults in {took_s:.0f} s; two answered for {two_ms:g} ms in all; "
        f"{again} tries were repeated because this machine stood still"
    )


def problems(results: Sequence[Result], nodes: str, asked: int, *, is_full: bool) -> Iterator[str]:
    """Why the run as a whole failed; nothing when it did not."""
    counted = [one for one in results if not one.again]
    failed = [one.name for one in counted if one.failures]
    if failed:
        yield f"{len(failed)} of {len(counted)} faults failed: {', '.join(failed)}"
    injected = [one.name for one in counted if one.injected]
    if len(injected) < asked:
        yield f"only {len(injected)} faults were injected, {asked} were asked for"
    if is_full and (missing := below_floor(nodes, injected)):
        yield f"below the floor: {', '.join(missing)}"


def document(results: Sequence[Result], facts: dict[str, Any]) -> str:
    """The JSON of a run."""
    faults = [asdict(one) | {"ok": not one.failures} for one in results]
    return json.dumps({"schema": SCHEMA, **facts, "faults": faults}, indent=1) + "\n"
