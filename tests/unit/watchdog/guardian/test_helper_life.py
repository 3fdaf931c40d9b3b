"""A helper's life: when it starts, how slowly again, and how it ends."""

from tests.support import at
from watchdog.guardian.helper_life import HelperLife, Order


def started(ms: float = 0) -> HelperLife:
    """Return a life whose process lives since `ms`."""
    life = HelperLife()
    life.allow(at(ms))
    assert life.look(at(ms)) == [Order.START]
    life.on_started(at(ms))
    return life


def test_it_starts_once_the_node_is_up_and_not_again_with_the_next_node() -> None:
    """A node that restarts is none of its business."""
    life = HelperLife()
    assert life.look(at(0)) == []
    assert life.dues == []
    life.allow(at(5))
    life.allow(at(5))
    assert life.look(at(5)) == [Order.START]
    life.on_started(at(5))
    life.allow(at(9))
    assert life.look(at(60_000)) == []
    assert life.dues == []


def test_the_back_off_doubles_to_five_seconds_and_ends_with_a_steady_one() -> None:
    """A helper that exits at once forever must not cost the guardian anything."""
    life, now, delays = started(), 0.0, []
    for _ in range(9):
        delays.append((life.on_exited(at(now), 1) or 0) // 1_000_000)
        assert life.look(at(now + delays[-1] - 1)) == []
        now += delays[-1]
        assert life.look(at(now)) == [Order.START]
        life.on_started(at(now))
    assert delays == [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]
    assert life.on_exited(at(now + 10_000), 1) == 50 * 1_000_000


def test_one_that_cannot_be_started_is_tried_again_with_the_same_back_off() -> None:
    """No memory now may be some later."""
    life = HelperLife()
    life.allow(at(0))
    life.look(at(0))
    life.on_exited(at(0), 127)
    life.allow(at(1))
    assert life.look(at(49)) == []
    assert life.look(at(50)) == [Order.START]
    assert not life.is_alive


def test_a_refused_configuration_is_tried_only_once_a_minute() -> None:
    """Nothing changes by trying; but somebody may free the port of the web."""
    life = started()
    life.on_exited(at(100), 2)
    assert life.look(at(60_099)) == []
    assert life.look(at(60_100)) == [Order.START]


def test_a_stop_is_sigterm_and_after_a_second_sigkill() -> None:
    """A helper that ignores SIGTERM delays nobody."""
    life = started()
    life.stop(at(100))
    assert life.look(at(100)) == [Order.TERMINATE]
    life.stop(at(600))
    assert life.look(at(1099)) == []
    assert life.look(at(1100)) == [Order.KILL]
    assert not life.is_over
    assert life.on_exited(at(1101), -9) is None
    assert life.is_over
    assert life.dues == []
    assert life.look(at(99_999)) == []


def test_a_stop_before_the_start_or_during_the_back_off_starts_nothing() -> None:
    """Whatever was due is forgotten."""
    life = HelperLife()
    life.stop(at(0))
    life.allow(at(1))
    assert life.look(at(2)) == []
    assert life.is_over
    life = started()
    life.on_exited(at(10), 1)
    life.stop(at(20))
    assert life.look(at(5_000)) == []


def test_a_condemned_one_is_killed_at_once_and_comes_back_slowly() -> None:
    """It broke the protocol: its next process may be sane."""
    life = started()
    life.condemn(at(10))
    assert life.look(at(10)) == [Order.KILL]
    assert life.look(at(11)) == []
    life.on_exited(at(12), -9)
    life.condemn(at(13))
    assert life.look(at(62)) == [Order.START]


def test_one_that_is_ending_may_be_given_a_moment() -> None:
    """Its socket closes before its process is gone."""
    life = started()
    life.condemn(at(10), 1_000_000_000)
    assert life.look(at(1009)) == []
    assert life.look(at(1010)) == [Order.KILL]
    life.on_exited(at(1011), -9)
    life.look(at(2000))
    life.on_started(at(2000))
    life.condemn(at(2010), 1_000_000_000)
    life.on_exited(at(2011), 0)
    assert life.look(at(9000)) == [Order.START]


def test_a_stop_of_a_condemned_one_still_ends_it() -> None:
    """The earlier of the two instants holds."""
    life = started()
    life.condemn(at(10))
    life.stop(at(10))
    assert life.look(at(10)) == [Order.TERMINATE, Order.KILL]
    assert life.dues == []
