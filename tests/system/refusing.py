"""The one question of every attack: was it counted, was its author named, did nothing else move?"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from tests.system.yard import Yard, until

CLOSED_S: Final = 6.0
"""By when a stranger must be rid of: a handshake alone may take two seconds."""


@contextmanager
def refused(
    yard: Yard, kind: str, attacker: str, *, victim: str = "", more: Collection[str] = ()
) -> Iterator[None]:
    """The block must raise the victim's count of `kind` and name the attacker's address.

    The cluster must not notice.  The victim is the coordinator unless it is named; `more` are
    further addresses of the attacker.
    """
    addresses = {yard.lab.places[attacker].address, *more}
    with steady(yard) as coordinator:
        node = victim or coordinator
        count = yard.told(node)["refusals"].get(kind, {"count": 0})["count"]
        yield

        def counted() -> bool:
            found = yard.told(node)["refusals"].get(kind, {"count": 0, "last_address": ""})
            return bool(found["count"] > count and found["last_address"] in addresses)

        until(f"status counts {kind} of {attacker}", counted)
        refusal = yard.status_json(node)["refusals"][kind]
        assert refusal["detail"], "it says what was wrong"
        assert f"kind={kind} address=" in yard.log(node), "the log says it too"


@contextmanager
def steady(yard: Yard, *, may_confirm: bool = False) -> Iterator[str]:
    """Within the block coordinator, term, epoch and holder stay as they are; the coordinator.

    `may_confirm`: it may be re-elected in place, with a higher term and the same epoch, because a
    member that has lost its state comes back with a term of its own.
    """
    coordinator = yard.led()
    kept = ("coordinator", "epoch") if may_confirm else ("coordinator", "epoch", "term")
    before = yard.told(coordinator)
    yield coordinator
    after = yard.told(coordinator)
    assert [after[key] for key in kept] == [before[key] for key in kept]
    assert after["quorum"]["ok"]
    yard.expect_holder(coordinator)
