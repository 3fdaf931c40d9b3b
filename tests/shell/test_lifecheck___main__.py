"""How lifecheck is started: what it is given, and what it refuses."""

import pytest

from lifecheck.__main__ import EXIT_REFUSED, main, read_options


def test_descriptors_are_given_by_name() -> None:
    """The guardian says which is which."""
    found = read_options(["--plan-fd", "3", "--key-fd", "4", "--guard-fd", "5"])
    assert (found["plan-fd"], found["key-fd"], found["guard-fd"]) == ([3], [4], [5])
    assert (found["icmp-fd"], found["connector-fd"], found["perf-fds"]) == ([], [], [])


def test_a_list_is_numbers_with_commas() -> None:
    """One perf event for each processor."""
    needed = ["--plan-fd", "3", "--key-fd", "4", "--guard-fd", "5"]
    assert read_options([*needed, "--perf-fds", "6,7"])["perf-fds"] == [6, 7]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--plan-fd", "3"],
        ["--plan-fd"],
        ["--plan-fd", "3", "--key-fd", "4", "--guard-fd", "x"],
        ["--plan-fd", "3", "--key-fd", "4", "--guard-fd", "5", "--other", "6"],
        ["--plan-fd", "3", "--key-fd", "4", "--guard-fd", "5", "--perf-fds"],
        ["--plan-fd", "3", "--key-fd", "4", "--guard-fd", "5,"],
    ],
)
def test_whoever_starts_it_by_hand_is_told(arguments: list[str]) -> None:
    """It is of no use without a guardian."""
    with pytest.raises(SystemExit, match="lifecheck: "):
        main(arguments)


def test_the_exit_code_of_a_plan_that_does_not_fit_is_its_own() -> None:
    """The guardian then waits a minute instead of trying again at once."""
    assert EXIT_REFUSED == 2
