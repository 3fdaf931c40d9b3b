"""What must not move the lead: heartbeats cut, forged, replayed; lifechecks killed; bad clients.

All of it happens while a client on one node calls the coordinator dead, for a minute in all: one
more voice would be a quorum.  What the fixture ends with is the claim of every test here.
"""

import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from ipc.client import Subscription
from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import quorumdog
from tests.system.prober import MS, PATIENCE_S, story, timing
from tests.system.speaking import (
    Beat,
    all_alive,
    callers,
    capture,
    dial,
    edges,
    filtered,
    from_to,
    line,
    pretending,
    row,
    unmoved,
    until,
    wd_cli,
)
from watchdog.wire import heartbeat

pytestmark = pytest.mark.root
MINUTE_S = 60.0
DEADTIME_S = 1.0
BEACONS = 5
LATE = 3
"""So many intervals without a beacon cost no lease yet."""
FLOOD = 10_000
UNREAD = 4_000
TABLES = '[lifecheck]\ninterval = "100ms"\ndeadtime = "1s"\n'
KILLS = 5
"""The guardian waits for 50, 100, 200, 400 and 800 ms before it starts the next one."""


@dataclass(frozen=True, slots=True)
class Minute:
    """The cluster, its coordinator, and who calls it dead all the time."""

    cluster: SystemCluster
    leader: str
    speaker: str
    voice: Subscription

    @property
    def third(self) -> str:
        """The node that has nothing to do with it."""
        return next(n for n in self.cluster.names if n not in (self.leader, self.speaker))

    def silent(self) -> set[tuple[str, str]]:
        """(who does not hear, who is not heard)."""
        return {edge for edge, verdict in edges(self.cluster).items() if verdict != "alive"}

    def whole(self) -> None:
        """Wait until everybody hears everybody, and every lifecheck answers."""
        until(self.cluster, "all hear all", lambda: all_alive(self.cluster))
        for name in self.cluster.names:
            until(self.cluster, f"{name} is checked", partial(self.answers, name))

    def answers(self, name: str) -> bool:
        """Whether the lifecheck of a node says something, and does so now."""
        found = self.cluster.status(name)["lifecheck"]
        return bool(found["answering"]) and found["verdict"] == "alive"

    def warned(self, name: str, text: str) -> bool:
        """Whether a node's `status` has such a warning."""
        return any(text in warning for warning in self.cluster.status(name)["warnings"])


@pytest.fixture(scope="module")
def whole_minute() -> Iterator[Minute]:
    """One client says DEAD of the coordinator for 60 s, and nothing moves."""
    with run_cluster(3, tables=TABLES) as cluster:
        leader = cluster.wait_healthy()
        until(cluster, "all hear all", lambda: all_alive(cluster))
        speaker = next(name for name in cluster.names if name != leader)
        with unmoved(cluster), line(cluster, speaker) as voice:
            began_s = time.monotonic()
            voice.inform(leader, "dead", "one voice alone")
            yield Minute(cluster, leader, speaker, voice)
            cluster.pause(max(0.0, began_s + MINUTE_S - time.monotonic()))
            assert speaker in callers(cluster, leader, leader)


@pytest.fixture
def minute(whole_minute: Minute) -> Iterator[Minute]:
    """The same, all hearing all at the beginning; within each test nothing moves."""
    whole_minute.whole()
    with unmoved(whole_minute.cluster) as leader:
        assert leader == whole_minute.leader
        yield whole_minute


def test_one_voice_is_heard_and_moves_nothing(minute: Minute) -> None:
    """Everybody shows who says it; the word is believed to be said, and is not enough."""
    cluster, leader = minute.cluster, minute.leader
    for name in cluster.names:
        until(cluster, "it is shown", partial(callers, cluster, name, leader))
        assert callers(cluster, name, leader) == {minute.speaker}
    words = cluster.status(minute.speaker)["called_dead"]
    assert list(words.values()) == [{leader: "one voice alone"}]
    assert row(cluster, leader, leader)["eligible"]
    text = quorumdog(cluster, minute.third, "status").stdout
    assert f"{leader}: called dead by {minute.speaker}" in text


def test_cut_in_one_direction_is_shown_as_exactly_that_edge(minute: Minute) -> None:
    """UDP alone, from the coordinator to one node; healed, it is heard again."""
    cluster, edge = minute.cluster, (minute.speaker, minute.leader)
    with filtered(cluster, from_to(minute.leader, minute.speaker)):
        until(cluster, "the edge is silent", lambda: minute.silent() == {edge})
        until(cluster, "the word is out", lambda: len(_words(minute)) == 2)
        end_s = time.monotonic() + 2 * DEADTIME_S
        while time.monotonic() < end_s:
            assert minute.silent() == {edge}
        shown = quorumdog(cluster, minute.speaker, "status", "--json").stdout
        assert '"verdict": "dead"' in shown
    minute.whole()
    until(cluster, "the word is taken back", lambda: len(_words(minute)) == 1)


def _words(minute: Minute) -> dict[str, object]:
    words: dict[str, object] = minute.cluster.status(minute.speaker)["called_dead"]
    return words


def test_cut_between_two_others_is_shown_as_exactly_that_edge(minute: Minute) -> None:
    """Nobody but its end calls anybody dead."""
    cluster, edge = minute.cluster, (minute.third, minute.speaker)
    with filtered(cluster, from_to(minute.speaker, minute.third)):
        until(cluster, "the edge is silent", lambda: minute.silent() == {edge})
        until(
            cluster,
            "it is called dead",
            lambda: callers(cluster, minute.leader, minute.speaker) == {minute.third},
        )
    minute.whole()


def test_heartbeats_lost_everywhere_move_nothing(minute: Minute) -> None:
    """A filtered port is no death: whoever hears nobody calls nobody dead."""
    cluster = minute.cluster
    with filtered(cluster):
        until(cluster, "all edges are silent", lambda: len(minute.silent()) == 6)
        cluster.pause(2 * DEADTIME_S)
        for name in cluster.names:
            assert callers(cluster, minute.third, name) <= {minute.speaker}
    minute.whole()


def test_replayed_datagrams_do_not_keep_anybody_alive(minute: Minute) -> None:
    """Real ones, seen on the wire, said again with the address of their sender."""
    cluster, source, target = minute.cluster, minute.leader, minute.speaker
    caught = capture(cluster, source, target, 15)
    with filtered(cluster, from_to(source, target)), pretending(cluster, source, target) as sender:
        until(cluster, "the edge is silent", lambda: minute.silent() == {(target, source)})
        end_s = time.monotonic() + 2 * DEADTIME_S
        while time.monotonic() < end_s:
            for datagram in caught:
                sender.send(datagram)
            assert minute.silent() == {(target, source)}
    assert "cause=replayed" in cluster.log(target)
    minute.whole()


def test_forged_and_damaged_datagrams_change_nothing(minute: Minute) -> None:
    """Another key, cut short, too long, a flipped bit, noise: refused, and the edge stays alive."""
    cluster, source, target = minute.cluster, minute.leader, minute.third
    real = capture(cluster, source, target, 1)[0]
    stream = heartbeat.Stream(b"x" * 32, b"c" * 32, os.urandom(16))
    with pretending(cluster, source, target) as sender:
        end_s, number = time.monotonic() + 2 * DEADTIME_S, 0
        while time.monotonic() < end_s:
            number += 1
            sender.send(stream.seal(number, heartbeat.Beat(source, target, True, 1, 1)))
            sender.send(real[: number % len(real)])
            sender.send(real + os.urandom(heartbeat.SIZE_MAX))
            place = number % len(real)
            sender.send(real[:place] + bytes([real[place] ^ 1]) + real[place + 1 :])
            sender.send(os.urandom(number % heartbeat.SIZE_MAX))
            assert minute.silent() == set()
    print(f"{5 * number} datagrams were refused")
    for cause in ("seal", "shape"):
        assert f"cause={cause}" in cluster.log(target)


def test_killed_lifecheck_is_started_again_and_moves_nothing(minute: Minute) -> None:
    """That of the coordinator: for a moment nobody knows, and nobody moves."""
    cluster, leader = minute.cluster, minute.leader
    before = cluster.lifecheck_pid(leader)
    os.kill(before, signal.SIGKILL)
    until(cluster, "it is missed", lambda: minute.warned(leader, "does not run here"))
    assert cluster.status(leader)["lifecheck"]["verdict"] is None
    until(cluster, "it is back", lambda: minute.answers(leader))
    assert cluster.lifecheck_pid(leader) != before
    cluster.pause(DEADTIME_S)
    minute.whole()


def test_stopped_lifecheck_is_not_believed_for_ever_and_moves_nothing(minute: Minute) -> None:
    """What it said ends, `status` says so; its heartbeats are missed, and that is no death."""
    cluster, leader = minute.cluster, minute.leader
    pid = cluster.lifecheck_pid(leader)
    os.kill(pid, signal.SIGSTOP)
    try:
        until(cluster, "its word ends", lambda: minute.warned(leader, "said nothing for too long"))
        found = cluster.status(leader)["lifecheck"]
        assert (found["running"], found["answering"], found["verdict"]) == (True, False, None)
        assert quorumdog(cluster, leader, "status").returncode == 1
        others = {(name, leader) for name in cluster.names if name != leader}
        until(cluster, "it is not heard", lambda: others <= minute.silent())
        cluster.pause(2 * DEADTIME_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    minute.whole()
    assert cluster.lifecheck_pid(leader) == pid


# --- what broke pgpool's own


@contextmanager
def beaconing(minute: Minute) -> Iterator[str]:
    """Within the block no beacon is late; the coordinator."""
    cluster, leader = minute.cluster, minute.leader
    with Beat(cluster, leader, minute.third) as beat:
        yield leader
        until(cluster, "beacons were seen", lambda: len(beat.times_s) > BEACONS)
    longest_ms, beacon_ms = beat.longest_ms(), timing(cluster).beacon_ns / MS
    print(f"longest silence {longest_ms:.0f} ms; a beacon is due every {beacon_ms:.0f} ms")
    assert longest_ms < LATE * beacon_ms


def test_one_byte_and_then_silence_holds_nobody_up(minute: Minute) -> None:
    """Sixteen of them: pgpool's process of the cluster blocked for ever at the first."""
    cluster = minute.cluster
    with beaconing(minute) as leader, ExitStack() as stack:
        mute = [stack.enter_context(dial(cluster, leader)) for _ in range(16)]
        for one in mute:
            with suppress(BrokenPipeError):  # turned away for a later one
                one.send(b"3")
        began_s = time.monotonic()
        ran = wd_cli(cluster, leader, "-i", "-a", "-v")
        print(f"another wd_cli was served in {(time.monotonic() - began_s) * 1000:.0f} ms")
        assert (ran.code, len(ran.rows)) == (0, 3)
        for one in mute:  # turned away, or two seconds without a word: closed in either case
            with suppress(ConnectionResetError):
                while one.recv(4096):
                    pass


def test_empty_objects_of_every_type_are_answered(minute: Minute) -> None:
    """pgpool's process ended at some of them."""
    cluster = minute.cluster
    with beaconing(minute) as leader:
        for kind in (*b"0123456789qvdfrcixRQ\x00\xff",):
            with dial(cluster, leader) as one:
                one.send(bytes([kind]) + (2).to_bytes(4, "big") + b"{}")
                reply = one.recv(1 << 16)
                assert reply[:1] in (b"6", b"7"), (kind, reply)


def test_ten_thousand_connections_are_survived(minute: Minute) -> None:
    """As fast as one client can; afterwards the socket serves as before."""
    cluster = minute.cluster
    with beaconing(minute) as leader:
        for _ in range(FLOOD // 100):
            with ExitStack() as stack:
                for _ in range(100):
                    stack.enter_context(dial(cluster, leader))
        until(cluster, "served", lambda: wd_cli(cluster, leader, "-i", "-n", "0").code == 0)


def test_two_gibibytes_are_refused_before_they_are_sent(minute: Minute) -> None:
    """And so is less than nothing. pgpool allocated what was declared."""
    cluster = minute.cluster
    with beaconing(minute) as leader:
        before = _rss_kib(cluster.node_pid(leader))
        for length in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x01000000):
            with dial(cluster, leader) as one:
                one.send(b"3" + length.to_bytes(4, "big"))
                reply = one.recv(1 << 16)
                assert reply[:1] == b"6"
                assert json.loads(reply[5:].rstrip(b"\0"))["MESSAGE"]
        assert _rss_kib(cluster.node_pid(leader)) - before < 16 * 1024


def _rss_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0])


def test_registered_client_that_never_reads_is_dropped(minute: Minute) -> None:
    """With thousands of answers under way; others are served meanwhile."""
    cluster = minute.cluster
    with beaconing(minute) as leader:
        before = _rss_kib(cluster.node_pid(leader))
        ask = b"3" + (2).to_bytes(4, "big") + b"{}"
        with dial(cluster, leader) as deaf:
            deaf.send(b"0" + (2).to_bytes(4, "big") + b"{}")
            deaf.settimeout(0.5)
            with suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
                for _ in range(UNREAD):
                    deaf.sendall(ask)
            with line(cluster, leader) as other:
                assert len(other.nodes) > 1
            ended = select.poll()
            ended.register(deaf, select.POLLRDHUP)
            assert ended.poll(PATIENCE_S * 1000), "it was kept for ever"
        assert _rss_kib(cluster.node_pid(leader)) - before < 16 * 1024


# --- what does move it


def test_with_on_loss_release_a_lost_lifecheck_moves_the_lead() -> None:
    """For those who would rather move than be blind: it is kept away for the deadtime."""
    tables = TABLES + 'on_loss = "release"\n'
    with run_cluster(3, tables=tables) as cluster, story(cluster) as told:
        until(cluster, "all hear all", lambda: all_alive(cluster))
        cluster.mark("lifecheck kept away")
        for _ in range(KILLS):
            until(cluster, "there is one", lambda: _kill_lifecheck(cluster, told.leader))
        assert cluster.wait_coordinator(other_than=told.leader) != told.leader
        moved = cluster.status(told.leader)["last_move"]
        assert "the lifecheck is gone" in moved["reason"]
        until(cluster, "it may lead", lambda: row(cluster, told.leader, told.leader)["eligible"])


def _kill_lifecheck(cluster: SystemCluster, name: str) -> bool:
    try:
        os.kill(cluster.lifecheck_pid(name), signal.SIGKILL)
    except (AssertionError, ProcessLookupError):
        return False
    return True
