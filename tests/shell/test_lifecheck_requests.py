"""What an operator asks of a running lifecheck: details, other numbers, a reset."""

from pathlib import Path

import pytest

from lifecheck.probes import Outcome
from tests.shell.lifecheck_node import eventually
from tests.shell.lifecheck_stage import FINE, Stage, play
from tests.unit.lifecheck.checks import plan, probe, process


def test_details_are_what_status_shows(tmp_path: Path) -> None:
    """Checks, heartbeats, accelerators."""
    stage = Stage(tmp_path, (plan("db", process()), plan("web", probe())), method="heartbeat")

    async def story() -> None:
        answer = await stage.ask(verb="details")
        assert answer["ok"] is True
        assert [row["name"] for row in answer["body"]["checks"]] == ["db", "web"]
        assert answer["body"]["heartbeat"] == [{"node": "b", "verdict": "alive"}]
        assert answer["body"]["accelerators"] == ["process_connector"]

    play(stage, story)


def test_a_running_check_can_be_changed(tmp_path: Path) -> None:
    """`check set`: pace and time-out at once, the numbers from the next outcome."""
    stage = Stage(tmp_path, (plan("db", process()), plan("web", probe(every_ms=60_000))))

    async def story() -> None:
        await eventually(lambda: stage.runs == 1)
        answer = await stage.ask(verb="check_set", name="db", settings={"every": "5s"})
        assert answer["ok"] is True
        assert stage.watch.paces == [(0, 5000)]
        settings = {"every": "50ms", "timeout": "50ms"}
        assert (await stage.ask(verb="check_set", name="web", settings=settings))["ok"] is True
        await eventually(lambda: stage.runs >= 4)

    play(stage, story)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"verb": "check_set", "name": "nope", "settings": {"every": "1s"}}, "there are: web"),
        ({"verb": "check_set", "name": "web", "settings": {"every": "soon"}}, "needs a duration"),
        ({"verb": "check_reset", "name": 7}, "does not know"),
        ({"verb": "check_dance"}, "does not know the verb 'check_dance'"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(
    tmp_path: Path, request_: dict[str, object], words: str
) -> None:
    """With a sentence for the operator who typed it."""
    stage = Stage(tmp_path, (plan("web", probe()),))

    async def story() -> None:
        answer = await stage.ask(**request_)
        assert answer["ok"] is False
        assert words in answer["body"]["MESSAGE"]

    play(stage, story)


def test_a_reset_asks_again_at_once(tmp_path: Path) -> None:
    """The operator has mended it and waits."""
    stage = Stage(tmp_path, (plan("web", probe(fails=1, every_ms=60_000)),))
    stage.outcome = Outcome(ok=False, detail="refused")

    async def story() -> None:
        await stage.until_said("dead")
        stage.outcome = FINE
        await stage.ask(verb="check_reset", name="web")
        await stage.until_said("alive")

    play(stage, story)
