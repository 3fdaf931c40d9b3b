"""Native verbs: known fields are checked, unknown ones ignored, faults named."""

import pytest

from ipc.messages import (
    BadRequestError,
    Form,
    Ping,
    Status,
    Switchover,
    Verb,
    bad,
    find,
    ok,
    parse_verb,
    timed_out,
)


@pytest.mark.parametrize(
    ("body", "verb"),
    [
        ({"verb": "status"}, Status()),
        ({"VERB": "ping", "unknown": [1]}, Ping()),
        ({"verb": "form"}, Form()),
        ({"verb": "switchover"}, Switchover(None, "operator", dry_run=False)),
        (
            {"verb": "switchover", "to": "beta", "reason": "kernel update", "dry_run": True},
            Switchover("beta", "kernel update", dry_run=True),
        ),
        (
            {"verb": "switchover", "to": "", "dry_run": 0},
            Switchover(None, "operator", dry_run=False),
        ),
    ],
)
def test_verb_is_read_with_its_fields(body: dict[str, object], verb: Verb) -> None:
    """Field names are found in any case, as pgpool's are; booleans may be 0 and 1."""
    assert parse_verb(body) == verb


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({}, "no verb given"),
        ({"verb": "reboot"}, "unknown verb"),
        ({"verb": ["status"]}, "unknown verb"),
        ({"verb": "switchover", "to": 3}, "to must be"),
        ({"verb": "switchover", "reason": "a\nevent=forged"}, "reason must be"),
        ({"verb": "switchover", "reason": "x" * 201}, "reason must be"),
        ({"verb": "switchover", "dry_run": "yes"}, "dry_run must be"),
    ],
)
def test_bad_request_says_what_is_wrong(body: dict[str, object], what: str) -> None:
    """`{}` kills pgpool's watchdog; here it is a sentence."""
    with pytest.raises(BadRequestError, match=what):
        parse_verb(body)


def test_find_prefers_the_exact_name() -> None:
    """Two spellings of one key must not depend on their order."""
    assert find({"A": 1, "a": 2}, "a") == 2
    assert find({"A": 1}, "a") == 1
    assert find({}, "a") is None


def test_replies_have_pgpools_types() -> None:
    """7 is OK, 6 bad, 8 timed out: the manual's table is wrong (docs/ipc.md)."""
    assert (ok().kind, bad("x").kind, timed_out("x").kind) == ("7", "6", "8")
    assert bad("no").body == {"MESSAGE": "no"}
