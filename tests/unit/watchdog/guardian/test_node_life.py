"""The node process: its end, its will, its successor, and the orderly stop (G7)."""

from tests.unit.watchdog.guardian.rig import BARE, HARD_MS, VIP_ONLY, WILL, Rig, names, only, policy
from watchdog.guardian import actions as act
from watchdog.guardian_protocol import ArmWill, NodeUp

DE = act.HookKind.DE_ESCALATION


def test_a_dead_node_goes_off_then_leaves_its_will_then_has_a_successor() -> None:
    """The will names the incarnation whose process is gone; nothing of it is on."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    got = rig.feed(act.NodeExited(-9))
    assert names(got) == ["RemoveVips", "SendWill"]
    got = rig.wait(100)
    assert names(got) == ["SendWill", "SendWill", "StartNode"]
    assert {action.will for action in only(act.SendWill, rig.seen)} == {WILL}


def test_the_will_waits_for_off() -> None:
    """A RELEASE before off would let another go on beside us."""
    rig = Rig().start().on()
    rig.silent = {act.StartHook}
    rig.feed(act.NodeExited(1))
    assert only(act.SendWill, rig.wait(400)) == []
    got = rig.feed(act.HookExited(DE, True, ""))
    assert len(only(act.SendWill, got)) == 1


def test_the_will_is_sent_whatever_the_exit_code_and_when_nothing_was_on() -> None:
    """It frees the votes of the dead too, which a candidate's promise binds."""
    rig = Rig(policy(**BARE)).start()
    rig.feed(act.NodeExited(0))
    rig.wait(50)
    assert len(only(act.SendWill, rig.seen)) == 3


def test_no_will_follows_a_failed_hook_until_the_promises_are_over() -> None:
    """What the hook should have ended may live elsewhere."""
    rig = Rig().start().on()
    rig.silent = {act.StartHook}
    rig.feed(act.NodeExited(1))
    rig.feed(act.HookExited(DE, False, "exit code 1"))
    rig.wait(200)
    assert only(act.SendWill, rig.seen) == []
    rig.say(NodeUp(b"j" * 16))
    rig.say(ArmWill(b"second", ()))
    rig.wait(HARD_MS)
    rig.feed(act.NodeExited(1))
    rig.wait(200)
    assert {a.will.datagram for a in only(act.SendWill, rig.seen)} == {b"second"}


def test_a_successor_starts_at_hard_when_off_cannot_be_confirmed() -> None:
    """It votes meanwhile (LOADING, not OFF-clean); the will follows when all is off."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.vip_fault = "device busy"
    rig.feed(act.NodeExited(-9))
    assert "StartNode" not in names(rig.wait(HARD_MS - 50))
    assert "StartNode" in names(rig.wait(100))
    rig.say(NodeUp(b"j" * 16))
    assert only(act.SendWill, rig.seen) == []
    rig.vip_fault = ""
    rig.wait(150)
    assert [a.will for a in only(act.SendWill, rig.seen)] == [WILL] * 3


def test_restarts_back_off_and_recover() -> None:
    """A node that dies at once must not be started a thousand times a second."""
    rig = Rig(policy(**BARE))
    rig.feed(act.Started())
    gaps = []
    for _ in range(10):
        died = rig.ms
        rig.feed(act.NodeExited(1))
        while "StartNode" not in names(rig.wait(10)):
            assert rig.ms < died + 6000
        gaps.append(round((rig.ms - died) / 10) * 10)
    assert gaps[:4] == [50, 100, 200, 400]
    assert gaps[-1] == 5000
    rig.wait(10_000)
    rig.feed(act.NodeExited(1))
    assert "StartNode" in names(rig.wait(60)), "ten good seconds begin anew"


def test_a_closed_socket_kills_the_process_and_waits_for_it() -> None:
    """EOF alone says nothing about the process: it could still send."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.silent = {act.KillNode}
    got = rig.feed(act.NodeClosed("closed"))
    assert names(got) == ["RemoveVips"]
    assert len(only(act.KillNode, got)) == 1
    assert only(act.SendWill, rig.wait(500)) == []
    assert len(only(act.SendWill, rig.feed(act.NodeExited(-9)))) == 1


def test_a_process_that_cannot_be_started_is_tried_again() -> None:
    """NodeExited without NodeStarted."""
    rig = Rig(policy(**BARE))
    rig.silent = {act.StartNode}
    rig.feed(act.Started())
    rig.feed(act.NodeExited(127))
    assert "StartNode" in names(rig.wait(60))


def test_a_stop_lets_the_node_resign_and_ends_when_all_is_off() -> None:
    """SIGTERM to the node first; its exit, its will, then ours."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    assert len(only(act.TerminateNode, rig.feed(act.StopRequested()))) == 1
    rig.deescalate()
    got = rig.feed(act.NodeExited(0))
    assert only(act.Exit, got) == [], "the will's other copies are still to go"
    assert only(act.Exit, rig.wait(50))[0].code == 0
    assert names(rig.seen).count("StartNode") == 1


def test_a_stopping_node_may_close_its_socket_and_finish() -> None:
    """It has told its peers, or is about to; the bound of the stop still holds."""
    rig = Rig(policy(stop_timeout_ns=1_000_000_000, **VIP_ONLY)).start().on()
    rig.silent = {act.KillNode}
    rig.feed(act.StopRequested())
    got = rig.feed(act.NodeClosed("closed"))
    assert names(got) == ["RemoveVips"]
    assert only(act.KillNode, got) == []
    assert len(only(act.KillNode, rig.wait(1100))) == 1


def test_a_node_that_does_not_stop_is_killed() -> None:
    """Every wait has a bound; a second SIGTERM is a wish for now."""
    rig = Rig(policy(stop_timeout_ns=1_000_000_000, **BARE)).start()
    rig.feed(act.StopRequested())
    got = rig.wait(1100)
    assert len(only(act.KillNode, got)) == 1
    rig = Rig(policy(**BARE)).start()
    rig.feed(act.StopRequested())
    assert len(only(act.KillNode, rig.feed(act.StopRequested()))) == 1


def test_a_stop_that_cannot_confirm_off_ends_with_a_fault() -> None:
    """The service manager must see that something was left."""
    rig = Rig(policy(stop_timeout_ns=1_000_000_000, **VIP_ONLY)).start().on()
    rig.vip_fault = "device busy"
    rig.feed(act.StopRequested())
    rig.feed(act.NodeExited(0))
    got = rig.wait(3000)
    assert only(act.Exit, got)[0].code == 1


def test_a_node_that_refuses_its_configuration_is_not_started_again() -> None:
    """Exit code 2 would be 2 the next time too; it becomes ours."""
    rig = Rig(policy(**BARE)).start()
    rig.feed(act.NodeExited(2))
    got = rig.wait(200)
    assert only(act.Exit, rig.seen)[0].code == 2
    assert "StartNode" not in names(got)


def test_a_stop_during_a_start_reaches_the_process() -> None:
    """NodeStarted comes after StopRequested."""
    rig = Rig(policy(**BARE))
    rig.silent = {act.StartNode}
    rig.feed(act.Started())
    rig.feed(act.StopRequested())
    assert len(only(act.TerminateNode, rig.feed(act.NodeStarted()))) == 1
