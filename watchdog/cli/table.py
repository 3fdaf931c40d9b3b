"""Tables on a terminal: columns as wide as their widest cell, lines cut to the screen."""

import os
from collections.abc import Iterator, Sequence


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  "
) -> Iterator[str]:
    """The headings and the rows, one line each."""
    everything = [tuple(headings), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
    for row in everything:
        cells = (cell.ljust(size) for cell, size in zip(row, widths, strict=True))
        yield indent + "  ".join(cells).rstrip()


def cut(line: str, width: int) -> str:
    """`line`, with dots at the end when it is longer than `width`."""
    return line if len(line) <= width else line[: width - 3] + "..."


def screen(fd: int, least: int) -> int:
    """Columns of the terminal behind `fd`; at least `least`, also when it is none."""
    try:
        return max(least, os.get_terminal_size(fd).columns)
    except OSError:
        return least
