"""When outcomes become a verdict: repetition, windows, and what does not count yet."""

from lifecheck.detector import DETAIL_MAX, REPEAT_MS, Detector, Patience, Verdict

EVERY_MS = 5000


def patience(
    fails: int = 3, rises: int = 2, window_ms: int = 0, start_delay_ms: int = 0
) -> Patience:
    """Three failures, two successes."""
    return Patience(fails, rises, window_ms, start_delay_ms)


def feed(detector: Detector, outcomes: str, start_ms: int = 0, step_ms: int = 1000) -> list[str]:
    """Give `+` and `-` one after the other; the verdict after each."""
    verdicts = []
    for place, outcome in enumerate(outcomes):
        detector.saw(start_ms + place * step_ms, ok=outcome == "+", detail=outcome)
        verdicts.append(detector.verdict.value)
    return verdicts


def test_nothing_is_known_before_the_first_outcome() -> None:
    """UNKNOWN moves nothing, so it is the only safe word for it."""
    assert Detector(patience(), 0).verdict is Verdict.UNKNOWN


def test_the_first_success_counts_at_once() -> None:
    """Nobody has called it down yet, so there is nothing to take back."""
    assert feed(Detector(patience(), 0), "+") == ["up"]


def test_down_needs_failures_in_a_row() -> None:
    """One lost packet is no outage."""
    found = feed(Detector(patience(), 0), "+--+---")
    assert found == ["up", "up", "up", "up", "up", "up", "down"]


def test_failures_from_the_start_are_down_as_soon_as_they_count() -> None:
    """A service that never ran is as dead as one that stopped."""
    assert feed(Detector(patience(), 0), "---") == ["unknown", "unknown", "down"]


def test_up_needs_successes_in_a_row() -> None:
    """A service that flaps must not get the VIP back at every blink."""
    detector = Detector(patience(), 0)
    assert feed(detector, "---+-+-++")[3:] == ["down", "down", "down", "down", "down", "up"]


def test_a_flap_after_up_starts_to_count_from_nothing() -> None:
    """Old failures were paid for by the successes."""
    assert feed(Detector(patience(), 0), "---++--")[-1] == "up"


def test_a_window_counts_failures_between_successes() -> None:
    """A service that fails every other time is not healthy, however often it recovers."""
    detector = Detector(patience(window_ms=10_000), 0)
    assert feed(detector, "+-+-+-")[-1] == "down"


def test_failures_outside_the_window_are_forgotten() -> None:
    """Three failures in a week are no outage."""
    detector = Detector(patience(window_ms=10_000), 0)
    assert feed(detector, "+-+-+-", step_ms=5000)[-1] == "up"


def test_a_failure_that_is_in_doubt_is_repeated_soon() -> None:
    """Patience costs a second per repetition, not a whole period."""
    detector = Detector(patience(), 0)
    feed(detector, "+")
    assert detector.pause_ms(EVERY_MS) == EVERY_MS
    feed(detector, "-")
    assert detector.pause_ms(EVERY_MS) == REPEAT_MS
    assert detector.pause_ms(200) == 200
    feed(detector, "--")
    assert detector.pause_ms(EVERY_MS) == EVERY_MS


def test_failures_before_the_start_delay_do_not_count() -> None:
    """A database that recovers is not dead, however long it takes."""
    detector = Detector(patience(start_delay_ms=10_000), 0)
    assert feed(detector, "-" * 10) == ["unknown"] * 10
    assert feed(detector, "---", start_ms=10_000)[-1] == "down"


def test_a_success_within_the_start_delay_counts() -> None:
    """Waiting longer would tell nobody anything."""
    assert feed(Detector(patience(start_delay_ms=10_000), 0), "+") == ["up"]


def test_starting_over_knows_nothing_and_keeps_the_counts() -> None:
    """What was seen before an arming or a restart says nothing of now."""
    detector = Detector(patience(start_delay_ms=1000), 0)
    feed(detector, "----", start_ms=2000)
    detector.start_over(20_000)
    assert detector.verdict is Verdict.UNKNOWN
    assert (detector.runs, detector.failures, detector.last_ms) == (4, 4, None)
    assert feed(detector, "---", start_ms=20_000, step_ms=100)[-1] == "unknown"


def test_after_a_reset_the_next_outcome_decides() -> None:
    """The operator says that it is mended, or wants to know at once that it is not."""
    detector = Detector(patience(), 0)
    feed(detector, "---")
    detector.reset()
    assert (detector.verdict, detector.failures) == (Verdict.DOWN, 0)
    assert feed(detector, "+") == ["up"]
    detector.reset()
    assert feed(detector, "-") == ["down"]
    assert feed(detector, "+") == ["down"]


def test_numbers_that_change_leave_the_verdict() -> None:
    """`check set` must not move anything by itself."""
    detector = Detector(patience(), 0)
    feed(detector, "+--")
    detector.change(patience(fails=2))
    assert detector.verdict is Verdict.UP
    assert feed(detector, "--") == ["up", "down"]


def test_it_is_settled_when_the_verdict_says_what_was_seen_last() -> None:
    """Else somebody must look again (a process probe has no pace of its own)."""
    detector = Detector(patience(fails=2, rises=2), 0)
    assert not detector.is_settled
    seen = []
    for outcome in "+--++":
        feed(detector, outcome)
        seen.append(detector.is_settled)
    assert seen == [True, False, True, False, True]


def test_a_year_of_failures_takes_no_room() -> None:
    """Nothing that a service does may grow in memory."""
    for window_ms in (0, 10**12):
        detector = Detector(patience(window_ms=window_ms), 0)
        feed(detector, "-" * 1000)
        assert len(detector._failed_at_ms) <= 4


def test_a_detail_is_cut() -> None:
    """It travels in every report."""
    detector = Detector(patience(), 0)
    detector.saw(0, ok=True, detail="x" * 1000)
    assert len(detector.detail) == DETAIL_MAX
