"""The lookup of a field in any case."""

import pytest

from ipc.words import find


@pytest.mark.parametrize(
    ("body", "value"),
    [({"NODEID": 1}, 1), ({"nodeid": 1, "NodeID": 2}, 1), ({"Node": 1}, None), ({}, None)],
)
def test_field_is_found_in_any_case_and_the_first_counts(
    body: dict[str, object], value: object
) -> None:
    """As pgpool looks it up."""
    assert find(body, "NodeID") == value
