"""The arithmetic of the verdict, with planted holders: it must find a millisecond of two."""

from typing import Any

import pytest

from tests.nemesis import verdict
from tests.nemesis.verdict import Edge, Record, Span

MS = 1_000_000
VIP = "10.77.0.100"
VIP6 = "fd77::100"
EVERY_MS = 5
ALL = Span(Edge(0), Edge(100_000 * MS, 1 << 60))


def record(*lines: dict[str, Any]) -> Record:
    """What these lines of a journal say."""
    made = Record((VIP, VIP6), ("alpha", "beta", "gamma"))
    for line in lines:
        made.add(line)
    return made


def address(ms: float, node: str, up: bool, vip: str = VIP) -> dict[str, Any]:
    """The kernel's word."""
    return {"kind": "address", "t": round(ms * MS), "node": node, "address": vip, "up": up}


def asked(begin_ms: int, end_ms: int, first: int = 1) -> dict[str, Any]:
    """A question to everybody every few milliseconds; the number is that of the millisecond."""
    times = range(begin_ms, end_ms, EVERY_MS)
    return {"kind": "probes", "rounds": [[t + first - 1, t * MS] for t in times]}


def heard(begin_ms: int, end_ms: int, node: str, vip: str = VIP, late_ms: float = 0.3) -> Any:
    """Each question in that time was answered by the node, a little later."""
    times = range(begin_ms, end_ms, EVERY_MS)
    return {
        "kind": "heard",
        "answers": [[t, round((t + late_ms) * MS), node, vip] for t in times],
    }


def two(made: Record) -> float:
    """Milliseconds in which two answered."""
    return verdict.seconds(verdict.overlaps(made, ALL)) * 1000


HANDED_OVER = (
    address(100, "alpha", True),
    address(1000, "alpha", False),
    address(1020, "beta", True),
)


def test_a_hand_over_is_no_overlap() -> None:
    """Off before on."""
    questions = asked(100, 2000), heard(100, 1000, "alpha"), heard(1025, 2000, "beta")
    assert two(record(*HANDED_OVER, *questions)) == 0


def test_a_millisecond_of_two_holders_is_found() -> None:
    """The old one kept it for a millisecond too long, between two questions."""
    planted = (
        address(100, "alpha", True),
        address(1001, "beta", True),
        address(1002, "alpha", False),
        asked(100, 2000),
        heard(100, 1002, "alpha"),
        heard(1005, 2000, "beta"),
    )
    assert two(record(*planted)) == pytest.approx(1.0)


def test_an_overlap_is_found_when_nobody_was_asked() -> None:
    """The kernels' word alone counts as answering until silence is proven."""
    planted = address(1, "alpha", True), address(5, "beta", True), address(6, "alpha", False)
    assert two(record(*planted)) == pytest.approx(1.0)


def test_the_kernels_order_tells_an_overlap_that_no_clock_could() -> None:
    """Both were read at the same instant: the new one came before the old one went."""
    at_once = address(1, "alpha", True), address(9, "beta", True), address(9, "alpha", False)
    found = verdict.overlaps(record(*at_once), ALL)
    assert [one.nodes for one in found] == [("alpha", "beta")]
    assert verdict.seconds(found) > 0
    in_order = address(1, "alpha", True), address(9, "alpha", False), address(9, "beta", True)
    assert verdict.overlaps(record(*in_order), ALL) == []


def test_a_gate_that_was_seen_to_hold_is_believed() -> None:
    """The address of the old one stays, and nobody answers there any more."""
    gated = (
        address(100, "alpha", True),
        address(1200, "beta", True),
        address(3000, "alpha", False),
        asked(100, 4000),
        heard(100, 1000, "alpha"),
        heard(1200, 4000, "beta"),
    )
    made = record(*gated)
    assert two(made) == 0
    present = verdict.seconds(verdict.overlaps(made, ALL, gates=False))
    assert present == pytest.approx(1.8), "both kernels had it"


def test_a_gate_that_opens_again_while_another_answers_is_found() -> None:
    """One late answer of the old one is enough."""
    leaky = (
        address(100, "alpha", True),
        address(1200, "beta", True),
        asked(100, 4000),
        heard(100, 1000, "alpha"),
        heard(2000, 2005, "alpha"),
        heard(1200, 4000, "beta"),
    )
    (found,) = verdict.overlaps(record(*leaky), Span(Edge(0), Edge(4000 * MS)))
    assert found.nodes == ("alpha", "beta")
    assert found.begin.t == 2000 * MS


def test_both_frozen_and_answering_is_measured() -> None:
    """Without a gate a frozen node's kernel goes on answering."""
    frozen = (
        address(100, "alpha", True),
        address(1200, "beta", True),
        address(2200, "alpha", False),
        asked(100, 4000),
        heard(100, 2200, "alpha"),
        heard(1200, 4000, "beta"),
    )
    assert two(record(*frozen)) == pytest.approx(1000)


def test_an_unanswered_question_proves_silence_only_around_it() -> None:
    """A lost frame hides no more than the time between its neighbours."""
    answered = [t for t in range(100, 4000, EVERY_MS) if t != 2000]
    lossy = {"kind": "heard", "answers": [[t, t * MS, "alpha", VIP] for t in answered]}
    made = record(
        address(100, "alpha", True),
        address(200, "beta", True),
        asked(100, 4000),
        lossy,
        heard(200, 4000, "beta"),
    )
    found = verdict.overlaps(made, Span(Edge(0), Edge(4000 * MS)))
    assert sum(one.seconds for one in found) == pytest.approx(3.8 - 0.010)


def test_each_address_is_judged_for_itself() -> None:
    """One node with the IPv4 and another with the IPv6 address: neither is answered for twice."""
    split = address(1, "alpha", True), address(2, "beta", True, VIP6)
    assert verdict.overlaps(record(*split), ALL) == []
    both = record(*split, address(3, "beta", True), address(4, "alpha", False))
    assert [one.vip for one in verdict.overlaps(both, ALL)] == [VIP]


def test_what_two_addresses_overlap_counts_once() -> None:
    """Seconds of the clock, not of addresses."""
    made = record(
        address(0, "alpha", True),
        address(0, "alpha", True, VIP6),
        address(10, "beta", True),
        address(12, "beta", True, VIP6),
        address(20, "alpha", False),
        address(22, "alpha", False, VIP6),
    )
    assert two(made) == pytest.approx(12)


def test_only_the_window_counts() -> None:
    """What was before belongs to the fault before."""
    made = record(address(0, "alpha", True), address(10, "beta", True), address(20, "alpha", False))
    late = Span(Edge(15 * MS), Edge(1000 * MS))
    assert verdict.seconds(verdict.overlaps(made, late)) * 1000 == pytest.approx(5)
    assert verdict.overlaps(made, Span(Edge(20 * MS, 9), Edge(1000 * MS))) == []


def test_a_renewed_address_is_no_change() -> None:
    """A kernel repeats what is renewed."""
    made = record(*(address(t, "alpha", True) for t in (1, 2, 3)))
    assert len(made.changes) == 1
    assert verdict.disturbances(made, ALL) == 1


def test_a_move_is_another_node_that_got_hold() -> None:
    """Two addresses that follow each other are one move; to lose and get again is none."""
    moved = record(
        *HANDED_OVER,
        address(1021, "beta", True, VIP6),
        address(1500, "beta", False),
        address(1501, "beta", False, VIP6),
        address(1600, "beta", True),
    )
    assert verdict.gains(moved, Span(Edge(500 * MS), Edge(2000 * MS))) == ["beta", "beta"]
    assert verdict.gains(moved, Span(Edge(1601 * MS), Edge(2000 * MS))) == []
    assert verdict.moves(moved, Span(Edge(500 * MS), Edge(2000 * MS)), "alpha") == 1
    assert verdict.holding(moved) == {"beta"}


def test_an_answer_without_an_address_is_a_problem() -> None:
    """Then something else answers: no figure means what it says."""
    good = record(address(1, "alpha", True), asked(100, 200), heard(100, 200, "alpha"))
    assert verdict.strays(good, ALL) == []
    ghost = record(address(1, "alpha", True), asked(100, 200), heard(100, 200, "beta"))
    assert verdict.strays(ghost, ALL) == [f"beta answered for {VIP} without having it"]


def flash(*others: dict[str, Any]) -> Record:
    """Alpha answers for both VIPs for 3 ms; its kernel tells of the one alone."""
    word = address(1001, "alpha", True), address(1004, "alpha", False)
    seen = heard(1000, 1005, "alpha", VIP, 2), heard(1000, 1005, "alpha", VIP6, 2)
    return record(*word, *others, asked(100, 2000), *seen)


def test_an_answer_without_a_word_is_no_stray_beside_the_word_of_another_address() -> None:
    """An IPv6 address that goes before its work queue has run is never told of."""
    assert verdict.strays(flash(), ALL) == []
    assert verdict.overlaps(flash(), ALL) == []
    alone = record(asked(100, 2000), heard(1000, 1005, "alpha", VIP6))
    assert verdict.strays(alone, ALL) == [f"alpha answered for {VIP6} without having it"]
    long_ago = record(
        address(100, "alpha", True),
        address(400, "alpha", False),
        asked(100, 2000),
        heard(1000, 1005, "alpha", VIP6),
    )
    assert verdict.strays(long_ago, ALL) == [f"alpha answered for {VIP6} without having it"]


def test_an_answer_without_a_word_beside_another_that_answers_is_two() -> None:
    """Beta has it before the question, and after the answer."""
    both = flash(
        address(900, "beta", True, VIP6),
        heard(900, 2000, "beta", VIP6),
    )
    (found,) = verdict.overlaps(both, Span(Edge(0), Edge(2000 * MS)))
    assert (found.vip, found.nodes) == (VIP6, ("alpha", "beta"))
    assert found.begin.t == 1002 * MS, "an instant"
    assert found.seconds > 0
    assert verdict.overlaps(both, Span(Edge(1010 * MS), Edge(2000 * MS))) == []
    assert verdict.overlaps(both, ALL, gates=False) == [], "its kernel told of no address"


@pytest.mark.parametrize(
    "beta",
    [
        (address(1001, "beta", True, VIP6),),
        (address(100, "beta", True, VIP6), address(1001, "beta", False, VIP6)),
        (address(900, "beta", True, VIP6), heard(900, 995, "beta", VIP6)),
    ],
    ids=["comes", "goes", "silent"],
)
def test_a_hand_over_around_an_answer_without_a_word_is_no_overlap(
    beta: tuple[dict[str, Any], ...],
) -> None:
    """Between the question and when the answer was heard one may have gone, the other come."""
    assert verdict.overlaps(flash(*beta), ALL) == []


def test_a_late_word_hides_no_overlap() -> None:
    """Alpha answered before its kernel told of the address, and beta did all that time."""
    made = record(
        address(900, "beta", True, VIP6),
        address(1003, "beta", False, VIP6),
        address(1004, "alpha", True, VIP6),
        asked(100, 2000),
        heard(900, 1005, "beta", VIP6),
        heard(1000, 2000, "alpha", VIP6, 2),
    )
    (found,) = verdict.overlaps(made, ALL)
    assert found.begin.t == 1002 * MS


def test_a_late_frame_of_who_had_it_is_no_overlap() -> None:
    """It was sent before the address went, and was under way while the next one took it."""
    made = record(
        address(100, "alpha", True),
        address(1000, "alpha", False),
        address(1020, "beta", True),
        asked(100, 2000),
        heard(100, 1000, "alpha"),
        heard(1100, 1105, "alpha"),
        heard(1020, 2000, "beta"),
    )
    assert verdict.overlaps(made, ALL) == []


def served(*ms: float) -> dict[str, Any]:
    """Answers to the client."""
    answers = [[round(t * MS), "alpha"] for t in ms]
    return {"kind": "client", "asked": [0], "answers": answers}


def test_the_outage_is_the_longest_silence_for_the_client() -> None:
    """From answer to answer, the last one before the window included."""
    made = record(served(10, 20, 320, 330, 3000))
    window = Span(Edge(15 * MS), Edge(400 * MS))
    assert verdict.outage_s(made, window) == pytest.approx(0.3)
    assert verdict.outage_s(made, Span(Edge(15 * MS), Edge(2900 * MS))) is None


def test_lost_events_make_every_figure_void() -> None:
    """The queue of the kernel was full."""
    assert record({"kind": "lost"}).problems


def test_a_judge_that_was_held_up_is_said() -> None:
    """The longest time without a question, the edges of the window included."""
    made = record(asked(100, 200), asked(1200, 1300))
    window = Span(Edge(100 * MS), Edge(1300 * MS))
    assert verdict.unwatched_s(made, window) == pytest.approx(1.005)


def test_what_is_forgotten_is_only_old() -> None:
    """Presences are kept for ever; questions and answers from before the window are not."""
    made = record(*HANDED_OVER, asked(100, 2000), heard(100, 1000, "alpha"), served(50, 1500))
    made.forget(990 * MS)
    assert made.questions[0] == (990 * MS, 990)
    assert set(made.heard["alpha", VIP]) == {990, 995}
    assert made.served == [(1500 * MS, "alpha")]
    assert len(made.changes) == 3
