"""Who gets a place, who has to go, and that nobody can take everybody's place."""

import pytest

from watchdog.web.visitors import PER_SOURCE_MAX, QUIET_S, TOTAL_MAX, Visit, Visitors, source_of


class Crowd:
    """Visitors, and who was ended."""

    def __init__(self) -> None:
        self.visitors = Visitors()
        self.ended: list[Visit] = []

    def enter(self, address: str, now_s: float = 0.0) -> Visit | None:
        """Enter, with an end that is noted."""
        visit = self.visitors.enter(address, now_s)
        if visit is not None:
            visit.end = lambda: self.ended.append(visit)
        return visit

    def must_enter(self, address: str, now_s: float = 0.0) -> Visit:
        """Enter, and be let in."""
        visit = self.enter(address, now_s)
        assert visit is not None
        return visit


def test_a_crowd_of_one_address_displaces_itself() -> None:
    """1,000 idle connections: the newest of them stay, and others have their places."""
    crowd = Crowd()
    first = crowd.must_enter("192.0.2.1", 0.0)
    for number in range(1, 1000):
        crowd.must_enter("192.0.2.1", number / 1000)
    assert len(crowd.visitors) == PER_SOURCE_MAX
    assert crowd.ended[0] is first
    assert len(crowd.ended) == 1000 - PER_SOURCE_MAX
    crowd.must_enter("192.0.2.2")
    assert crowd.visitors.ended == {"displaced": 1000 - PER_SOURCE_MAX}


def test_a_crowd_of_many_addresses_displaces_the_longest_quiet() -> None:
    """Whoever asks at once is answered before its turn to go comes."""
    crowd = Crowd()
    visits = [crowd.must_enter(f"192.0.2.{number}", number) for number in range(TOTAL_MAX)]
    crowd.must_enter("198.51.100.1", 1000)
    assert crowd.ended == visits[:1]
    assert len(crowd.visitors) == TOTAL_MAX


def test_who_is_being_answered_is_never_displaced() -> None:
    """The next longest quiet goes instead."""
    crowd = Crowd()
    visits = [crowd.must_enter("192.0.2.1", number) for number in range(PER_SOURCE_MAX)]
    visits[0].is_answered = True
    crowd.must_enter("192.0.2.1", 1000)
    assert crowd.ended == [visits[1]]


def test_when_all_are_being_answered_the_next_is_refused() -> None:
    """It is told at once, and may come again."""
    crowd = Crowd()
    for _ in range(PER_SOURCE_MAX):
        crowd.must_enter("192.0.2.1").is_answered = True
    assert crowd.enter("192.0.2.1") is None
    assert crowd.visitors.ended == {"refused": 1}
    assert crowd.ended == []


def test_who_is_quiet_too_long_is_ended_and_who_is_answered_is_not() -> None:
    """One rule for idle clients, slow writers and slow readers."""
    crowd = Crowd()
    old, busy = crowd.must_enter("192.0.2.1", 0.0), crowd.must_enter("192.0.2.2", 0.0)
    busy.is_answered = True
    fresh = crowd.must_enter("192.0.2.3", 5.0)
    crowd.visitors.sweep(QUIET_S)
    assert (old.is_over, busy.is_over, fresh.is_over) == (True, False, False)
    assert crowd.ended == [old]
    assert crowd.visitors.ended == {"idle": 1}


def test_who_leaves_makes_room() -> None:
    """Also twice: the end of a connection may be noticed by two sides."""
    crowd = Crowd()
    visit = crowd.must_enter("192.0.2.1")
    crowd.visitors.leave(visit)
    crowd.visitors.leave(visit)
    assert len(crowd.visitors) == 0
    assert visit.is_over


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
    ],
)
def test_addresses_of_one_user_share_a_limit(address: str, source: str) -> None:
    """A user of IPv6 has 2^64 addresses."""
    assert source_of(address) == source
