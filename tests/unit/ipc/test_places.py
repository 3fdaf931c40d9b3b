"""Who squeezes out whom: never root, never the node's own user, and the idle go first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc.places import Places, Quota, Visit

OWN = 990


def fill(places: Places, uid: int, count: int, *, idle: bool = False) -> list[Visit]:
    """Let `count` visits of `uid` in; each must get a place."""
    visits = [Visit(uid, idle=idle) for _ in range(count)]
    assert all(places.admit(visit) for visit in visits)
    return visits


def test_user_has_eight_places() -> None:
    """The ninth is turned away when nobody is idle."""
    places = Places(Quota(), OWN)
    fill(places, 1000, 8)
    ninth = Visit(1000)
    assert not places.admit(ninth)
    assert places.make_room(ninth) is None


def test_all_others_together_leave_places_for_root_and_for_the_nodes_own_user() -> None:
    """However many users there are: `status` of root and the built-in lifecheck get in."""
    places = Places(Quota(), OWN)
    fill(places, 1000, 8)
    fill(places, 1001, 8)
    assert not places.admit(Visit(1002))
    fill(places, 0, 8)
    fill(places, OWN, 8)


def test_root_does_not_squeeze_out_the_nodes_own_user() -> None:
    """Nor the other way round."""
    places = Places(Quota(), OWN)
    fill(places, 0, 8)
    assert not places.admit(Visit(0))
    fill(places, OWN, 8)
    assert not places.admit(Visit(OWN))


def test_node_that_runs_as_root_has_both_shares() -> None:
    """They are one user then."""
    places = Places(Quota(), 0)
    fill(places, 0, 16)
    assert not places.admit(Visit(0))


def test_newest_takes_the_place_of_the_oldest_idle_visit_of_its_user() -> None:
    """Idle connections keep nobody out, not even of their own user."""
    places = Places(Quota(), OWN)
    fill(places, 1000, 6)
    first, second = fill(places, 1000, 2, idle=True)
    newest = Visit(1000)
    assert not places.admit(newest)
    assert places.make_room(newest) is first
    assert places.admit(newest)
    assert places.make_room(Visit(1000)) is second


def test_others_take_places_only_from_others() -> None:
    """An idle connection of root is not theirs to take."""
    places = Places(Quota(), OWN)
    fill(places, 0, 1, idle=True)
    fill(places, 1000, 8)
    (idle,) = fill(places, 1001, 1, idle=True)
    fill(places, 1001, 7)
    newcomer = Visit(1002)
    assert not places.admit(newcomer)
    assert places.make_room(newcomer) is idle


def test_place_that_was_left_twice_is_free_once() -> None:
    """Whoever lost its place leaves again when its connection ends."""
    places = Places(Quota(per_user=1), OWN)
    (old,) = fill(places, 1000, 1, idle=True)
    new = Visit(1000)
    assert places.make_room(new) is old
    assert places.admit(new)
    places.leave(old)
    assert not places.admit(Visit(1000))


@pytest.mark.parametrize(("uid", "most"), [(0, 6), (OWN, 6), (1000, 6)])
def test_some_places_are_kept_for_those_who_do_not_register(uid: int, most: int) -> None:
    """A user whose scripts all registered can still ask for the status."""
    places = Places(Quota(), OWN)
    visits = fill(places, uid, 8)
    assert [places.register(visit) for visit in visits] == [True] * most + [False] * 2


def test_registered_visit_is_never_idle_for_others() -> None:
    """It stays until it goes."""
    places = Places(Quota(per_user=3), OWN)
    (visit,) = fill(places, 1000, 1)
    assert places.register(visit)
    fill(places, 1000, 2)
    assert places.make_room(Visit(1000)) is None


@given(st.lists(st.tuples(st.sampled_from([0, OWN, 1, 2, 3, 4]), st.booleans()), max_size=200))
def test_no_crowd_outgrows_its_places(arrivals: list[tuple[int, bool]]) -> None:
    """Whatever comes in whatever order, 32 connections are the most."""
    places = Places(Quota(), OWN)
    for uid, idle in arrivals:
        visit = Visit(uid, idle=idle)
        if not places.admit(visit) and places.make_room(visit) is not None:
            assert places.admit(visit)
        held = list(places._visits)
        assert len(held) <= 32
        assert sum(v.uid not in (0, OWN) for v in held) <= 16
        assert all(sum(v.uid == u for v in held) <= 8 for u in (0, OWN, 1, 2, 3, 4))
