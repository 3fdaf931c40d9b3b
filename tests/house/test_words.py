"""One word for each idea (docs/glossary.md), no leftovers, and nothing of one machine.

The words below are looked for in code and documents alike; where another product's own word
must be quoted, the file is named with the reason.  This file is the only one that may hold them.
"""

import re
from collections.abc import Iterator

import pytest

from tests.house.sources import none, texts

THIS_FILE = "tests/house/test_words.py"
SAY_INSTEAD = {
    r"slaves?": "standby",
    r"masters?": "coordinator",
    r"boss": "coordinator",
    r"demot(e|es|ed|ion)": "step down, resign",
    r"promot(e|es|ed|ion)": "switchover, election",
    r"keepalives?": "heartbeat, beacon",
    r"whitelist|blacklist": "say what is allowed or refused",
    r"split[- ]vote": "say what happened: nobody won",
}
LEFTOVERS = {
    r"TODO|FIXME|XXX|HACK": "finish it or open an issue",
    r"breakpoint\(\)|pdb\.set_trace": "a debugging session was left in",
    r"(?<![\w/])(\.\./)*shared/(design|reference|hooks)": "a path outside this repository",
    r"(?<![\w/.])/(home|w[o]rk|mnt)/\w+": "a path of one machine",
    r"<<<<<<< |>>>>>>> ": "an unfinished merge",
}
QUOTES = {
    "bench/peers/pgpool.py": "an option of pgpool has that name",
    "watchdog/web/server.py": "aiohttp's name for how long an idle connection is kept",
    "watchdog/cli/demo/lab.py": "`ip` calls the bridge of a port its master",
}


def word_faults(path: str, text: str) -> Iterator[str]:
    """Yield words that the glossary replaces by another."""
    if path in QUOTES or path == THIS_FILE or path.endswith(".lock"):
        return
    for pattern, instead in SAY_INSTEAD.items():
        for match in re.finditer(rf"(?<![A-Za-z])({pattern})(?![A-Za-z])", text, re.IGNORECASE):
            yield f"{_at(path, text, match)}: say {instead!r} instead of {match.group()!r}"


def leftover_faults(path: str, text: str) -> Iterator[str]:
    """Yield marks of unfinished work and of the machine it was done on."""
    if path == THIS_FILE:
        return
    for pattern, why in LEFTOVERS.items():
        for match in re.finditer(pattern, text):
            yield f"{_at(path, text, match)}: {match.group()!r}: {why}"


def _at(path: str, text: str, match: re.Match[str]) -> str:
    return f"{path}:{text.count(chr(10), 0, match.start()) + 1}"


def test_only_the_words_of_the_glossary_are_used() -> None:
    """A second word for one idea makes readers look for a second idea."""
    none(fault for path, text in texts() for fault in word_faults(path, text))


def test_every_exemption_is_still_needed() -> None:
    """A file that quotes nobody needs no excuse."""
    none(
        f"{path} quotes no such word; remove its exemption"
        for path, text in texts()
        if path in QUOTES and not any(word_faults("elsewhere", text))
    )


def test_nothing_was_left_behind() -> None:
    """Unfinished work is an issue, not a comment."""
    none(fault for path, text in texts() for fault in leftover_faults(path, text))


def test_lock_files_name_no_place() -> None:
    """A lock says what is installed; where from is the business of each machine."""
    locks = [(path, text) for path, text in texts() if path.endswith(".lock")]
    assert len(locks) == 2
    for path, text in locks:
        assert not re.search(r"://|^-|^\s*--(index|find|extra|trusted)", text, re.MULTILINE), path
        assert not re.search(r"(^|[\s=])(\.{1,2}/|/)", text, re.MULTILINE), path


def test_no_lock_file_has_a_package_of_our_own_name() -> None:
    """Another `watchdog` is on PyPI; installed beside ours, one of the two would be hidden."""
    for path, text in texts():
        if path.endswith(".lock"):
            assert not re.search(r"^(watchdog|ipc|lifecheck)==", text, re.MULTILINE), path


@pytest.mark.parametrize("text", ["the Master node", "promote_it()", "DEMOTED"])
def test_the_word_check_sees_its_fault(text: str) -> None:
    """A check that cannot fail is no check."""
    assert list(word_faults("README.md", text))


@pytest.mark.parametrize("text", ["# TODO: later", "see /home/me/x", "see ../shared/design/x.md"])
def test_the_leftover_check_sees_its_fault(text: str) -> None:
    """A check that cannot fail is no check."""
    assert list(leftover_faults("README.md", text))
