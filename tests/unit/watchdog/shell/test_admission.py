"""Who may stand in the doorway: bounds on connections that have not said who they are."""

from watchdog.shell.admission import PER_ADDRESS_MAX, TOTAL_MAX, Admission


def test_one_address_gets_four_places() -> None:
    """One machine cannot take all of them (reliability, resource exhaustion)."""
    admission = Admission(["10.0.0.2"])
    assert [admission.admit("10.9.9.9") for _ in range(5)] == [True] * 4 + [False]
    admission.release("10.9.9.9")
    assert admission.admit("10.9.9.9")


def test_a_crowd_of_strangers_leaves_the_members_their_places() -> None:
    """A member must be able to return during a flood."""
    members = ["10.0.0.2", "10.0.0.3"]
    admission = Admission(members)
    admitted = sum(admission.admit(f"10.8.{n // 200}.{n % 200}") for n in range(10_000))
    assert admitted == TOTAL_MAX - PER_ADDRESS_MAX * len(members)
    assert all(admission.admit(member) for member in members for _ in range(PER_ADDRESS_MAX))
    assert admission.total == TOTAL_MAX


def test_places_come_back_when_connections_end() -> None:
    """A leak would close the door for ever."""
    admission = Admission([])
    for _ in range(1000):
        assert admission.admit("10.9.9.9")
        admission.release("10.9.9.9")
    assert admission.total == 0
