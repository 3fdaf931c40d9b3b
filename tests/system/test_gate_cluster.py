"""The gate in a cluster of real daemons: frozen whole, flushed, reloaded beside, stopped, killed.

Who speaks for a VIP is heard at every node's own port of the network, with the kernel's time of
each frame: addresses say nothing here, because a gate silences one that is still there.
"""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.exclusion import TwoHoldersError
from tests.system.gated import Ears, Frame
from tests.system.prober import MS, Story, story, timing
from watchdog.cli.demo.lab import VIP, VIP6

pytestmark = pytest.mark.root
TICKS_NS: Final = 30 * MS
"""What the kernel's clock may be late: docs/gate.md."""
ASK_S: Final = 0.01
RELOADS_S: Final = 20.0
RULES: Final = 10_000


@pytest.fixture(scope="module")
def three() -> Iterator[SystemCluster]:
    """Three nodes whom each story leaves well."""
    with run_cluster(3) as cluster:
        yield cluster


class Ports:
    """Asks every node for the VIPs at its own port, and notes what each of them says."""

    def __init__(self, cluster: SystemCluster) -> None:
        network = cluster.lab.network
        self._ears = {name: Ears(network, f"p-{name}"[:15]) for name in cluster.names}
        self.frames: dict[str, list[Frame]] = {name: [] for name in cluster.names}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def last_ns(self, name: str) -> int:
        """When a node spoke for a VIP the last time."""
        return max((frame.at_ns for frame in self.frames[name]), default=0)

    def longest_gap_ns(self, name: str) -> int:
        """How long a node was silent in between."""
        times = [frame.at_ns for frame in self.frames[name]]
        return max(later - earlier for earlier, later in pairwise(times))

    def after(self, name: str, at_ns: int) -> list[Frame]:
        """What a node said after that."""
        return [frame for frame in self.frames[name] if frame.at_ns > at_ns]

    def expect_no_overlap(self, giver: str, taker: str) -> None:
        """A node was silent before the next one spoke; TwoHoldersError."""
        if self.last_ns(giver) >= (first := min(frame.at_ns for frame in self.frames[taker])):
            both_ms = (self.last_ns(giver) - first) / MS
            raise TwoHoldersError(f"{giver} and {taker} spoke for a VIP for {both_ms} ms")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._ends.set()
        self._thread.join()
        for ears in self._ears.values():
            ears.close()

    def _run(self) -> None:
        while not self._ends.wait(ASK_S):
            for name, ears in self._ears.items():
                ears.ask()
                self.frames[name] += ears.heard()


@contextmanager
def listening(cluster: SystemCluster) -> Iterator[tuple[Story, Ports]]:
    """A story that is heard at every port; addresses may be at two nodes."""
    with story(cluster, most=None) as told:
        ports = Ports(cluster)
        ports.start()
        try:
            told.wait("heard", lambda: bool(ports.frames[told.leader]))
            yield told, ports
        finally:
            ports.close()


def nft(cluster: SystemCluster, name: str, *words: str, text: str = "") -> str:
    """Run nft on the machine of a node; what it prints."""
    command = cluster.lab.command(name, ["nft", *words])
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout


def lease(cluster: SystemCluster, name: str) -> int:
    """In how many tables of a node a lease runs."""
    return nft(cluster, name, "list", "ruleset").count(" expires ")


def wait_mended(told: Story, ports: Ports, count: int) -> None:
    """Wait for the alarm of this number, a lease, and an answer after that."""
    alarm = "event=gate_was_gone"
    told.wait("alarm", lambda: told.log(told.leader).count(alarm) >= count)
    told.wait("a lease", lambda: lease(told.cluster, told.leader) >= 3)
    since = time.time_ns()
    told.wait("heard", lambda: bool(ports.after(told.leader, since)))


def test_every_node_has_a_gate_and_only_the_one_that_is_on_a_lease(three: SystemCluster) -> None:
    """And a standby is a client of the VIP, although its own gate is closed."""
    with story(three) as told:
        for name in three.names:
            assert three.status(name)["gate"] == "nft"
            assert nft(three, name, "list", "tables").count("quorumdog_") == 3
        for name in told.others:
            for vip in (VIP, VIP6):
                ping = three.lab.command(name, ["ping", "-c", "3", "-i", "0.2", "-W", "5", vip])
                done = subprocess.run(ping, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout
            assert "elements" not in nft(three, name, "list", "ruleset").partition("tickets")[0]
        told.wait("a lease", lambda: lease(three, told.leader) >= 3)


def test_frozen_whole_a_node_is_silent_by_hard_and_before_the_next_speaks(
    three: SystemCluster,
) -> None:
    """Guardian, sentinel and node process stand still, the address stays: the kernel alone acts."""
    with listening(three) as (told, ports):
        three.freeze(told.leader, "all")
        stopped = time.time_ns()
        try:
            following = three.wait_coordinator(other_than=told.leader)
            told.wait("the next is heard", lambda: bool(ports.frames[following]))
            last = ports.last_ns(told.leader)
            took_ms = (last - stopped) / MS
            hard_ns = timing(three).hard_ms * MS
            assert last <= stopped + hard_ns + TICKS_NS, f"heard for {took_ms:.0f} ms"
            ports.expect_no_overlap(told.leader, following)
            print(f"silent {took_ms:.0f} ms after all was stopped; hard is {hard_ns // MS} ms")
            three.pause(0.5)
        finally:
            three.thaw(told.leader, "all")
        told.wait("off", lambda: "event=off " in told.log(told.leader))
        three.wait_healthy()
        if ports.last_ns(told.leader) != last:
            raise TwoHoldersError(f"{told.leader} spoke for a VIP when it woke")


def test_a_flush_of_all_rules_is_mended_and_moves_nothing() -> None:
    """Two looks and two beacons later everything is as before, and the log has an alarm."""
    with run_cluster(3) as cluster, listening(cluster) as (told, ports):  # its alarm stands long
        for count in (1, 2, 3):
            nft(cluster, told.leader, "flush", "ruleset")
            wait_mended(told, ports, count)
        print(f"the VIP stood still for {ports.longest_gap_ns(told.leader) // MS} ms")
        standby = told.others[0]
        nft(cluster, standby, "flush", "ruleset")
        told.wait(
            "mended", lambda: nft(cluster, standby, "list", "tables").count("quorumdog_") == 3
        )
        told.stays_calm(told.leader)
        assert told.changes() == []
        assert cluster.status(told.leader)["gate"] == "nft"


def test_reloads_of_ten_thousand_foreign_rules_move_nothing(three: SystemCluster) -> None:
    """Each second for twenty: calls wait for the kernel in a thread of their own."""
    rules = "".join(
        f"add rule inet big c ip saddr 10.{n >> 8}.{n & 255}.9 accept\n" for n in range(RULES)
    )
    reload = "add table inet big\nflush table inet big\nadd chain inet big c\n" + rules
    with listening(three) as (told, ports):
        end = time.monotonic() + RELOADS_S
        count = 0
        while time.monotonic() < end:
            begin = time.monotonic()
            nft(three, told.leader, "-f", "-", text=reload)
            count += 1
            three.pause(max(0.0, begin + 1 - time.monotonic()))
        nft(three, told.leader, "delete", "table", "inet", "big")
        gap_ms = ports.longest_gap_ns(told.leader) // MS
        print(f"{count} reloads; the longest time without an answer was {gap_ms} ms")
        assert count >= RELOADS_S / 4
        assert told.changes() == []
        assert "event=gate_was_gone" not in told.log(told.leader)
        told.stays_calm(told.leader)


def test_killed_whole_a_node_is_silent_by_hard_and_its_successor_clears(
    three: SystemCluster,
) -> None:
    """Tables stay, closed, until a daemon starts again on that machine."""
    with listening(three) as (told, ports):
        three.freeze(told.leader, "all")  # so that none of them sees another end
        three.kill(told.leader, "all")
        killed = time.time_ns()
        following = three.wait_coordinator(other_than=told.leader)
        told.wait("the next is heard", lambda: bool(ports.frames[following]))
        last = ports.last_ns(told.leader)
        assert last <= killed + timing(three).hard_ms * MS + TICKS_NS
        ports.expect_no_overlap(told.leader, following)
        assert nft(three, told.leader, "list", "tables").count("quorumdog_") == 3
        three.cluster.running[told.leader].wait(5)
        three.start(told.leader)
        three.wait_healthy()
        assert nft(three, told.leader, "list", "tables").count("quorumdog_") == 3
        told.stays_calm(following)


def test_a_stop_removes_the_tables_and_nothing_else() -> None:
    """After the VIPs; a machine that has no quorumdog has none of its rules."""
    with run_cluster(1, timing="fast") as cluster:
        leader = cluster.wait_coordinator()
        nft(cluster, leader, "add", "table", "inet", "foreign")
        assert cluster.stop(leader) == 0
        assert nft(cluster, leader, "list", "tables") == "table inet foreign\n"
        assert f" {VIP}/" not in cluster.lab.addresses(leader)


def test_without_a_gate_there_are_no_tables(tmp_path: Path) -> None:
    """And what an earlier start with a gate left is removed."""
    with run_cluster(1, start=False, cluster='gate = "none"\n') as cluster:
        cluster.start("alpha")
        cluster.wait_coordinator()
        assert cluster.status("alpha")["gate"] == "none"
        assert nft(cluster, "alpha", "list", "tables") == ""
