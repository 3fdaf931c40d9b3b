"""Secrets do not show."""

import pickle

import pytest

from watchdog.shell.secret import Secret


def test_a_secret_shows_as_stars_however_it_is_printed() -> None:
    """Logs and tracebacks print whatever they are given."""
    secret = Secret(b"correct horse")
    assert repr(secret) == str(secret) == f"{secret}" == "***"
    assert "horse" not in repr({"key": secret})
    assert secret.reveal() == b"correct horse"


def test_secrets_compare_by_value_and_are_neither_hashed_nor_pickled() -> None:
    """Each of these would put a copy where nobody looks for it."""
    secret = Secret(b"a")
    assert secret == Secret(b"a")
    assert secret != Secret(b"b")
    assert secret != b"a"
    with pytest.raises(TypeError):
        hash(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
