"""The figures that docs/ipc.md promises; serving clients is tests/shell/test_ipc_server.py."""

import inspect

from ipc.places import Quota
from ipc.server import Limits, Server


def test_limits_are_those_of_the_documentation() -> None:
    """docs/ipc.md promises them: 8 for root, 8 for the node's user, 16 for all others are 32."""
    assert Quota() == Quota(per_user=8, others=16, kept_free=2)
    assert Limits() == Limits(Quota(), request_s=2.0, answer_s=30.0, push_s=10.0)


def test_key_is_compared_in_constant_time() -> None:
    """A clock must not tell how many characters were right; no test could measure it reliably."""
    source = inspect.getsource(Server._has_key)
    assert "hmac.compare_digest(" in source
    assert "==" not in source
