"""What the comparison prints is computed from the raw figures alone."""

from typing import Any

from bench.peers.table import NOT_MEASURED, costs, lines, markdown, text

DONE: dict[str, Any] = {
    "outage_ms": 50.0,
    "two_holders_s": 0.0,
    "two_holders_most_s": 0.0,
    "last_overlap_s": 0.0,
    "moved": True,
    "lasted_s": 10.0,
    "recovered": True,
}
COST = {"cpu_s_per_minute": 0.2, "pss_mib": 12.5, "uss_mib": 3.0}


def _run(*done: dict[str, Any], **row: Any) -> dict[str, Any]:
    ours = {
        "peer": "keepalived",
        "variant": "default",
        "settings": "adverts each 1 s",
        "version": "2.2.7",
        "seconds": 120.0,
        "idle": {"holder": COST, "other": COST},
        "faults": {"silent cut": [DONE | one for one in done]},
        "problems": [],
    }
    return {"reps": len(done), "rows": [ours | row]}


def test_median_and_worst_stand_beside_each_other() -> None:
    """Of the outage in seconds, and of the time with two holders."""
    run = _run({}, {"outage_ms": 70.0}, {"outage_ms": 900.0, "two_holders_s": 0.5})
    assert lines(run)[0][2:7] == ("3", "0.070", "0.900", "0", "0.500")


def test_two_holders_until_we_ended_it_are_marked() -> None:
    """The figure is then our choice, not the peer's."""
    assert lines(_run({"two_holders_s": 7.0, "last_overlap_s": 10.1}))[0][6] == "7.000+"
    assert lines(_run({"two_holders_s": 7.0, "last_overlap_s": 8.0}))[0][6] == "7.000"


def test_what_no_question_could_exclude_is_shown_as_a_bound() -> None:
    """None was seen; between two questions one could hide."""
    assert lines(_run({"two_holders_most_s": 0.002}))[0][5:7] == ("0", "< 0.002")


def test_what_was_not_measured_is_said() -> None:
    """Never a guess, never a zero."""
    run = _run(idle=None)
    run["rows"][0].pop("version")
    assert lines(run)[0][3] == NOT_MEASURED
    assert costs(run)[0][1] == NOT_MEASURED
    assert costs(run)[0][5] == NOT_MEASURED


def test_a_service_that_stayed_away_has_no_figure() -> None:
    """Once is enough for the worst case."""
    assert lines(_run({"outage_ms": None}))[0][3:5] == ("never", "never")
    assert lines(_run({}, {"outage_ms": None}))[0][3:5] == ("0.050", "never")


def test_nobody_took_over_is_said() -> None:
    """An outage of zero may be good luck: the holder was still reached."""
    assert lines(_run({"moved": False}))[0][7] == "nobody took over"
    assert lines(_run({"moved": False}, {}))[0][7] == "nobody took over in 1 of 2"


def test_each_row_tells_what_it_is_of() -> None:
    """Version, settings, and how long its run took."""
    assert costs(_run({}))[0][4:] == ("120.0", "2.2.7", "adverts each 1 s")


def test_problems_are_printed() -> None:
    """With the peer they are of."""
    assert "keepalived default: it fell" in text(_run({}, problems=["it fell"]))


def test_a_document_gets_the_same_lines() -> None:
    """As tables of Markdown."""
    run = _run({})
    for line in (*lines(run), *costs(run)):
        assert f"| {' | '.join(line)} |" in markdown(run)
