"""What waits for the gate's thread: the urgent first, every ticket and arm answered in order."""

from watchdog.guardian import actions as act
from watchdog.guardian.nft.backlog import TICKETS_MAX, Backlog, End, Job


def ticket(number: int) -> act.OpenTicket:
    """The ticket of a round."""
    return act.OpenTicket(1, number, 10**9)


def arm(number: int) -> act.ArmGate:
    """An arm for a round."""
    return act.ArmGate(1, number, 10**9)


def drained(backlog: Backlog) -> list[Job]:
    """Everything in the order in which it is taken."""
    found: list[Job] = []
    while (job := backlog.take()) is not None:
        found.append(job)
    return found


def test_the_urgent_comes_first() -> None:
    """Closing, arming, tickets in their order, looking."""
    backlog = Backlog()
    looks: list[Job] = [act.CheckMachine(), act.CheckMachine()]
    for job in [*looks, act.CloseGate(), ticket(1), arm(9), ticket(2)]:
        backlog.put(job)
    expected = [act.CloseGate(), arm(9), ticket(1), ticket(2), act.CheckMachine()]
    assert drained(backlog) == expected
    assert not backlog.refused


def test_a_newer_arm_replaces_one_that_waits() -> None:
    """Which is answered, because every one is."""
    backlog = Backlog()
    for number in (1, 2, 3):
        backlog.put(arm(number))
    assert drained(backlog) == [arm(3)]
    assert [job for job, _ in backlog.refused] == [arm(1), arm(2)]
    assert backlog.refused[0][1] == "round 2 was armed instead"


def test_closing_refuses_what_waits_and_not_what_comes_after() -> None:
    """Nobody who asked before gets a lease after it."""
    backlog = Backlog()
    for job in (ticket(1), ticket(2), arm(1), act.CheckMachine(), act.CloseGate(), ticket(3)):
        backlog.put(job)
    assert drained(backlog) == [act.CloseGate(), ticket(3), act.CheckMachine()]
    assert [job for job, _ in backlog.refused] == [ticket(1), ticket(2), arm(1)]


def test_too_many_tickets_cost_the_oldest() -> None:
    """A kernel that does not answer for long fills no memory."""
    backlog = Backlog()
    for number in range(TICKETS_MAX + 2):
        backlog.put(ticket(number))
    assert [job for job, _ in backlog.refused] == [ticket(0), ticket(1)]
    assert drained(backlog)[0] == ticket(2)


def test_the_end_is_before_everything_and_stays() -> None:
    """What waits is refused."""
    backlog = Backlog()
    for job in (ticket(1), act.CloseGate(), End()):
        backlog.put(job)
    assert backlog.take() == End()
    assert backlog.take() == End()
    assert [job for job, _ in backlog.refused] == [ticket(1)]
