"""Replies, and the lookup of a field in any case."""

import pytest

from ipc.messages import bad, find, in_transition, ok, timed_out


def test_replies_have_pgpools_types() -> None:
    """The manual's numbers are wrong; these are on the wire."""
    assert [ok().kind, bad("x").kind, in_transition("x").kind, timed_out("x").kind] == list("7658")
    assert bad("why").body == {"MESSAGE": "why"}
    assert ok().body is None


@pytest.mark.parametrize(
    ("body", "value"),
    [({"NODEID": 1}, 1), ({"nodeid": 1, "NodeID": 2}, 1), ({"Node": 1}, None), ({}, None)],
)
def test_field_is_found_in_any_case_and_the_first_counts(
    body: dict[str, object], value: object
) -> None:
    """As pgpool looks it up."""
    assert find(body, "NodeID") == value
