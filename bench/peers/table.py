"""The comparison as text: for each fault one line for each variant, then what each costs. Pure.

`python -m bench.peers.table FILE` prints the raw figures of a run as Markdown.
"""

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

NOT_MEASURED: Final = "not measured"
NOBODY: Final = "nobody took over"
TO_THE_END_S: Final = 0.25
"""An overlap that ended no earlier before the fault did was ended by us."""
HEAD: Final = ("fault", "who", "n", "outage s", "worst", "two holders s", "worst", "")
COSTS: Final = ("who", "idle PSS MiB", "USS", "CPU s/min", "took s", "version", "settings")
NOTE: Final = """\
Two holders: kernels that had the VIP at once and answered for it on their own wire; + means until
the fault was ended, so it is as long as the fault was; < means none was seen, and between two
questions there was room for no more. Medians and worst of n. Idle: the holder's
node / another node, all processes; copies of a program run at once here and share its pages, which
flatters PSS and not USS."""
Row = Mapping[str, Any]


def lines(run: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One line for each fault and variant."""
    names = dict.fromkeys(name for row in run["rows"] for name in row["faults"])
    return [_line(name, row) for name in names for row in run["rows"]]


def who(row: Row) -> str:
    """The peer and its variant."""
    return f"{row['peer']} {row['variant']}"


def _line(name: str, row: Row) -> tuple[str, ...]:
    done = row["faults"][name]
    if not done:
        return (name, who(row), "0", NOT_MEASURED, "", "", "", "")
    two = [one["two_holders_s"] for one in done]
    return (
        name,
        who(row),
        str(len(done)),
        *_outage([one["outage_ms"] for one in done]),
        _seconds(statistics.median(two)),
        _worst(done),
        "; ".join(_remarks(done)),
    )


def _outage(found: Sequence[float | None]) -> tuple[str, str]:
    known = [ms / 1000 for ms in found if ms is not None]
    if len(known) < len(found):
        return ("never" if not known else _seconds(statistics.median(known)), "never")
    return (_seconds(statistics.median(known)), _seconds(max(known)))


def _worst(done: Sequence[Row]) -> str:
    worst = max(one["two_holders_s"] for one in done)
    unsure = max(one["two_holders_most_s"] for one in done)
    if worst == 0 and unsure:
        return f"< {max(unsure, 0.001):.3f}"
    return _seconds(worst) + ("+" if any(map(is_to_the_end, done)) else "")


def is_to_the_end(one: Row) -> bool:
    """Whether two held for as long as the fault lasted."""
    is_long = one["two_holders_s"] >= 1
    return bool(is_long and one["last_overlap_s"] >= one["lasted_s"] - TO_THE_END_S)


def _remarks(done: Sequence[Row]) -> Iterator[str]:
    stayed = sum(not one["moved"] for one in done)
    if stayed:
        yield NOBODY if stayed == len(done) else f"{NOBODY} in {stayed} of {len(done)}"
    if lost := sum(not one["recovered"] for one in done):
        yield f"did not recover by itself in {lost} of {len(done)}"


def _seconds(seconds: float) -> str:
    if seconds == 0:
        return "0"
    if seconds < 0.001:
        return "0.001"
    return f"{seconds:.1f}" if seconds >= 10 else f"{seconds:.3f}"


def costs(run: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One line for each variant: what it costs, and what was measured."""
    return [_cost(row) for row in run["rows"]]


def _cost(row: Row) -> tuple[str, ...]:
    about = (str(row.get("seconds", "")), row.get("version", NOT_MEASURED), row["settings"])
    idle = row["idle"]
    if idle is None:
        return (who(row), NOT_MEASURED, "", "", *about)
    figures = ("pss_mib", "uss_mib", "cpu_s_per_minute")
    shown = (f"{idle['holder'][name]:g} / {idle['other'][name]:g}" for name in figures)
    return (who(row), *shown, *about)


def text(run: Mapping[str, Any]) -> str:
    """All of it for a terminal."""
    problems = [f"{who(row)}: {text}" for row in run["rows"] for text in row["problems"]]
    parts = [*_columns(HEAD, lines(run)), "", *_columns(COSTS, costs(run)), "", NOTE, *problems]
    return "\n".join(["", f"beside the peers, each fault {run['reps']} times", *parts])


def _columns(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(line[n]) for line in (head, *body)) for n in range(len(head))]
    before = ""
    for line in (head, *body):
        if line[0] != before and len(head) == len(HEAD) and before:
            yield ""
        before = line[0]
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def markdown(run: Mapping[str, Any]) -> str:
    """All of it for a document."""
    return "\n".join([*_markdown(HEAD, lines(run)), "", *_markdown(COSTS, costs(run))])


def _markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    before = ""
    for line in body:
        first = "" if line[0] == before else line[0]
        before = line[0]
        yield f"| {' | '.join((first, *line[1:]))} |"


if __name__ == "__main__":
    print(markdown(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
