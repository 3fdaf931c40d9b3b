"""Which process of a peer may speak by datagram, and what is counted of it."""

from tests.unit.watchdog.shell import samples
from watchdog.core.messages import GONE_NO, Beacon, Release, Tenure
from watchdog.instant import SECOND, Instant
from watchdog.shell.paths import Paths
from watchdog.shell.secret import Secret
from watchdog.wire.ways import Way

OURS, FIRST, SECOND_INC = b"o" * 16, b"1" * 16, b"2" * 16
NOW_NS = 100 * SECOND
BEACON = Beacon(1, Tenure("beta", FIRST, 1), 1, Instant(1, 1), 1200, b"d" * 32, 1)


def paths(inc: bytes = OURS) -> Paths:
    """The paths of a process to its peers."""
    return Paths(samples.plan(), Secret(b"k" * 32), inc, lambda: NOW_NS)


def test_before_a_hello_there_is_no_session() -> None:
    """And so everything goes by TCP."""
    path = paths().to("beta")
    assert path.session is None
    assert path.choose(BEACON, NOW_NS) == (False, True)


def test_a_hello_opens_the_way_to_the_process_that_said_it() -> None:
    """Both ends derive the same tags, each for its own direction."""
    ours, theirs = paths(), paths(FIRST)
    ours.introduced("beta", FIRST)
    theirs.introduced("gamma", OURS)
    mine, other = ours.to("beta").session, theirs.to("gamma").session
    assert mine is not None
    assert other is not None
    assert ours.tagged(mine.tag) is ours.to("beta")
    assert ours.tagged(other.tag) is None
    datagram = other.seal(1, 0, b"x")
    assert mine.open(datagram, 1).payload == b"x"
    assert ours.to("beta").choose(BEACON, NOW_NS) == (True, True)


def test_one_process_of_a_peer_at_a_time() -> None:
    """The tag of the one before is forgotten with it, and the numbers of ours go on."""
    mine = paths()
    mine.introduced("beta", FIRST)
    path = mine.to("beta")
    assert path.session is not None
    old_tag = path.session.tag
    assert path.ways.next_datagram(NOW_NS) == (1, 0)
    mine.introduced("beta", SECOND_INC)
    assert mine.tagged(old_tag) is None
    assert path.inc == SECOND_INC
    assert path.ways.next_datagram(NOW_NS) == (2, 0)


def test_a_second_hello_of_the_same_process_keeps_all() -> None:
    """A new connection is no new process: its window must not open again."""
    mine = paths()
    mine.introduced("beta", FIRST)
    ways = mine.to("beta").ways
    mine.introduced("beta", FIRST)
    assert mine.to("beta").ways is ways


def test_a_farewell_ends_the_session_of_that_process_only() -> None:
    """Whichever way it came, and not that of a newer process."""
    mine = paths()
    mine.introduced("beta", SECOND_INC)
    path = mine.to("beta")
    old, new = (
        Release(Tenure("beta", inc, GONE_NO), 1, None, gone=True) for inc in (FIRST, SECOND_INC)
    )
    assert mine.heard(path, 1, old, Way.TCP)
    assert path.session is not None
    assert mine.heard(path, 2, new, Way.TCP)
    assert path.session is None
    mine.ended("beta", SECOND_INC)
    assert not mine.heard(path, 2, new, Way.UDP)


def test_counters_add_up_over_the_processes_of_a_peer() -> None:
    """What `status` shows only grows."""
    mine = paths()
    mine.introduced("beta", FIRST)
    path = mine.to("beta")
    path.ways.next_datagram(NOW_NS)
    path.ways.arrived(1, 1, NOW_NS)
    assert mine.heard(path, 1, BEACON, Way.UDP)
    assert not mine.heard(path, 1, BEACON, Way.TCP)
    row = mine.stats()["beta"]
    assert (row["udp"], row["is_blocked"], row["last_round"]) == (True, False, "udp")
    mine.introduced("beta", SECOND_INC)
    row = mine.stats()["beta"]
    assert (row["udp"], row["last_round"]) == (None, None)
    assert (row["received"], row["sent"], row["copies"]) == (1, 1, 1)
