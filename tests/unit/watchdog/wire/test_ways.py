"""Which way a message goes, and which copy counts: two ends and a network that may lose."""

from dataclasses import dataclass, replace

import pytest

from tests.wire.samples import FULL
from watchdog.core.messages import Beacon, Grant, Hello, Message, Nack, Release, Vote
from watchdog.instant import MS, SECOND
from watchdog.wire.ways import BLOCKED_NS, SEEN_MAX, TRIED_NS, TWO_WAYS, Way, Ways

REACH_NS = 700 * MS
BEACON_NS = 200 * MS
BOTH, UDP, TCP = (True, True), (True, False), (False, True)


def sample(kind: type[Message]) -> Message:
    """A message of this kind."""
    return next(message for message in FULL if type(message) is kind)


VOTE_GRANT = next(message for message in FULL if isinstance(message, Grant))
GRANT = replace(VOTE_GRANT, is_vote=False)
BEACON, NACK = sample(Beacon), sample(Nack)
BY_TCP_ONLY = {"Hello", "ResignRequest", "ResignReply", "StateRequest", "StateReply"}


@dataclass
class Pair:
    """A leader and a voter, and what the network does to datagrams each way."""

    leader: Ways
    voter: Ways
    now_ns: int = 50 * SECOND
    passes_out: bool = True
    passes_back: bool = True

    def round(self) -> tuple[tuple[bool, bool], tuple[bool, bool]]:
        """A BEACON and, should it come, its GRANT: which ways each went."""
        self.now_ns += BEACON_NS
        asked = self.leader.choose(BEACON, self.now_ns)
        assert asked.udp
        self.carry(self.leader, self.voter, passes=self.passes_out)
        answered = self.voter.choose(GRANT, self.now_ns)
        if asked.tcp or self.passes_out:
            self.carry(self.voter, self.leader, passes=self.passes_back)
        return asked, answered

    def carry(self, source: Ways, sink: Ways, *, passes: bool) -> None:
        """One datagram."""
        number, acknowledged = source.next_datagram(self.now_ns)
        if passes and sink.is_new(number):
            sink.arrived(number, acknowledged, self.now_ns)

    def rounds(self, count: int) -> list[tuple[tuple[bool, bool], tuple[bool, bool]]]:
        """Several in a row."""
        return [self.round() for _ in range(count)]


@pytest.fixture
def pair() -> Pair:
    """Two processes that have just met."""
    return Pair(Ways(REACH_NS), Ways(REACH_NS))


# --- the ways


@pytest.mark.parametrize("message", FULL, ids=lambda message: type(message).__name__)
def test_every_kind_has_its_ways(message: Message) -> None:
    """Of a fresh pair: what decides goes both ways, what introduces or restores by TCP alone."""
    expected = TCP if type(message).__name__ in BY_TCP_ONLY else BOTH
    assert Ways(REACH_NS).choose(message, SECOND) == expected
    assert (type(message) in TWO_WAYS) is (expected == BOTH)


def test_a_round_that_is_answered_by_datagram_needs_no_tcp(pair: Pair) -> None:
    """The first round proves the way there, the second the way back."""
    assert pair.round() == (BOTH, BOTH)
    assert pair.rounds(50) == [(UDP, UDP)] * 50


def test_decisions_go_both_ways_however_well_datagrams_work(pair: Pair) -> None:
    """They are rare, and an outage waits for them."""
    pair.rounds(5)
    for message in (sample(Vote), sample(Release), replace(VOTE_GRANT, is_vote=True)):
        assert pair.leader.choose(message, pair.now_ns) == BOTH
    assert pair.leader.choose(NACK, pair.now_ns) == UDP
    assert pair.leader.choose(sample(Hello), pair.now_ns) == TCP


def test_one_lost_beacon_brings_tcp_back_at_the_next_round(pair: Pair) -> None:
    """Both sides notice: one that no answer came, the other that its last was not acknowledged."""
    pair.rounds(5)
    pair.passes_out = False
    asked, _ = pair.round()
    assert asked == UDP
    pair.passes_out = True
    assert pair.rounds(3) == [(BOTH, UDP), (UDP, UDP), (UDP, UDP)]


@pytest.mark.parametrize(("out", "back"), [(False, False), (False, True), (True, False)])
def test_a_firewall_in_either_direction_costs_one_round(
    pair: Pair, *, out: bool, back: bool
) -> None:
    """From the second round on everything has its copy by TCP, and stays so."""
    pair.rounds(5)
    pair.passes_out, pair.passes_back = out, back
    pair.round()
    assert all(ways == (BOTH, BOTH) for ways in pair.rounds(100))


def test_silence_is_no_proof(pair: Pair) -> None:
    """After `reach` without rounds the way has to be proven again."""
    pair.rounds(5)
    pair.now_ns += REACH_NS
    assert pair.round()[0] == BOTH


def test_an_acknowledgement_of_what_was_never_sent_proves_nothing() -> None:
    """A peer's bug must not keep us from TCP."""
    ways = Ways(REACH_NS)
    number, _ = ways.next_datagram(SECOND)
    ways.arrived(1, number + 1, SECOND)
    assert not ways.works(SECOND)
    ways.arrived(2, number, SECOND)
    assert ways.works(SECOND)


def test_an_older_acknowledgement_proves_nothing() -> None:
    """Datagrams overtake each other: only the newest of ours counts, once it is named."""
    ways = Ways(REACH_NS)
    ways.next_datagram(SECOND)
    ways.next_datagram(SECOND)
    ways.arrived(1, 1, SECOND)
    assert not ways.works(SECOND)
    ways.arrived(3, 2, SECOND)
    ways.arrived(2, 1, SECOND)
    assert ways.works(SECOND)


def test_numbers_go_on_for_a_new_process_of_the_peer() -> None:
    """The number is the nonce: even if an incarnation came back, none would be used twice."""
    first = Ways(REACH_NS)
    used = {first.next_datagram(SECOND)[0] for _ in range(5)}
    second = Ways(REACH_NS, first.sent)
    assert used.isdisjoint(second.next_datagram(SECOND)[0] for _ in range(5))
    assert not Ways(REACH_NS, first.sent).works(SECOND)


def test_a_replayed_number_is_not_new(pair: Pair) -> None:
    """Told before the seal is opened, so that a replay costs nothing."""
    pair.carry(pair.leader, pair.voter, passes=True)
    assert not pair.voter.is_new(1)
    assert pair.voter.is_new(2)
    assert pair.voter.received == 1


# --- the copies


@pytest.mark.parametrize("first", list(Way))
def test_the_first_copy_counts_whichever_way_it_came(first: Way) -> None:
    """And the other one is dropped, once."""
    ways = Ways(REACH_NS)
    other = Way.TCP if first is Way.UDP else Way.UDP
    assert ways.heard(BEACON, 1, first)
    assert not ways.heard(BEACON, 1, other)
    assert ways.last_round is first
    assert ways.copies == 1


def test_a_message_that_is_said_again_is_no_copy() -> None:
    """Each of three RELEASEs has two copies; three are handed on."""
    sender, receiver = Ways(REACH_NS), Ways(REACH_NS)
    release = sample(Release)
    handed_on = 0
    for _ in range(3):
        seq = sender.next_seq()
        handed_on += receiver.heard(release, seq, Way.UDP) + receiver.heard(release, seq, Way.TCP)
    assert handed_on == 3


def test_a_sender_that_counts_anew_by_tcp_is_heard() -> None:
    """An older version begins at 0 with every connection, and never sends datagrams."""
    ways = Ways(REACH_NS)
    assert all(ways.heard(BEACON, seq, Way.TCP) for seq in [*range(40), *range(40)])


def test_what_goes_one_way_is_never_a_copy() -> None:
    """A HELLO has no second copy, whatever its number."""
    ways = Ways(REACH_NS)
    assert ways.heard(BEACON, 1, Way.UDP)
    assert ways.heard(sample(Hello), 1, Way.TCP)


def test_the_memory_of_copies_is_bounded() -> None:
    """A copy that is later than all of it is handed on."""
    ways = Ways(REACH_NS)
    for seq in range(10 * SEEN_MAX):
        assert ways.heard(BEACON, seq, Way.UDP)
    newest = 10 * SEEN_MAX - 1
    assert not ways.heard(BEACON, newest, Way.TCP)
    assert ways.heard(BEACON, 0, Way.TCP)


# --- what people are told


def test_nothing_is_known_of_a_way_that_is_not_used(pair: Pair) -> None:
    """Two standbys say nothing to each other by datagram."""
    assert pair.leader.is_answered(pair.now_ns) is None
    pair.rounds(3)
    assert pair.leader.is_answered(pair.now_ns) is True
    later_ns = pair.now_ns + TRIED_NS + 1
    assert pair.leader.is_answered(later_ns) is None
    assert not pair.leader.is_blocked(later_ns)


def test_a_way_that_is_never_answered_is_blocked_after_a_while(pair: Pair) -> None:
    """Ten seconds, during which it was tried; the first answer ends it."""
    pair.passes_out = False
    begun_ns = pair.now_ns
    while pair.now_ns - begun_ns < BLOCKED_NS:
        pair.round()
        assert not pair.leader.is_blocked(pair.now_ns)
    pair.rounds(2)
    assert pair.leader.is_blocked(pair.now_ns)
    assert pair.leader.is_answered(pair.now_ns) is False
    pair.passes_out = True
    pair.rounds(2)
    assert not pair.leader.is_blocked(pair.now_ns)
    assert pair.leader.is_answered(pair.now_ns) is True


def test_a_few_unanswered_datagrams_long_ago_are_no_firewall(pair: Pair) -> None:
    """A RELEASE is not answered; the next one, minutes later, begins a new count."""
    pair.leader.next_datagram(pair.now_ns)
    pair.now_ns += 60 * SECOND
    pair.leader.next_datagram(pair.now_ns)
    assert not pair.leader.is_blocked(pair.now_ns)


def test_loss_is_no_firewall(pair: Pair) -> None:
    """As long as one in a few is answered, nobody is told of a firewall."""
    for turn in range(1000):
        pair.passes_out = turn % 5 == 0
        pair.round()
        assert not pair.leader.is_blocked(pair.now_ns)
