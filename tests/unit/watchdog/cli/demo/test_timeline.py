"""Figures come from observations alone, so every figure is tried on a hand-written story."""

from typing import Any

from watchdog.cli.demo.timeline import holders, outages, problems, render, unanswered

MS = 1_000_000
VIP = "10.77.0.100"
Story = list[dict[str, Any]]


def start() -> dict[str, Any]:
    """The first observation."""
    return {"t": 0, "kind": "start", "vips": [VIP]}


def address(ms: int, node: str, *, up: bool, what: str = VIP) -> dict[str, Any]:
    """What a kernel said."""
    return {"t": ms * MS, "kind": "address", "node": node, "address": what, "up": up}


def stamp(ms: int, node: str, event: str) -> dict[str, Any]:
    """What a hook wrote."""
    return {"t": ms * MS, "kind": "stamp", "node": node, "event": event}


def answers(first_ms: int, last_ms: int, node: str) -> Story:
    """A client that is answered every 5 ms."""
    return [
        {"t": ms * MS, "kind": kind, "seq": ms, "node": node}
        for ms in range(first_ms, last_ms + 1, 5)
        for kind in ("asked", "answer")
    ]


def fault(ms: int, title: str = "killed") -> dict[str, Any]:
    """What the demo did."""
    return {"t": ms * MS, "kind": "fault", "title": title}


def end(ms: int) -> dict[str, Any]:
    """The last observation that counts."""
    return {"t": ms * MS, "kind": "end"}


def failover() -> Story:
    """One fault: alpha gives up, beta takes over."""
    story = [
        start(),
        address(5, "alpha", up=True),
        *answers(10, 100, "alpha"),
        fault(102),
        address(103, "alpha", up=False),
        address(140, "beta", up=True),
        *answers(145, 300, "beta"),
        end(300),
    ]
    return sorted(story, key=lambda one: int(one["t"]))


def test_a_quick_hand_over_has_one_holder() -> None:
    """Order decides, not distance: down before up is one holder however close."""
    assert holders([start(), address(1, "a", up=True), address(2, "a", up=False)]).most == 1
    both = [address(1, "a", up=True), address(2, "a", up=False), address(2, "b", up=True)]
    assert holders([start(), *both]).most == 1


def test_an_overlap_of_an_instant_is_two_holders() -> None:
    """The tolerance is nothing: up before down at the same time counts."""
    story = [
        start(),
        address(1, "a", up=True),
        address(2, "b", up=True),
        address(2, "a", up=False),
    ]
    assert holders(story).nodes == ("a", "b")
    assert any("2 HOLDERS AT ONCE: a and b" in text for text in problems(story))


def test_other_addresses_are_no_vips() -> None:
    """Nodes have addresses of their own."""
    story = [start(), address(1, "a", up=True), address(2, "b", up=True, what="10.77.0.12")]
    assert holders(story).most == 1


def test_a_renewed_address_is_still_one_holder() -> None:
    """Kernels tell of every renewal of a lifetime as if the address were new."""
    story = [start(), *(address(ms, "a", up=True) for ms in range(5)), address(9, "a", up=False)]
    assert holders(story).most == 1
    assert render(story).count("a has") == 1


def test_a_node_with_two_vips_is_one_holder_until_both_are_gone() -> None:
    """All or nothing is promised, but half is counted as held."""
    other = "fd77::100"
    story = [
        {"t": 0, "kind": "start", "vips": [VIP, other]},
        address(1, "a", up=True),
        address(1, "a", up=True, what=other),
        address(2, "a", up=False),
        address(3, "b", up=True),
    ]
    assert holders(story).most == 2


def test_an_outage_is_the_longest_time_between_two_answers() -> None:
    """From the last answer of the old holder to the first of the new one."""
    (outage,) = outages(failover())
    assert outage.gap_ns == 45 * MS
    assert (outage.before, outage.after) == ("alpha", "beta")
    assert problems(failover()) == []


def test_an_outage_that_comes_late_in_the_window_is_found() -> None:
    """A cut is noticed a second after the fault; healing may hurt too."""
    story = [start(), address(1, "a", up=True), *answers(5, 100, "a"), fault(50)]
    story += [*answers(400, 500, "a"), end(500)]
    assert [outage.gap_ns for outage in outages(story)] == [300 * MS]


def test_each_fault_has_its_own_window() -> None:
    """The second fault's outage is not charged to the first."""
    story = [*failover()[:-1], fault(301, "second"), *answers(500, 600, "alpha"), end(600)]
    assert [outage.gap_ns for outage in outages(story)] == [45 * MS, 200 * MS]


def test_a_service_that_stays_away_is_a_problem() -> None:
    """No figure is printed for what did not end."""
    story = [one for one in failover() if one.get("node") != "beta"]
    assert [outage.gap_ns for outage in outages(story)] == [None]
    assert problems(story) == ["the service did not come back after: killed"]


def test_what_happens_after_the_end_is_not_charged() -> None:
    """Stopping the demo interrupts the service too."""
    story = [*failover(), *answers(900, 950, "beta")]
    assert [outage.gap_ns for outage in outages(story)] == [45 * MS]


def test_stamps_of_hooks_count_as_holding() -> None:
    """Without root there is no address to watch."""
    story = [
        start(),
        stamp(1, "a", "escalation"),
        fault(50),
        stamp(51, "a", "de_escalation"),
        stamp(91, "b", "escalation"),
        end(200),
    ]
    assert holders(story).most == 1
    assert [(o.gap_ns, o.after) for o in outages(story)] == [(40 * MS, "b")]


def test_two_stamped_escalations_are_two_holders() -> None:
    """The plant without root."""
    story = [start(), stamp(1, "a", "escalation"), stamp(2, "b", "escalation"), end(9)]
    assert holders(story).most == 2


def test_lost_messages_make_the_figures_void() -> None:
    """What was not seen cannot be counted."""
    story = [*failover(), {"t": 301 * MS, "kind": "lost"}]
    assert any("void" in text for text in problems(story))


def test_nobody_ever_holding_is_a_problem() -> None:
    """A demo in which nothing happened must not end well."""
    assert problems([start(), end(5)]) == ["nobody ever held the service"]


def test_unanswered_questions_are_counted_from_the_first_answer() -> None:
    """Before the first election nobody can answer."""
    story = failover()
    story += [{"t": (105 + 5 * i) * MS, "kind": "asked", "seq": 105 + 5 * i} for i in range(8)]
    story.sort(key=lambda one: int(one["t"]))
    assert unanswered(story) == 8


def test_the_rendering_names_faults_holders_and_figures() -> None:
    """What a person reads."""
    text = render(failover())
    for part in ("--- killed", "outage     45.0 ms", "alpha -> beta", "holders at any instant: 1"):
        assert part in text
    assert "client: answered by beta, after 45.0 ms without" in text
