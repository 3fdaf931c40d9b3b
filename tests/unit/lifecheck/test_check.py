"""What a check says: of its probes, of where it counts, and of what is asked for."""

import pytest

from lifecheck.check import Check, Claim
from lifecheck.detector import Verdict
from lifecheck.plan import OnFail
from tests.unit.lifecheck.checks import RESTART, check, probe, quick


def fail(subject: Check, now_ms: int = 0, detail: str = "refused") -> bool:
    """One failure of the first probe."""
    return subject.saw(now_ms, 0, ok=False, detail=detail)


def succeed(subject: Check, now_ms: int = 0) -> bool:
    """One success of the first probe."""
    return subject.saw(now_ms, 0, ok=True, detail="answered")


def test_it_is_down_as_soon_as_one_probe_is() -> None:
    """A cheap level that fails needs no confirmation by the deep one."""
    subject = check("web", probe(fails=1), probe("http", fails=1))
    assert not subject.saw(0, 1, ok=True, detail="")
    assert subject.verdict is Verdict.UNKNOWN
    assert subject.saw(1, 0, ok=False, detail="refused")
    assert subject.verdict is Verdict.DOWN


def test_it_is_up_when_all_probes_are() -> None:
    """A port that is open is not yet a service."""
    subject = check("web", probe(), probe("http"))
    subject.saw(0, 0, ok=True, detail="")
    assert subject.verdict is Verdict.UNKNOWN
    subject.saw(0, 1, ok=True, detail="")
    assert subject.verdict is Verdict.UP


def test_the_reason_is_what_was_seen_when_it_fell() -> None:
    """`why did it move` must not change with every later look."""
    subject = quick("postgres")
    fail(subject, 5, "no process matches `postgres -D`")
    fail(subject, 6, "something else")
    assert subject.text() == "postgres: no process matches `postgres -D`"
    assert subject.since_ms == 5


def test_each_fall_is_counted_once() -> None:
    """The fail count says how often, not how long."""
    subject = quick()
    for outcome in (fail, fail, succeed, fail):
        outcome(subject)
    assert subject.fail_count == 2


@pytest.mark.parametrize(
    ("on_fail", "claim"),
    [
        (OnFail("release"), Claim(is_dead=True)),
        (OnFail("veto"), Claim(is_veto=True)),
        (OnFail("priority", by=10), Claim(handicap=10)),
        (OnFail("report"), Claim()),
        (OnFail("restart", restarts=0), Claim(is_dead=True)),
    ],
)
def test_what_it_asks_for_when_down(on_fail: OnFail, claim: Claim) -> None:
    """on_fail is the whole of it."""
    subject = quick(on_fail=on_fail)
    fail(subject)
    assert subject.claim() == claim
    succeed(subject)
    assert subject.claim() == Claim()


@pytest.mark.parametrize("kind", ["release", "restart", "veto", "priority", "report"])
def test_only_what_could_call_the_node_dead_leaves_it_undecided(kind: str) -> None:
    """A gateway that was not asked yet says nothing against the node."""
    on_fail = OnFail(kind, restarts=1)  # type: ignore[arg-type]
    assert quick(on_fail=on_fail).claim().is_unknown is (kind in {"release", "restart"})


def test_a_disarmed_check_is_no_reason_against_a_standby() -> None:
    """Its service runs only where the VIP is."""
    subject = quick(when="escalated")
    assert subject.verdict is Verdict.DISARMED
    assert not fail(subject)
    assert (subject.verdict, subject.claim()) == (Verdict.DISARMED, Claim())
    assert subject.detectors[0].runs == 0


def test_an_armed_check_counts_under_its_epoch() -> None:
    """The node ignores what was found under another one."""
    subject = quick(when="escalated")
    assert subject.arm(10, 7)
    assert subject.verdict is Verdict.UNKNOWN
    fail(subject, 11)
    assert subject.claim() == Claim(is_dead=True, epoch=7)


def test_disarming_takes_everything_back() -> None:
    """The service was stopped on purpose."""
    subject = quick(when="escalated")
    subject.arm(0, 7)
    fail(subject)
    assert subject.arm(5, 0)
    assert (subject.verdict, subject.claim()) == (Verdict.DISARMED, Claim())


def test_arming_twice_changes_nothing() -> None:
    """The node says it again after every registration."""
    subject = quick(when="escalated")
    subject.arm(0, 7)
    fail(subject)
    assert not subject.arm(9, 7)
    assert subject.verdict is Verdict.DOWN


def test_a_new_epoch_knows_nothing_of_the_old_one() -> None:
    """Between the two the node was off."""
    subject = quick(when="escalated")
    subject.arm(0, 7)
    fail(subject)
    assert subject.arm(9, 8)
    assert subject.verdict is Verdict.UNKNOWN


def test_a_check_that_always_counts_is_not_armed() -> None:
    """Its epoch stays 0: the node must not ignore it."""
    subject = quick()
    assert not subject.arm(0, 7)
    assert subject.epoch == 0


def test_arming_starts_the_delay_anew() -> None:
    """The escalation hook has only just started the service."""
    subject = check("db", probe(fails=1, start_delay_ms=1000), when="escalated")
    subject.arm(50_000, 3)
    fail(subject, 50_900)
    assert subject.verdict is Verdict.UNKNOWN
    fail(subject, 51_000)
    assert subject.verdict is Verdict.DOWN


def restarted(subject: Check, now_ms: int, ticket: int, *, ok: bool = True) -> None:
    """Fail, and have the service restarted."""
    fail(subject, now_ms)
    assert subject.restart_is_due(now_ms)
    subject.restarts.started(now_ms, ticket)
    assert subject.restart_ended(now_ms, ticket, ok=ok, detail="exit 3")


def test_a_restart_comes_before_a_release() -> None:
    """Starting it again here is faster than moving, if it helps."""
    subject = quick(on_fail=RESTART)
    fail(subject)
    assert subject.claim() == Claim(is_unknown=True)
    assert subject.restart_is_due(0)
    subject.restarts.started(0, 1)
    assert subject.text() == "web: refused (restart 1 of 2 is running)"
    assert not subject.is_counting
    assert not subject.restart_is_due(1)


def test_what_is_seen_during_a_restart_does_not_count() -> None:
    """The service is being stopped and started."""
    subject = quick(on_fail=RESTART)
    fail(subject)
    subject.restarts.started(0, 1)
    assert not succeed(subject)
    assert subject.verdict is Verdict.DOWN


def test_after_its_restarts_the_node_is_let_go() -> None:
    """N times in a window, then as release."""
    subject = quick(on_fail=RESTART)
    restarted(subject, 0, 1)
    assert subject.verdict is Verdict.UNKNOWN
    restarted(subject, 10, 2, ok=False)
    fail(subject, 20)
    assert not subject.restart_is_due(20)
    assert subject.claim() == Claim(is_dead=True)
    assert subject.text() == "web: refused (after 2 restarts, restart failed: exit 3)"


def test_a_restart_that_helped_ends_the_matter() -> None:
    """The first success after it counts at once."""
    subject = quick(on_fail=RESTART)
    restarted(subject, 0, 1)
    succeed(subject, 10)
    assert (subject.verdict, subject.claim()) == (Verdict.UP, Claim())


def test_a_restart_of_a_disarmed_check_is_nobodys_any_more() -> None:
    """Its end must not wake a check that does not count."""
    subject = quick(on_fail=RESTART, when="escalated")
    subject.arm(0, 7)
    fail(subject)
    subject.restarts.started(0, 1)
    subject.arm(1, 0)
    assert not subject.restart_ended(2, 1, ok=True, detail="")
    assert subject.verdict is Verdict.DISARMED


def test_a_reset_clears_counts_and_the_restart_window() -> None:
    """The operator has mended it, and says so."""
    subject = quick(on_fail=RESTART)
    restarted(subject, 0, 1)
    restarted(subject, 1, 2)
    fail(subject, 2)
    assert not subject.restart_is_due(2)
    subject.reset()
    assert (subject.fail_count, subject.restarts.count) == (0, 0)
    fail(subject, 3)
    assert subject.restart_is_due(3)


def test_changed_numbers_count_from_the_next_outcome() -> None:
    """`check set` until the next start."""
    subject = check("web", probe(fails=3))
    fail(subject)
    subject.change([probe(fails=1)])
    assert subject.verdict is Verdict.UNKNOWN
    fail(subject)
    assert subject.verdict is Verdict.DOWN


def test_a_reset_takes_back_what_was_changed() -> None:
    """The file is what holds, once the operator is done."""
    subject = check("web", probe(fails=3))
    subject.change([probe(fails=1)])
    subject.reset()
    assert subject.probes == list(subject.plan.probes)
    assert subject.detectors[0].patience.fails == 3
