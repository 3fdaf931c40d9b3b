"""Replies."""

from ipc.messages import bad, in_transition, ok, timed_out


def test_replies_have_pgpools_types() -> None:
    """The manual's numbers are wrong; these are on the wire."""
    assert [ok().kind, bad("x").kind, in_transition("x").kind, timed_out("x").kind] == list("7658")
    assert bad("why").body == {"MESSAGE": "why"}
    assert ok().body is None
