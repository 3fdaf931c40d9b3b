"""Each effect goes to the part that does it, and only there."""

import os
from collections.abc import Iterator

import pytest

from watchdog import guardian_protocol as protocol
from watchdog.core import effects
from watchdog.core.messages import Message, StateRequest
from watchdog.instant import Instant
from watchdog.shell.log import Log
from watchdog.shell.perform import Performer

WILL = protocol.ArmWill(b"sealed", (("10.0.0.12", 9000),))
RECORD = effects.HardState(1, 2, None, 0, b"d" * 32, (("alpha", 1),))
S = Instant(1, 2)


class World:
    """Stands for peers, disk, guardian and desk: writes down what it was asked."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    def close(self, peer: str, why: str) -> None:
        """As Peers."""
        self.done.append(("close", peer, why))

    def save(self, ticket: int, record: effects.HardState) -> None:
        """As Storage."""
        self.done.append(("save", ticket, record))

    def answer(self, rid: int, ok: bool, text: str) -> None:
        """As Control."""
        self.done.append(("answer", rid, ok, text))


class Peers:
    """Stands for the peers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.close = world.close

    def send(self, peer: str, message: Message) -> None:
        """As Peers."""
        self._world.done.append(("send", peer, message))


class Guard:
    """Stands for the guardian's socket."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, packet: protocol.ToGuardian) -> None:
        """As GuardLink."""
        self._world.done.append(("guard", type(packet).__name__, packet))


class Stage:
    """A performer and the world that it acts on."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self._reader, self._writer = reader, writer
        self.world = World()
        self.log = Log("alpha", fd=writer)
        self.performer = Performer(
            peers=Peers(self.world),
            disk=self.world,
            guard=Guard(self.world),
            desk=self.world,
            log=self.log,
            will=WILL,
            epoch=lambda: 77,
        )

    def lines(self) -> list[str]:
        """Every line of the log; closes it."""
        self.log.close()
        os.close(self._writer)
        with os.fdopen(self._reader) as lines:
            return lines.read().splitlines()


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A fresh stage."""
    made = Stage()
    yield made
    made.log.close()


@pytest.mark.parametrize(
    ("effect", "done"),
    [
        (effects.Deescalate(1, "x"), ("guard", "Deescalate", protocol.Deescalate(1, "x"))),
        (effects.OpenRound(1, 2), ("guard", "OpenRound", protocol.OpenRound(1, 2))),
        (effects.Extend(1, 2, 3, 4, S), ("guard", "Extend", protocol.Extend(1, 2, 3, 4, S))),
        (
            effects.Escalate(1, 2, 3, 4, S, 900, 1200),
            ("guard", "Escalate", protocol.Escalate(1, 2, 3, 4, S, 900, 1200)),
        ),
        (effects.ProbeVip(1, 30), ("guard", "ProbeVip", protocol.ProbeVip(1, 30))),
        (effects.CheckReady(1), ("guard", "CheckReady", protocol.CheckReady(1))),
        (effects.ArmWill(), ("guard", "ArmWill", WILL)),
        (effects.Save(5, RECORD), ("save", 5, RECORD)),
        (effects.Send("beta", StateRequest(1, 2)), ("send", "beta", StateRequest(1, 2))),
        (effects.CloseLink("beta", "old"), ("close", "beta", "old")),
        (effects.Reply(3, ok=True, text="done"), ("answer", 3, True, "done")),
    ],
)
def test_effect_reaches_its_part(
    stage: Stage, effect: effects.Effect, done: tuple[object, ...]
) -> None:
    """One effect, one call, in the same step."""
    stage.performer.perform(effect)
    assert stage.world.done == [done]


def test_state_change_is_one_line_and_one_packet(stage: Stage) -> None:
    """The state_change hook learns the coordinator before and after."""
    for coordinator in ("beta", "alpha"):
        stage.performer.perform(
            effects.StateChanged("STANDBY", "COORDINATOR", "election_won", "votes", 7, coordinator)
        )
    packets = [packet for _, _, packet in stage.world.done]
    assert packets == [
        protocol.Notify("STANDBY", "COORDINATOR", "", "beta", 77, "votes"),
        protocol.Notify("STANDBY", "COORDINATOR", "beta", "alpha", 77, "votes"),
    ]
    line = stage.lines()[0]
    assert line.startswith("event=election_won level=info node=alpha ")
    assert " state=COORDINATOR was=STANDBY term=7 coordinator=beta reason=votes " in line


def test_notes_and_alarms_are_log_lines(stage: Stage) -> None:
    """An alarm is an error, a note is information."""
    stage.performer.perform(effects.Note("vote_granted", (("to", "beta"), ("term", "7"))))
    stage.performer.perform(effects.Alarm("SPLIT_BRAIN", "two leaders met"))
    note, alarm = stage.lines()
    assert note.startswith("event=vote_granted level=info ")
    assert " to=beta term=7 " in note
    assert alarm.startswith("event=alarm level=error ")
    assert ' name=SPLIT_BRAIN text="two leaders met" ' in alarm


def test_exit_is_remembered_with_its_code(stage: Stage) -> None:
    """The daemon's loop looks at it after the whole step was performed."""
    assert stage.performer.exit_code is None
    stage.performer.perform(effects.Exit(0, "stopped"))
    assert stage.performer.exit_code == 0
