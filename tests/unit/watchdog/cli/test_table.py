"""Columns that fit, and lines that end."""

from watchdog.cli.table import cut, table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """And nothing is padded at the end of a line."""
    assert list(table(("A", "B"), [("long", "x"), ("s", "")])) == [
        "  A     B",
        "  long  x",
        "  s",
    ]


def test_a_line_that_is_too_long_says_so() -> None:
    """The last three characters are dots."""
    assert cut("x" * 12, 10) == "xxxxxxx..."
    assert cut("x" * 10, 10) == "x" * 10
