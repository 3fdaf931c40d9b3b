"""The rows of `status`: complete when they fit, and always small enough for one frame."""

from ipc.framing import pack_request
from lifecheck.details import details, row
from lifecheck.plan import OnFail
from tests.unit.lifecheck.checks import RESTART, check, probe, process, quick


def test_a_row_says_what_and_since_when() -> None:
    """The ages are counted by whoever shows it: same machine, same clock."""
    subject = check("web", probe(fails=1), probe("http"))
    subject.saw(2500, 0, ok=False, detail="refused")
    assert row(subject, 9000) == {
        "name": "web",
        "verdict": "down",
        "reason": "refused",
        "since_boot_s": 2.5,
        "last_boot_s": 2.5,
        "fail_count": 1,
        "on_fail": "release",
        "when": "always",
        "probes": [
            {
                "kind": "tcp",
                "verdict": "down",
                "reason": "refused",
                "last_boot_s": 2.5,
                "runs": 1,
                "failures": 1,
            },
            {
                "kind": "http",
                "verdict": "unknown",
                "reason": "",
                "last_boot_s": None,
                "runs": 0,
                "failures": 0,
            },
        ],
    }


def test_a_process_is_looked_at_all_the_time() -> None:
    """Its last outcome is as old as its last change, and says nothing of when it was watched."""
    subject = check("db", process())
    assert row(subject, 9000)["last_boot_s"] is None
    subject.saw(2500, 0, ok=True, detail="pid 7")
    assert (row(subject, 9000)["since_boot_s"], row(subject, 9000)["last_boot_s"]) == (2.5, 9.0)


def test_on_fail_reads_as_it_was_written() -> None:
    """A person compares it with the file; restarts show how many are used up."""
    assert row(quick(on_fail=OnFail("priority", by=3)), 0)["on_fail"] == "priority:-3"
    assert row(quick(on_fail=RESTART), 0)["on_fail"] == "restart 0/2"


def test_everything_fits_when_there_is_little() -> None:
    """Nothing is cut without need."""
    found = details([quick()], [{"node": "b"}], ["process_connector"], 0)
    assert "cut" not in found
    assert (found["heartbeat"], found["accelerators"]) == ([{"node": "b"}], ["process_connector"])


def test_as_many_checks_as_there_may_be_fit_into_one_frame() -> None:
    """An answer is a request of 64 KiB at most: texts go first, then probes."""
    checks = [check(f"check-{number}", *[probe() for _ in range(16)]) for number in range(64)]
    for subject in checks:
        for index in range(16):
            subject.saw(0, index, ok=True, detail="é" * 200)
    found = details(checks, [], [], 0)
    pack_request("q", {"verb": "answer", "rid": 1, "ok": True, "body": found})
    assert isinstance(found["checks"], list)
    assert len(found["checks"]) == 64


def test_what_can_never_fit_is_counted() -> None:
    """Better a number than silence."""
    checks = [quick("n" * 63 + str(number)) for number in range(600)]
    found = details(checks, [], [], 0)
    pack_request("q", found)
    assert isinstance(found["checks"], list)
    assert found["cut"] == 600 - len(found["checks"])
