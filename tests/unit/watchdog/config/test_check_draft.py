"""One check: its keys are sorted out, and what is wrong with them is said all at once."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.watchdog.config.samples import GOOD, examined, faults, loaded
from watchdog.config import rules
from watchdog.config.check_plan import check_row
from watchdog.config.check_schema import KINDS, Check, CheckOptions, Pace
from watchdog.config.draft import draft

FIRST = GOOD.count("\n") + 1
"""The line on which what is added to GOOD begins."""


def check_of(folder: Path, text: str) -> Check:
    """The only check of GOOD and `text`."""
    (check,) = loaded(folder, GOOD + text).config.check.values()
    return check


def test_inline_probe_takes_its_kind_from_its_key(tmp_path: Path) -> None:
    """The short form, which most checks are written in."""
    check = check_of(tmp_path, '[check.pg]\ntcp = "127.0.0.1:5432"\nevery = "1s"\n')
    (probe,) = check.probes
    assert (probe.kind, probe.path) == ("tcp", ("check", "pg"))
    assert probe.rhythm().every == 1000


def test_several_probes_have_tables_of_their_own(tmp_path: Path) -> None:
    """Cheap often, deep seldom."""
    text = """[check.pg]
when = "escalated"
[[check.pg.probe]]
kind = "process"
unit = "postgresql@15-main.service"
[[check.pg.probe]]
kind = "command"
command = ["/usr/bin/psql", "-c", "select 1"]
every = "30s"
"""
    check = check_of(tmp_path, text)
    assert [probe.kind for probe in check.probes] == ["process", "command"]
    assert [probe.path[-1] for probe in check.probes] == ["probe[1]", "probe[2]"]
    assert check.options.when == "escalated"


@pytest.mark.parametrize("key", ["process", "pidfile", "exe", "unit"])
def test_each_way_to_name_a_process_is_a_process_probe(key: str, tmp_path: Path) -> None:
    """Four keys, one kind."""
    value = "x.service" if key == "unit" else "/run/x"
    assert check_of(tmp_path, f'[check.p]\n{key} = "{value}"\n').probes[0].kind == "process"


def test_ways_to_name_a_process_may_be_combined(tmp_path: Path) -> None:
    """All of them must hold: one program of a unit, for example."""
    check = check_of(tmp_path, '[check.p]\nprocess = "/bin/x"\nunit = "x.service"\n')
    assert [probe.kind for probe in check.probes] == ["process"]


PG = "[check.pg]\n"
TCP = 'tcp = "127.0.0.1:1"\n'
PROBE = "[[check.pg.probe]]\n"
WRONG = [
    (PG, "[check.pg] has no probe", 0),
    (PG + 'every = "1s"\n', "[check.pg] has no probe", 0),
    (PG + 'tpc = "127.0.0.1:1"\n', "did you mean `tcp`?", 1),
    (PG + TCP + 'http = "http://a/"\n', "has `tcp` and `http` side by side", 2),
    (PG + TCP + 'http = "http://a/"\n', "write a [[check.pg.probe]] with kind", 2),
    (PG + TCP + 'body = "x"\n', "`body` does not belong to the tcp probe", 2),
    (PG + TCP + 'body = "x"\n', "it belongs to http probes", 2),
    (PG + TCP + "clear = 3.0\n", "it belongs to load, memory, disk probes", 2),
    (PG + TCP + "retries = 3\n", "it is `fails`", 2),
    (PG + TCP + "port = 3\n", 'write for example tcp = "127.0.0.1:5432"', 2),
    (PG + TCP + "evry = '1s'\n", "did you mean `every`?", 2),
    (PG + "absent_for = '2s'\n", "[check.pg] has no probe", 0),
    ("[check.pg.probe]\nkind = 'tcp'\n" + TCP, "two brackets: [[check.pg.probe]]", 0),
    (PG + "probe = 5\n", "`check.pg.probe` needs an array of tables, found the integer 5", 1),
    (PG + "probe = []\n", "[check.pg] has 0 probes; there may be 1 to 16", 1),
    (PG + "probe = [5]\n", "`check.pg.probe[1]` needs a table, found the integer 5", 1),
    (PROBE + TCP, "`check.pg.probe[1].kind` is missing", 0),
    (PROBE + TCP, 'add kind = "tcp"', 0),
    (PROBE + "kind = 'tpc'\n" + TCP, "did you mean `tcp`?", 1),
    (PROBE + "kind = 'http'\n" + TCP, "`tcp` does not belong to the http probe", 2),
    (PROBE + "kind = 'http'\n" + TCP, "`check.pg.probe[1].http` is missing", 0),
    (PROBE + "kind = 'process'\n", "[check.pg.probe[1]] names no process", 0),
    (PROBE + f"kind = 'tcp'\non_fail = 'veto'\n{TCP}", "`on_fail` belongs to [check.*]", 2),
    (PG + TCP + PROBE + "kind = 'tcp'\n" + TCP, "`tcp` stands in [check.pg] itself", 1),
    (PG + "evry = 1\n" + PROBE + "kind = 'tcp'\n" + TCP, "did you mean `every`?", 1),
    (PROBE + f"kind = 'tcp'\n{TCP}" + PROBE + f"kind = 'tcp'\n{TCP}fails = 0\n", "fails", 6),
    (PG + TCP + "fails = 0\nrises = 0\n", "`check.pg.fails` must be greater than", 2),
]


@pytest.mark.parametrize(("text", "sentence", "line"), WRONG, ids=str)
def test_wrong_key_is_said_at_its_line(text: str, sentence: str, line: int, tmp_path: Path) -> None:
    """With whose key it is, when it is another kind's."""
    fault = next(fault for fault in faults(tmp_path, GOOD + text) if sentence in fault)
    assert int(fault.partition(":")[0]) == FIRST + line, fault


def test_faults_of_all_checks_are_told_at_once(tmp_path: Path) -> None:
    """Also when the kind of one is not known."""
    text = """[check.a]
tcp = "127.0.0.1:1"
http = "http://a/"
every = 5
when = "never"
xyzzy = 1
[[check.b.probe]]
kind = "nothing"
fails = "x"
[check.c]
load = 0
"""
    found = faults(tmp_path, GOOD + text)
    lines = [int(fault.partition(":")[0]) - FIRST for fault in found]
    assert lines == [2, 3, 4, 5, 7, 8, 10]


def test_absurd_numbers_of_checks_and_probes_are_refused(tmp_path: Path) -> None:
    """Each of them is a line in every report."""
    checks = "".join(f'[check.c{n}]\ntcp = "127.0.0.1:1"\n' for n in range(65))
    assert "[check] has 65 entries; there may be at most 64" in faults(tmp_path, GOOD + checks)[0]
    probes = '[[check.c.probe]]\nkind = "tcp"\ntcp = "127.0.0.1:1"\n'
    assert "has 17 probes; there may be 1 to 16" in faults(tmp_path, GOOD + probes * 17)[0]
    assert examined(tmp_path, GOOD + probes * 16).faults == ()


VALUES = st.sampled_from(
    [
        "1s", "0ms", "-1s", 5, 0, -1, 1.5, float("nan"), float("inf"), True, [], {}, [1], ["/x"],
        "/x", "127.0.0.1:1", "[::1]:5", "http://a/", "http://[", "http://a:b/", "x.service", "^a",
        "(", "90%", "veto", "priority:-5", "restart", "escalated", "tcp", "10.0.0.1", "\0", "ä", "",
        [[]], [{}], {"a": 1}, 10**30, "a{1000000000}", "1\u0663", "a" * 5000,
    ]
)  # fmt: skip
KEYS = st.sampled_from(
    [
        *CheckOptions.model_fields,
        *Pace.model_fields,
        *(key for model in KINDS.values() for key in model.model_fields),
        "xyzzy",
    ]
)
PROBE_TABLES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)
TABLES = st.one_of(
    PROBE_TABLES,
    st.builds(
        lambda tables, kind: {"probe": [{**table, "kind": kind} for table in tables]},
        st.lists(PROBE_TABLES, max_size=3),
        st.sampled_from([*KINDS, "x", 5]),
    ),
)


@given(TABLES)
def test_whatever_stands_in_a_check_ends_in_words(table: dict[str, object]) -> None:
    """A check or faults, never a traceback; and a check that is valid has its row in the plan."""
    nodes = {"a": {"address": "10.0.0.1"}}
    made = draft({"cluster": {"name": "c"}, "nodes": nodes, "check": {"x": table}})
    found = [*made.faults, *rules.faults(made)]
    if not found:
        json.dumps(check_row("x", made.check["x"]))
        assert list(rules.warnings(made))


def test_environment_can_replace_a_key_of_a_check(tmp_path: Path) -> None:
    """As for every other option."""
    env = {"QUORUMDOG__CHECK__PG__FAILS": "7", "QUORUMDOG__CHECK__PG__EXPECT": "^OK"}
    text = GOOD + '[check.pg]\ntcp = "127.0.0.1:5432"\n'
    (probe,) = loaded(tmp_path, text, env).config.check["pg"].probes
    assert probe.rhythm().fails == 7
