"""What a report says of this node, of all checks together."""

from lifecheck.check import REASON_MAX, Check
from lifecheck.plan import OnFail
from lifecheck.statement import VALID_MAX_MS, Own, Statement, report_body, state, valid_ms
from tests.unit.lifecheck.checks import quick

ALIVE = Own("alive", "", 0, "", 0)


def failed(name: str, on_fail: OnFail | None = None, epoch: int = 0, why: str = "gone") -> Check:
    """A check that is DOWN."""
    check = quick(name, on_fail=on_fail, when="escalated" if epoch else "always")
    if epoch:
        check.arm(0, epoch)
    check.saw(0, 0, ok=False, detail=why)
    return check


def passed(name: str = "ok") -> Check:
    """A check that is UP."""
    check = quick(name)
    check.saw(0, 0, ok=True, detail="")
    return check


def own(*checks: Check) -> Own:
    """What is said of this node."""
    return state(checks, {}).own


def test_nothing_against_the_node_is_alive() -> None:
    """A standby whose checks are all disarmed is fit."""
    assert own() == own(passed()) == own(quick(when="escalated")) == ALIVE


def test_what_is_not_decided_is_unknown() -> None:
    """At the start nothing is known, and nothing moves."""
    assert own(passed(), quick("db")).verdict == "unknown"


def test_the_reason_names_check_and_cause() -> None:
    """It is what `status` answers to "why did it move"."""
    assert own(failed("postgres", why="no process matches `postgres -D`")) == Own(
        "dead", "postgres: no process matches `postgres -D`", 0, "", 0
    )


def test_several_reasons_are_the_first_and_the_names_of_the_others() -> None:
    """In the order of the configuration."""
    assert own(failed("a"), failed("b"), failed("c")).reason == "a: gone (also: b, c)"


def test_dead_beats_unknown() -> None:
    """One dead service is enough."""
    assert own(quick("db"), failed("web")).verdict == "dead"


def test_an_epoch_is_said_when_only_that_makes_it_dead() -> None:
    """Dead without an epoch says more: it counts on a standby too."""
    assert own(failed("db", epoch=7)).epoch == 7
    both = own(failed("db", epoch=7), failed("web"))
    assert (both.epoch, both.reason) == (0, "web: gone (also: db)")


def test_vetoes_and_handicaps_leave_the_node_alive() -> None:
    """They only rank it behind others."""
    found = own(
        failed("gateway", OnFail("veto")),
        failed("disk", OnFail("priority", by=5)),
        failed("load", OnFail("priority", by=7)),
    )
    assert found == Own("alive", "", 0, "gateway: gone", 12)


def test_a_reason_fits_however_many_checks_fail() -> None:
    """It travels in HELLO."""
    checks = [failed("n" * 60 + str(number), why="x" * 300) for number in range(9)]
    assert len(own(*checks).reason) <= REASON_MAX


def test_a_restart_that_may_still_help_is_unknown() -> None:
    """It is not up, and not given up."""
    assert own(failed("web", OnFail("restart", restarts=1, within_ms=1000))).verdict == "unknown"


def test_a_report_is_what_the_socket_takes() -> None:
    """docs/ipc.md has the fields."""
    said = Statement(ALIVE, (("b", "dead", "not heard for 10 s"),))
    assert report_body(said, 700) == {
        "verb": "report",
        "own": {"verdict": "alive", "reason": "", "epoch": 0, "veto": "", "handicap": 0},
        "peers": {"b": {"verdict": "dead", "reason": "not heard for 10 s"}},
        "mute": 0,
        "valid_ms": 700,
    }


def test_what_the_heartbeats_say_is_handed_on() -> None:
    """Name, verdict, reason."""
    assert state([], {"b": ("alive", "")}).peers == (("b", "alive", ""),)


def test_a_report_is_believed_for_half_the_deadtime_at_most() -> None:
    """The node knows of a silent lifecheck before the others miss its heartbeats."""
    assert valid_ms(0) == VALID_MAX_MS
    assert valid_ms(10_000) == 5_000
    assert valid_ms(600_000) == VALID_MAX_MS
