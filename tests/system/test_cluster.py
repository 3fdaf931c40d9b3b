"""The laboratory itself: a fault that does nothing, or an observer that is blind, proves nothing.

No failover is judged here; other tests rely on what is shown here.
"""

import itertools
import socket
from contextlib import closing
from functools import partial
from typing import Final

import pytest

from tests.system.cluster import VIPS, SystemCluster, run_cluster
from tests.system.exclusion import TwoHoldersError
from tests.system.prober import story
from watchdog.cli.demo.interrupt import TooLateError
from watchdog.cli.demo.outside import inside

pytestmark = pytest.mark.root
PORT: Final = 7000
WAIT_S: Final = 0.3
LATE: Final = TooLateError("waited 20 s")


class Ears:
    """A UDP socket in every node's namespace."""

    def __init__(self, cluster: SystemCluster) -> None:
        self._places = cluster.lab.places
        self._sockets = {
            name: inside(place.namespace, partial(_bound, place.address))
            for name, place in self._places.items()
        }

    def hears(self, source: str, target: str) -> bool:
        """Whether a datagram of `source` arrives at `target`."""
        sending, receiving = self._sockets[source], self._sockets[target]
        sending.sendto(b"?", (self._places[target].address, PORT))
        try:
            return receiving.recv(8) == b"?"
        except TimeoutError:
            return False

    def close(self) -> None:
        """No socket is left."""
        for one in self._sockets.values():
            one.close()


def _bound(address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(WAIT_S)
    made.bind((address, PORT))
    return made


def test_each_cut_cuts_what_it_says_and_heals() -> None:
    """Both ways for a cut, one direction for a block; nobody else is touched."""
    with run_cluster(3, start=False) as cluster, closing(Ears(cluster)) as ears:
        pairs = list(itertools.permutations(cluster.names, 2))
        assert all(ears.hears(*pair) for pair in pairs)
        cluster.cut("alpha")
        assert {pair for pair in pairs if ears.hears(*pair)} == {
            ("beta", "gamma"),
            ("gamma", "beta"),
        }
        cluster.heal("alpha")
        assert all(ears.hears(*pair) for pair in pairs)
        cluster.block("alpha", "beta")
        assert {pair for pair in pairs if not ears.hears(*pair)} == {("alpha", "beta")}
        cluster.unblock("alpha", "beta")
        assert all(ears.hears(*pair) for pair in pairs)


def test_an_overlap_is_seen_however_short() -> None:
    """The tolerance is nothing; a hand-over without overlap has one holder."""
    vip = VIPS[0]
    with run_cluster(2, start=False) as cluster:
        cluster.may_hold = None
        cluster.lab.add_address("alpha", vip)
        cluster.lab.remove_address("alpha", vip)
        cluster.lab.add_address("beta", vip)
        cluster.pause(0.1)
        cluster.expect_one_holder()
        assert cluster.holding() == {"beta"}
        cluster.lab.add_address("alpha", vip)
        cluster.lab.remove_address("beta", vip)
        cluster.pause(0.1)
        assert cluster.holders().nodes == ("alpha", "beta")
        assert cluster.holding() == {"alpha"}


def test_two_holders_are_told_also_where_something_else_failed_before() -> None:
    """Else a failure that is excused, because the machine stood still, would hide them."""

    def fail() -> None:
        with run_cluster(2, start=False) as cluster:
            for name in cluster.names:
                cluster.lab.add_address(name, VIPS[0])
            raise LATE

    with pytest.raises(TwoHoldersError) as found:
        fail()
    assert found.value.__cause__ is LATE


def test_a_story_that_failed_is_counted_too() -> None:
    """By the kernels' events since it began, for as short as they were."""

    def fail(cluster: SystemCluster) -> None:
        with story(cluster) as told:
            cluster.lab.add_address(told.others[0], VIPS[0])
            cluster.lab.remove_address(told.others[0], VIPS[0])
            raise LATE

    with run_cluster(3) as cluster:
        with pytest.raises(TwoHoldersError) as found:
            fail(cluster)
        assert found.value.__cause__ is LATE


def test_a_cluster_forms_and_its_processes_are_found_and_frozen() -> None:
    """Guardian and node process are told apart; a frozen node keeps the whole from ending late."""
    with run_cluster(3) as cluster:
        leader = cluster.wait_healthy()
        assert cluster.holding() == {leader}
        assert cluster.guardian_pid(leader) != cluster.node_pid(leader)
        other = next(name for name in cluster.names if name != leader)
        cluster.freeze(other, "both")
        assert cluster.cluster.status(other) is None
        cluster.thaw(other, "both")
        assert cluster.wait_healthy() == leader
        cluster.expect_one_holder()
