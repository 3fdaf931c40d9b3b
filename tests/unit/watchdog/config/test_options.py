"""The list of options, and that the documentation is equal to it."""

import re
from collections.abc import Iterator

import pytest

from tests.support import REPOSITORY
from watchdog.config.options import OPTIONS, Option, did_you_mean, hint_for_unknown, siblings
from watchdog.config.timing import PROFILES, in_ms, timing_for

PAGE = (REPOSITORY / "docs/configuration.md").read_text(encoding="utf-8")
TABLES = {"nodes": "nodes", "vip.NAME": "vip", "check.NAME": "check"}


def documented() -> Iterator[tuple[str, str, str, str]]:
    """(table, option, kind, default) of every row of the page."""
    for section in re.split(r"^#+ ", PAGE, flags=re.MULTILINE):
        heading = re.match(r"`\[([a-zA-Z.]+)\]`(?: of kind `(\w+)`)?", section)
        if heading is None:
            continue
        table, kind = TABLES.get(heading[1], heading[1]), f"{heading[2]}." if heading[2] else ""
        for row in re.findall(r"^\| `([\w.]+)` \|(.*)\|$", section, re.MULTILINE):
            cells = re.split(r"(?<!\\)\|", row[1])
            yield table, kind + row[0], cells[0].strip().replace("\\|", "|"), cells[1].strip()


def row_of(option: Option) -> tuple[str, str, str, str]:
    """What the page must say of an option."""
    path = [part for part in option.path if part != "*"]
    default = "required" if option.required else f"`{option.default}`" if option.default else "-"
    return path[0], ".".join(path[1:]), option.kind, default


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: ".".join(option.path))
def test_option_is_documented_with_its_kind_and_default(option: Option) -> None:
    """A page that says something else than the code is worse than none."""
    assert row_of(option) in set(documented())


def test_page_documents_no_option_that_does_not_exist() -> None:
    """The other direction."""
    assert sorted(documented()) == sorted(row_of(option) for option in OPTIONS.values())


def profile_rows() -> dict[str, list[str]]:
    """The table of profiles on the page: name -> cells, and "profile" -> headings."""
    rows = re.findall(r"^\| ([a-zH-]+) \|((?: [\w-]+ \|){16})$", PAGE, re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")[:-1]] for name, cells in rows}


@pytest.mark.parametrize("row", [n for n in profile_rows() if n != "profile"])
def test_documented_profile_equals_the_code(row: str) -> None:
    """People reckon with the page."""
    headings, cells = profile_rows()["profile"], profile_rows()[row]
    ms = in_ms(timing_for(row.removesuffix("-H"), hook=row.endswith("-H")))
    shown = {**ms, "retry": f"{ms['retry_min']}-{ms['retry_max']}"}
    assert cells == [str(shown[name]) for name in headings]


def test_every_profile_is_documented() -> None:
    """None is forgotten."""
    assert {name.removesuffix("-H") for name in profile_rows()} - {"profile"} == set(PROFILES)


def test_timing_options_are_the_numbers_of_the_table() -> None:
    """Every number by its name, but for those that have a better place."""
    names = {path[1] for path in OPTIONS if path[0] == "timing"}
    elsewhere = {"deesc", "failback_delay", "escalation_timeout", "probe", "reserve"}
    fields = set(in_ms(timing_for("default", hook=False)))
    assert names == (fields - elsewhere - {"retry_min", "retry_max"}) | {"retry"}


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        (("nodes", "a", "prioritty"), "did you mean `priority`?"),
        (("cluster", "pki", "certs"), "did you mean `cert`?"),
        (("cluster", "zzzzz"), "there are: name, authkey_file"),
        (("cluster", "wd_port"), "it is `port` in [cluster]"),
        (("check", "pg", "heartbeat_port"), "`heartbeat_port` belongs to [lifecheck]"),
        (("nodes", "a", "on_fail"), "`on_fail` belongs to [check.*]"),
        (("cluster", "log_match"), "`log_match` belongs to [check.*]"),
        (("http", "port"), 'write listen = "127.0.0.1:8780"'),
        (("cluster", "wd_heartbeat_port"), "it is `heartbeat_port` in [lifecheck]"),
        (("check", "pg", "probe[1]", "knd"), "did you mean `kind`?"),
        (("hooks", "tie_breaker"), "`tie_breaker` belongs to [cluster]"),
        (("zzzzz",), "there are: cluster, hooks, timing, ipc, lifecheck, http, nodes, vip, check"),
    ],
)
def test_hint_for_an_unknown_key(path: tuple[str, ...], hint: str) -> None:
    """The closest key, a familiar one, the right table, or the list."""
    assert hint_for_unknown(path).startswith(hint)


def test_nothing_close_gives_no_suggestion() -> None:
    """A wild guess is worse than none."""
    assert did_you_mean("zzzz", ["name", "port"]) == ""
    assert "priority" in siblings(("nodes", "whatever", "x"))
