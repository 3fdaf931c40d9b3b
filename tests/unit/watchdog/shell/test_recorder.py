"""A recording gives back exactly what was recorded, and a replay that differs says where.

Recording and replaying a real process is tests/shell/test_daemon.py.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import at
from tests.unit.watchdog.shell.samples import plan
from watchdog.core import effects, events, messages
from watchdog.core.messages import Tenure
from watchdog.shell.recorder import Recorder, ReplayError, Start, decode, encode, replay

TENURE = Tenure("beta", b"i" * 16, 3)
VALUES = (
    events.Ticked(),
    events.LinkClosed("beta", b"\x00\xff" * 8, 'quote " and \n newline'),
    events.LifecheckReported("beta", events.Verdict.DEAD, "probe"),
    events.CommandReceived(1, events.Command.SWITCHOVER, None, "x"),
    events.MessageReceived(
        "beta", b"i" * 16, messages.Vote(7, TENURE, 1, at(5), 1200, b"d" * 32, TENURE)
    ),
    effects.Save(1, effects.HardState(1, 2**63, None, 0, b"d" * 32, (("alpha", 1), ("beta", 2)))),
    effects.StateChanged("a", "b", "c", "d", 1, None),
    (1, (2, "x"), None, True),
)


def start() -> Start:
    """Return the constructor arguments of alpha."""
    return Start(plan().settings(), None, True, 42, at(1000), 1_700_000_000_000, b"a" * 16)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_value_survives_writing_and_reading(value: object) -> None:
    """Types included: an Instant must come back as one."""
    text = json.dumps(encode(value))
    assert decode(json.loads(text)) == value


def test_start_survives_with_all_settings() -> None:
    """Settings, timing, membership: all that decisions depend on."""
    assert decode(json.loads(json.dumps(encode(start())))) == start()


def record(path: Path, count: int = 30) -> None:
    """Run a node against a guardian that is ready, tick by tick, and record it."""
    begin = start()
    node = begin.node()
    recorder = Recorder(path, begin)
    story: list[events.Event] = [events.GuardianReady(0, off_clean=True)]
    story += [events.Ticked()] * (count - 1)
    for number, event in enumerate(story):
        now = at(1000 + 100 * number)
        recorder.add(now, event, node.step(now, event))
    recorder.close()


def test_replay_gives_the_same_effects(tmp_path: Path) -> None:
    """The number of steps that were compared is returned."""
    record(tmp_path / "r")
    assert replay(tmp_path / "r") == 30


def test_next_process_does_not_overwrite_what_the_dead_one_recorded(tmp_path: Path) -> None:
    """The guardian starts it again with the same file name."""
    for count in (10, 20, 30):
        record(tmp_path / "r", count)
    assert [replay(tmp_path / name) for name in ("r", "r.1", "r.2")] == [10, 20, 30]


def test_replay_that_differs_names_the_step(tmp_path: Path) -> None:
    """A recording of another build, or a rule that has changed."""
    path = tmp_path / "r"
    record(path)
    lines = path.read_text().splitlines(keepends=True)
    tampered = next(n for n, line in enumerate(lines[1:], 1) if '"effects":[{' in line)
    step = json.loads(lines[tampered])
    step["step"]["effects"] = []
    lines[tampered] = json.dumps(step) + "\n"
    path.write_text("".join(lines))
    with pytest.raises(ReplayError, match=f"step {tampered - 1}"):
        replay(path)


def test_line_cut_off_by_a_crash_is_ignored(tmp_path: Path) -> None:
    """The interesting recordings are those of processes that died."""
    path = tmp_path / "r"
    record(path)
    path.write_bytes(path.read_bytes()[:-10])
    assert replay(path) == 29


def test_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    """With its name, since an operator chose it."""
    path = tmp_path / "r"
    path.write_text('{"schema":99}\n')
    with pytest.raises(ValueError, match="not a recording"):
        replay(path)


def test_seed_decides_what_the_node_draws() -> None:
    """Without the seed a recording with jitter in it would not replay."""
    one, same, other = start(), start(), replace(start(), seed=43)
    drawn = [begin.node()._parts.ctx.rng.random() for begin in (one, same, other)]
    assert drawn[0] == drawn[1] != drawn[2]
