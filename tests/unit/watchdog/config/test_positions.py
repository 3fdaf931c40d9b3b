"""Lines of keys: what `tomllib` does not say."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.config.positions import positions

TEXT = '''\
# a comment with [brackets] and = signs
top = 1
[cluster]   # here
name = "a#b = [x]"
"quoted key" = 2
'literal' = 'it # is'
long = """
[nodes]
not.a.key = 1
"""
list = [
  "a", # ]
  { x = 1 },
]
a.b . c = 3

[nodes]
alpha = { address = "x", priority = 3 }

[vip."db.one"]
address = "y"
[[many.tables]]
z = \'\'\'
it's [
\'\'\'
last = true
[[many.tables]]
z = 1
[many.after]
inline = [{ x = 1 }]
'''

LINES = [
    (("top",), 2), (("cluster",), 3), (("cluster", "name"), 4), (("cluster", "quoted key"), 5),
    (("cluster", "literal"), 6), (("cluster", "long"), 7), (("cluster", "list"), 11),
    (("cluster", "a", "b", "c"), 15), (("cluster", "a"), 15), (("nodes",), 17),
    (("nodes", "alpha"), 18), (("nodes", "alpha", "priority"), 18), (("vip", "db.one"), 20),
    (("vip", "db.one", "address"), 21), (("many", "tables"), 22), (("many", "tables[1]", "z"), 23),
    (("many", "tables[1]", "last"), 26), (("many", "tables[2]"), 27),
    (("many", "tables[2]", "z"), 28), (("many", "after"), 29),
    (("many", "after", "inline[1]", "x"), 30), (("nowhere", "at", "all"), 1),
]  # fmt: skip


@pytest.mark.parametrize(("path", "line"), LINES, ids=str)
def test_key_is_found_on_its_line(path: tuple[str, ...], line: int) -> None:
    """`file:line` is only a help when it is the right line."""
    tomllib.loads(TEXT)
    assert positions(TEXT).line(path) == line


def test_value_in_a_string_is_no_key() -> None:
    """A multi-line string may look like a table."""
    assert ("nodes", "not") not in positions(TEXT).lines
    assert ("cluster", "not") not in positions(TEXT).lines


@given(st.text(alphabet="ab=[]{}\"'#.\n ,1\\", max_size=40))
def test_every_text_that_is_toml_can_be_walked(text: str) -> None:
    """The walk judges no syntax, so it must at least never stumble over valid syntax."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = positions(text)
    assert {path[0] for path in found.lines} == set(data)


def test_a_table_that_has_only_tables_in_it_is_where_the_first_of_them_is() -> None:
    """`[checks.x]`, misspelt: there is no `[checks]` in the file."""
    found = positions("a = 1\n[checks.x]\nb = 1\n[checks.y]\n[[c.d.e]]\nf = 1\n")
    assert (found.line(("checks",)), found.line(("c", "d"))) == (2, 5)
