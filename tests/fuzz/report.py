"""What a run says: a line for each target, and for each fault how to see it again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.fuzz.engine import Fault, Tally, Target

HEX_MAX: Final = 400


def head() -> str:
    """The names of the columns."""
    return (
        f"{'target':20} {'inputs':>9} {'past':>6} {'valid':>6} {'kept':>5} "
        f"{'us each':>8} {'slowest':>9} {'heaviest':>9} {'weighed':>8}  faults"
    )


def line(tally: Tally, kept: int) -> str:
    """One target. `past` is past the first check; `kept` inputs are of the corpus."""
    inputs = max(1, tally.inputs)
    slowest = f"{tally.slowest_ns / 1e6:.1f} ms" if tally.slowest_ns else "-"
    return (
        f"{tally.target:20} {tally.inputs:>9,} {100 * tally.past / inputs:>5.1f}% "
        f"{100 * tally.valid / inputs:>5.1f}% {kept:>5} {1e6 * tally.seconds / inputs:>8.1f} "
        f"{slowest:>9} {tally.heaviest // 1024:>5} KiB {tally.weighed:>8,}  {len(tally.faults)}"
    )


def kinds(tally: Tally) -> Iterator[str]:
    """What the judge counted, a few to a line."""
    counted = [f"{name} {count:,}" for name, count in sorted(tally.kinds.items())]
    for start in range(0, len(counted), 6):
        yield f"{'':20} {', '.join(counted[start : start + 6])}"


def weak(target: Target, tally: Tally, wanted: int) -> Iterator[str]:
    """Why the run of a target is worth too little."""
    if tally.inputs < wanted:
        yield f"{target.name}: {tally.inputs:,} inputs, fewer than {wanted:,}"
    past, valid = 100 * tally.past / max(1, tally.inputs), 100 * tally.valid / max(1, tally.inputs)
    if past < target.past_min:
        yield f"{target.name}: {past:.1f} % past the first check, at least {target.past_min:g} %"
    if valid < target.valid_min:
        yield f"{target.name}: {valid:.1f} % taken, at least {target.valid_min:g} %"


def fault(found: Fault, seed: int, kept: Path | None) -> Iterator[str]:
    """A fault, its input, and the command that repeats it."""
    yield f"FAULT {found.target}: {found.kind} {found.where}".rstrip()
    yield f"    {found.text}"
    yield f"    seed {seed}, input {found.number}, {len(found.data)} bytes when shrunk:"
    shown = found.data.hex()
    yield f"    {shown[:HEX_MAX]}{'...' if len(shown) > HEX_MAX else ''}"
    yield f"    python -m tests.fuzz --only {found.target} --seed {seed} --input {found.number}"
    if kept is not None:
        yield f"    python -m tests.fuzz --only {found.target} --file {kept}"
    elif 0 < len(shown) <= HEX_MAX:
        yield f"    python -m tests.fuzz --only {found.target} --hex {shown}"
