"""Announcements, and what is really on the machine."""

from tests.unit.watchdog.guardian.rig import BARE, VIP_ONLY, Rig, names, only, policy, warned
from watchdog.guardian import actions as act
from watchdog.guardian_protocol import Reannounce


def alarms(actions: list[act.Action]) -> list[str]:
    """The names of the alarms."""
    return [alarm.name for alarm in only(act.Alarm, actions)]


def test_the_machine_is_looked_at_every_second() -> None:
    """Anybody with root may add or remove an address."""
    rig = Rig(policy(**VIP_ONLY)).start()
    assert len(only(act.CheckMachine, rig.wait(5001))) == 5


def test_a_standby_wakes_once_for_each_look() -> None:
    """Nothing that it waits for is a lease: to come early would be to come four times."""
    rig = Rig(policy(**VIP_ONLY)).start()
    rig.wait(3000)
    rig.wakes = 0
    looks = only(act.CheckMachine, rig.wait(10_500))
    assert len(looks) == rig.wakes == 10


def test_a_node_without_vips_looks_at_nothing() -> None:
    """There is nothing to reconcile."""
    rig = Rig(policy(**BARE)).start()
    assert only(act.CheckMachine, rig.wait(3000)) == []


def test_a_look_without_an_answer_is_not_repeated() -> None:
    """A machine that does not answer is not asked ever more."""
    rig = Rig(policy(**VIP_ONLY)).start()
    rig.silent = {act.CheckMachine}
    assert len(only(act.CheckMachine, rig.wait(5001))) == 1


def test_a_vip_that_somebody_removed_is_put_back_and_announced() -> None:
    """The client waits for the address, not for an explanation; the operator gets both."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    back = rig.feed(act.MachineChecked(0, 1))
    assert alarms(back) == warned(back) == ["vip_was_gone"]
    assert only(act.RefreshVips, back)
    assert "Announce" in names(back)


def test_a_vip_that_is_there_while_off_is_removed() -> None:
    """It is somebody else's now, or will be."""
    rig = Rig(policy(**VIP_ONLY)).start()
    gone = rig.feed(act.MachineChecked(1, 0))
    assert alarms(gone) == ["vip_was_left"]
    assert names(gone) == ["RemoveVips"]


def test_what_should_be_there_and_is_says_nothing() -> None:
    """The ordinary second."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    assert rig.feed(act.MachineChecked(1, 0)) == []


def test_an_answer_that_comes_while_going_off_changes_nothing() -> None:
    """It was true before."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.silent = {act.RemoveVips}
    rig.deescalate()
    assert rig.feed(act.MachineChecked(1, 0)) == []


def test_the_network_is_told_again_when_part_of_it_is_back() -> None:
    """What was cut off has not heard of the last move."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.wait(500)
    assert names(rig.say(Reannounce())) == ["Announce"]


def test_who_is_off_announces_nothing() -> None:
    """An announcement moves traffic."""
    rig = Rig(policy(**VIP_ONLY)).start()
    assert names(rig.say(Reannounce())) == []
