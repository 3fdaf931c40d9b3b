"""From what the observer saw to the figures of each fault."""

import pytest

from bench.failover import FAULTS, by_fault, expected
from bench.outage import Outage

MS = 1_000_000


def _outage(title: str, gap_ns: int | None) -> Outage:
    return Outage(title, gap_ns)


def test_outages_are_listed_by_fault_in_their_order() -> None:
    """The raw file has every single figure, so that anybody can compute another percentile."""
    seen = [_outage("switchover", 12 * MS), _outage("silent cut", 900 * MS)]
    seen.append(_outage("switchover", 11 * MS + 250_000))
    assert by_fault(seen) == {"switchover": [12.0, 11.25], "silent cut": [900.0]}


def test_a_service_that_stayed_away_is_no_figure() -> None:
    """Leaving it out would make the worst case look good."""
    with pytest.raises(RuntimeError, match="did not come back"):
        by_fault([_outage("silent cut", None)])


def test_every_fault_has_an_expectation_to_be_compared_with() -> None:
    """A figure alone does not say whether it is good."""
    for profile in ("default", "fast"):
        assert set(expected(profile, "rt")) == set(FAULTS)


def test_what_is_expected_of_a_silent_cut_follows_from_the_timing() -> None:
    """A faster profile and a better scheduling class promise less."""
    default, fast = expected("default", "rt")["silent cut"], expected("fast", "rt")["silent cut"]
    nice = expected("fast", "nice")["silent cut"]
    assert fast["worst"] < default["worst"]
    assert fast["worst"] < nice["worst"]
    assert fast["median"] < fast["worst"]
