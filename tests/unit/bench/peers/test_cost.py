"""What a node costs, from two looks at its processes."""

from bench.peers.cost import grown_s


def test_what_was_spent_before_is_not_charged() -> None:
    """Nor is a process that has ended: its parent has its time."""
    assert grown_s({1: 5.0, 2: 9.0}, {1: 6.5, 3: 0.25}) == 1.75
