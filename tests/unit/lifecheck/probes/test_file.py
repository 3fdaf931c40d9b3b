"""The age of a file."""

from lifecheck.probes.file import judge


def test_a_file_must_not_be_older_than_allowed() -> None:
    """The detail says both figures."""
    assert judge("/f", 10.0, 10_000).ok
    late = judge("/f", 10.1, 10_000)
    assert not late.ok
    assert late.detail == "/f was written 10.1 s ago, 10 s allowed"
    assert judge("/f", 1e9, None).ok


def test_a_file_from_the_future_is_new() -> None:
    """A clock that was set back must not fail it, and a negative age is no sense."""
    assert judge("/f", -500.0, 1) == (True, "/f was written 0.0 s ago")
