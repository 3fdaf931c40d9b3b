"""The client's own errors; talking to a real server is tests/shell/test_ipc_client.py."""

from pathlib import Path

import pytest

from ipc.client import RefusedError, UnreachableError, call


def test_missing_socket_says_where_and_why(tmp_path: Path) -> None:
    """The command line builds its advice on these two."""
    with pytest.raises(UnreachableError) as caught:
        call(tmp_path / "none", "ping")
    assert caught.value.where == str(tmp_path / "none")
    assert "No such file" in caught.value.why


def test_request_that_is_too_long_is_not_sent(tmp_path: Path) -> None:
    """A bound holds on both sides."""
    with pytest.raises(UnreachableError, match="longer than"):
        call(tmp_path / "none", "ping", {"x": "y" * 70_000})


def test_refusal_carries_the_daemons_sentence() -> None:
    """`kind` tells a refusal (6) from a time-out of others (8)."""
    error = RefusedError("6", "not the coordinator")
    assert (error.kind, str(error)) == ("6", "not the coordinator")
