"""Documents that repeat the code are compared with it, and links lead somewhere."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.house import states
from tests.house.sources import none, relative, texts
from tests.support import REPOSITORY
from watchdog.cli import main

COMMAND = re.compile(r"quorumdog(?: --config \S+)? ([a-z]+)\b")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
SECTION = re.compile(r'\b(docs/[a-z-]+\.md), "([^"]+)"')
HEADING = re.compile(r"^#+ (?:[\d.]+ )?(.+)$", re.MULTILINE)
PATH = re.compile(r"`((?:tests|watchdog|docs|scripts|packaging|bench)/[\w./-]+\.\w+)`")
FENCE = re.compile(r"`[^`\n]+`|^```.*?^```", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    """Every document of the repository."""
    top = sorted(REPOSITORY.glob("*.md"))
    folders = [REPOSITORY / name for name in ("bench", "docs", "scripts")]
    return [*top, *(file for folder in folders for file in sorted(folder.rglob("*.md")))]


def test_the_table_of_states_is_the_one_in_the_document() -> None:
    """`make fix` writes docs/states.md from the code."""
    text = (REPOSITORY / "docs/states.md").read_text(encoding="utf-8")
    assert text == states.render(), "docs/states.md differs from TABLE: run `make fix`"


def test_links_lead_to_files_that_exist() -> None:
    """A map with roads that end is worse than no map."""
    none(
        f"{relative(document)}: links to {target}, which does not exist"
        for document in documents()
        for target in LINK.findall(document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    )


def test_files_that_a_document_names_exist() -> None:
    """A page that says what shows a claim is believed because one can look."""
    none(
        f"{relative(document)}: names {path}, which does not exist"
        for document in documents()
        for path in PATH.findall(document.read_text(encoding="utf-8"))
        if not (REPOSITORY / path).exists()
    )


def section_faults(path: str, text: str) -> Iterator[str]:
    """Yield citations (page, then the title in quotes) of a section that is not there."""
    for page, section in SECTION.findall(" ".join(text.split())):
        file = REPOSITORY / page
        headings = HEADING.findall(file.read_text(encoding="utf-8")) if file.exists() else []
        if not any(heading.startswith(section) for heading in headings):
            yield f"{path}: {page} has no section {section!r}"


def test_sections_that_the_code_cites_exist() -> None:
    """A docstring that leads to the reason for a rule must lead there."""
    none(fault for path, text in texts() for fault in section_faults(path, text))


def test_the_section_check_sees_its_fault() -> None:
    """A check that cannot fail is no check."""
    assert list(section_faults("x.py", "docs/election.md,\n" + '"No such thing"'))
    assert list(section_faults("x.py", "docs/nowhere.md,\n" + '"Terms"'))
    assert not list(section_faults("x.py", "docs/election.md,\n" + '"Terms"'))


def _make_targets() -> set[str]:
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE))


def _code(document: Path) -> Iterator[str]:
    yield from FENCE.findall(document.read_text(encoding="utf-8"))


def test_documents_name_only_make_targets_that_exist() -> None:
    """A command in a document is typed by somebody."""
    targets = _make_targets()
    none(
        f"{relative(document)}: `make {target}` does not exist"
        for document in documents()
        for code in _code(document)
        for target in re.findall(r"\bmake ([a-z]+)", code)
        if target not in targets
    )


def test_documents_name_only_verbs_that_exist() -> None:
    """A command in a document is typed by somebody."""
    assert isinstance(main, click.Group)
    verbs = set(main.list_commands(click.Context(main)))
    none(
        f"{relative(document)}: `quorumdog {verb}` does not exist"
        for document in documents()
        for code in _code(document)
        for verb in COMMAND.findall(code)
        if verb not in verbs
    )


def test_the_sample_configuration_is_valid() -> None:
    """`sample.conf` is what people copy first."""
    from watchdog.config import load

    load.load(str(REPOSITORY / "sample.conf"))


def test_each_make_target_is_declared_phony() -> None:
    """A file named `test` must not make `make test` do nothing."""
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^\.PHONY: ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert _make_targets() == set(lines.replace("\\", " ").split())


def test_the_contributing_guide_explains_every_target() -> None:
    """The guide lists all of them, so that nobody reads the Makefile to find one."""
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    none(
        f"CONTRIBUTING.md does not explain `make {target}`"
        for target in sorted(_make_targets() - {"help"})
        if f"`make {target}" not in guide
    )


@pytest.mark.parametrize("document", documents(), ids=relative)
def test_a_document_opens_with_its_title(document: Path) -> None:
    """The first line says what the page is."""
    assert document.read_text(encoding="utf-8").startswith("# ")


def test_raw_figures_are_valid_json() -> None:
    """Figures in the README come from files that somebody else can read."""
    for file in sorted((REPOSITORY / "bench").rglob("*.json")):
        json.loads(file.read_text(encoding="utf-8"))
