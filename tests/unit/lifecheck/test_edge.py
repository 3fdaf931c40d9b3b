"""Which heartbeats are believed, and what is said of a peer; no socket and no clock."""

from functools import partial
from itertools import count

import pytest

from lifecheck.edge import UNPROVEN_MAX, Edge
from watchdog.wire.heartbeat import Beat, Echo, HeartbeatError, Stream

KEY = b"k" * 32
CLUSTER = b"c" * 32
INTERVAL_US = 1_000_000
DEADTIME_US = 10_000_000
salts = count(1)


def edge(me: str, peer: str, now_us: int = 0, key: bytes = KEY) -> Edge:
    """A fresh start of `me`."""
    salt = next(salts).to_bytes(16, "big")
    make = partial(Stream, key, CLUSTER)
    return Edge(me, peer, make, salt, (INTERVAL_US, DEADTIME_US), now_us)


class Pair:
    """Two nodes and the network between them; `wire` keeps every datagram that was sent."""

    def __init__(self) -> None:
        self.now_us = 0
        self.alpha = edge("alpha", "beta")
        self.beta = edge("beta", "alpha")
        self.cut: set[str] = set()
        self.wire: list[tuple[str, bytes]] = []

    def second(self, times: int = 1) -> None:
        """Both send once per interval, and hear what is not cut; a way takes 2 ms."""
        for _ in range(times):
            self.now_us += INTERVAL_US
            for name, sender, receiver in (
                ("alpha", self.alpha, self.beta),
                ("beta", self.beta, self.alpha),
            ):
                datagram = sender.next_datagram(self.now_us)
                self.wire.append((name, datagram))
                if name not in self.cut:
                    take(receiver, datagram, self.now_us + 2000)


def take(receiver: Edge, datagram: bytes, now_us: int) -> str:
    """Hand a datagram over; the cause of its refusal, or ""."""
    try:
        receiver.receive(datagram, now_us)
    except HeartbeatError as error:
        return error.cause
    return ""


def test_two_nodes_believe_each_other_after_two_rounds() -> None:
    """The first datagram proves nothing; its echo does."""
    pair = Pair()
    assert pair.alpha.verdict(0) == "unknown"
    pair.second()
    assert pair.beta.verdict(pair.now_us) == "unknown"
    assert pair.alpha.verdict(pair.now_us) == "alive"
    pair.second()
    assert pair.beta.verdict(pair.now_us) == "alive"
    assert pair.alpha.reason(pair.now_us) == "its heartbeats arrive"


def test_row_shows_round_trip_loss_and_both_directions() -> None:
    """What `status` prints."""
    pair = Pair()
    pair.second(70)
    row = pair.alpha.row(pair.now_us + 2000)
    assert row["node"] == "beta"
    assert row["verdict"] == "alive"
    assert row["loss_in_percent"] == row["loss_out_percent"] == 0
    assert row["heard_by_it"] is True
    assert row["heard_s"] == 0
    assert row["rtt_ms"] == pytest.approx(4, abs=2)


def test_one_way_cut_silences_one_edge() -> None:
    """Beta does not hear alpha; alpha hears beta, and is told that it is not heard."""
    pair = Pair()
    pair.second(5)
    pair.cut = {"alpha"}
    pair.second(11)
    assert pair.beta.verdict(pair.now_us) == "dead"
    assert pair.beta.reason(pair.now_us) == "no heartbeat for 10 s"
    assert pair.beta.row(pair.now_us)["heard_by_it"] is None
    assert pair.alpha.verdict(pair.now_us) == "alive"
    pair.second(100)
    assert pair.alpha.verdict(pair.now_us) == "alive"
    assert pair.alpha.row(pair.now_us)["heard_by_it"] is False
    assert pair.alpha.row(pair.now_us)["loss_in_percent"] == 0
    assert pair.alpha.row(pair.now_us)["loss_out_percent"] == 100
    assert pair.beta.row(pair.now_us)["loss_in_percent"] == 100
    assert pair.beta.row(pair.now_us)["loss_out_percent"] is None
    pair.cut = set()
    pair.second(2)
    assert pair.beta.verdict(pair.now_us) == "alive"
    assert pair.alpha.row(pair.now_us)["heard_by_it"] is True


def test_silence_before_the_first_heartbeat_is_unknown_for_ever() -> None:
    """A firewall that never let them through must not look like death."""
    pair = Pair()
    pair.cut = {"alpha", "beta"}
    pair.second(100)
    assert pair.alpha.verdict(pair.now_us) == "unknown"
    assert "since this lifecheck started" in pair.alpha.reason(pair.now_us)
    assert pair.alpha.row(pair.now_us)["heard_s"] is None


def test_no_replay_keeps_a_dead_node_alive() -> None:
    """Everything that beta ever said is played again and again after its death."""
    pair = Pair()
    pair.second(30)
    old = [datagram for name, datagram in pair.wire if name == "beta"]
    for _ in range(15):
        pair.now_us += INTERVAL_US
        pair.alpha.next_datagram(pair.now_us)
        assert {take(pair.alpha, datagram, pair.now_us) for datagram in old} == {"replayed"}
    assert pair.alpha.verdict(pair.now_us) == "dead"


def test_restarted_node_is_believed_again_and_its_former_start_never() -> None:
    """Also not with datagrams that were held back, and numbers that were never seen."""
    pair = Pair()
    pair.second(5)
    former = pair.beta
    held_back = [former.next_datagram(pair.now_us) for _ in range(3)]
    pair.beta = edge("beta", "alpha", pair.now_us)
    pair.second(3)
    assert pair.alpha.verdict(pair.now_us) == "alive"
    assert pair.beta.verdict(pair.now_us) == "alive"
    assert [take(pair.alpha, d, pair.now_us) for d in held_back] == ["replayed"] * 3
    assert take(pair.alpha, former.next_datagram(pair.now_us), pair.now_us) == "replayed"


def test_replay_to_a_restarted_node_proves_nothing() -> None:
    """It has forgotten every number; but the old datagrams echo none of its own."""
    pair = Pair()
    pair.second(30)
    old = [datagram for name, datagram in pair.wire if name == "beta"]
    alpha = edge("alpha", "beta", pair.now_us)
    for _ in range(3):
        pair.now_us += INTERVAL_US
        alpha.next_datagram(pair.now_us)
        causes = {take(alpha, datagram, pair.now_us) for datagram in old}
        assert causes <= {"unproven", "replayed"}
    assert alpha.verdict(pair.now_us) == "unknown"


def test_replay_does_not_disturb_a_living_pair() -> None:
    """Old starts of beta, played between every two datagrams of the present one."""
    pair = Pair()
    pair.second(5)
    old = [datagram for name, datagram in pair.wire if name == "beta"]
    pair.beta = edge("beta", "alpha", pair.now_us)
    for _ in range(20):
        pair.second()
        for datagram in old:
            take(pair.alpha, datagram, pair.now_us)
    row = pair.alpha.row(pair.now_us)
    assert (row["verdict"], row["loss_in_percent"], row["heard_by_it"]) == ("alive", 0, True)


def test_replays_of_old_starts_do_not_hide_a_new_one() -> None:
    """Both ways, just before each datagram: else a restarted lifecheck would be called dead."""
    recorded = []
    for _ in range(3):  # three starts of both, long ago
        past = Pair()
        past.second(60)
        recorded.append(past.wire)
    pair = Pair()
    pair.second(20)
    pair.beta = edge("beta", "alpha", pair.now_us)
    verdicts = set()
    for turn in range(30):
        for wire in recorded:  # always numbers that have not come yet
            for name, datagram in wire[4 * turn : 4 * turn + 4]:
                receiver = pair.beta if name == "alpha" else pair.alpha
                assert take(receiver, datagram, pair.now_us + INTERVAL_US - 1) == "unproven"
        pair.second()
        verdicts.add(pair.alpha.verdict(pair.now_us))
        if pair.beta.verdict(pair.now_us) == "alive":
            break
    assert pair.beta.verdict(pair.now_us) == "alive"
    pair.second(3)
    assert pair.alpha.verdict(pair.now_us) == "alive"
    assert verdicts == {"alive"}


def test_starts_that_are_not_proven_are_few() -> None:
    """Whoever has recorded many starts costs a bounded memory."""
    alpha = edge("alpha", "beta")
    for now_us in range(100):
        take(alpha, edge("beta", "alpha").next_datagram(now_us), now_us)
    assert len(alpha._unproven) == UNPROVEN_MAX


def test_echo_that_comes_too_late_proves_nothing() -> None:
    """Whoever holds a datagram back for longer than the deadtime has held back a dead node's."""
    pair = Pair()
    alpha, beta = pair.alpha, pair.beta
    take(beta, alpha.next_datagram(0), 0)
    answer = beta.next_datagram(1000)
    assert take(alpha, answer, DEADTIME_US + 1) == "unproven"
    assert take(edge("alpha", "beta"), answer, 2000) == "unproven"


def test_datagram_of_another_edge_is_refused() -> None:
    """Reflected, or sent on to somebody for whom it was not meant."""
    alpha = edge("alpha", "beta")
    assert take(alpha, alpha.next_datagram(0), 0) in {"name", "replayed"}
    assert take(edge("gamma", "beta"), edge("beta", "alpha").next_datagram(0), 0) == "name"
    assert take(edge("alpha", "gamma"), edge("beta", "alpha").next_datagram(0), 0) == "name"
    assert take(alpha, edge("beta", "alpha", key=b"x" * 32).next_datagram(0), 0) == "seal"


def test_late_datagram_is_refused_but_not_missed_twice() -> None:
    """Only a higher number counts; what it overtook stays lost."""
    pair = Pair()
    pair.second(5)
    first, second = (pair.beta.next_datagram(pair.now_us) for _ in range(2))
    assert take(pair.alpha, second, pair.now_us) == ""
    assert take(pair.alpha, first, pair.now_us) == "replayed"
    assert pair.alpha.row(pair.now_us)["loss_in_percent"] == round(100 / 7)


def test_loss_is_of_the_last_sixty_four() -> None:
    """Every second one is lost; then a long time nothing is."""
    pair = Pair()
    pair.second(3)
    for number in range(128):
        pair.cut = {"beta"} if number % 2 else set()
        pair.second()
    pair.cut = set()
    pair.second()
    assert pair.alpha.row(pair.now_us)["loss_in_percent"] == pytest.approx(50, abs=2)
    pair.second(64)
    assert pair.alpha.row(pair.now_us)["loss_in_percent"] == 0


def test_process_that_did_not_run_calls_nobody_dead() -> None:
    """A stopped or suspended lifecheck has heard nobody; that is its own silence."""
    pair = Pair()
    pair.second(5)
    later_us = pair.now_us + 60 * INTERVAL_US
    assert pair.alpha.verdict(later_us) == "dead"
    pair.alpha.resume(later_us)
    assert pair.alpha.verdict(later_us) == "alive"
    assert pair.alpha.verdict(later_us + DEADTIME_US + 1) == "dead"


def test_peer_with_a_wild_clock_does_no_harm() -> None:
    """It says that it held a number for longer than the world exists: no round trip then."""
    alpha = edge("alpha", "beta")
    beta = Stream(KEY, CLUSTER, b"b" * 16)
    sent = alpha.next_datagram(0)
    number = int.from_bytes(sent[18:26], "big")
    echo = Echo(sent[2:18], number, 2**32 - 1)
    beat = Beat("beta", "alpha", hears=True, received=1, of=1, echoes=(echo,))
    assert take(alpha, beta.seal(1, beat), 5000) == ""
    assert alpha.row(5000)["rtt_ms"] is None
    wrong = Echo(sent[2:18], number + 5, 0)
    beat = Beat("beta", "alpha", hears=True, received=1, of=1, echoes=(wrong,))
    assert take(alpha, beta.seal(2, beat), 6000) == ""
    assert alpha.row(6000)["rtt_ms"] is None
