"""Which of two connections stays: both ends must say the same without talking about it."""

from itertools import permutations

from watchdog.instant import MS
from watchdog.shell.arbitration import CROSSING_NS, Contender, Decision, judge

INC = b"i" * 16
NEXT_INC = b"n" * 16


def contender(*, inc: bytes = INC, lower: bool = True, opened_ms: int = 0) -> Contender:
    """A connection whose HELLO came 2 ms after it was opened."""
    return Contender(inc, lower, opened_ms * MS, (opened_ms + 2) * MS)


def test_the_first_connection_becomes_the_link() -> None:
    """There is nothing to arbitrate."""
    assert judge(contender(), None, ()) is Decision.FIRST


def test_a_new_incarnation_replaces_the_old_one_whoever_opened_it() -> None:
    """The old process is gone, even when its connection does not know it yet."""
    for lower, other in permutations((True, False)):
        newcomer = contender(inc=NEXT_INC, lower=lower)
        assert judge(newcomer, contender(lower=other), ()) is Decision.NEW_PROCESS


def test_a_hello_that_was_delayed_does_not_push_out_the_successor() -> None:
    """The kernel of a dead process may still deliver it, on the connection that came first."""
    current = contender(inc=NEXT_INC, opened_ms=40)
    assert judge(contender(opened_ms=10), current, ()) is Decision.OLD_PROCESS


def test_a_replaced_incarnation_never_comes_back() -> None:
    """A delayed connection of a dead process must not push out the living one."""
    current = contender(inc=NEXT_INC)
    assert judge(contender(), current, (INC,)) is Decision.OLD_PROCESS
    assert judge(contender(), None, (INC,)) is Decision.OLD_PROCESS


def test_of_two_crossing_connections_the_lower_names_one_stays_in_either_order() -> None:
    """Each end may see the two HELLOs in another order."""
    by_lower, by_higher = contender(lower=True), contender(lower=False, opened_ms=1)
    assert judge(by_higher, by_lower, ()) is Decision.SURPLUS
    assert judge(by_lower, by_higher, ()) is Decision.SWAP


def test_who_dials_again_after_the_crossing_has_lost_the_other_connection() -> None:
    """Else a half-dead connection would keep out every new one until TCP gives up on it."""
    late = contender(lower=False, opened_ms=2 + CROSSING_NS // MS)
    assert judge(late, contender(lower=True), ()) is Decision.SWAP


def test_a_second_connection_of_the_same_side_replaces_its_first() -> None:
    """That side has one at most, so it knows that the first is dead."""
    assert judge(contender(opened_ms=5), contender(), ()) is Decision.SWAP
    assert judge(contender(lower=False), contender(lower=False), ()) is Decision.SWAP
