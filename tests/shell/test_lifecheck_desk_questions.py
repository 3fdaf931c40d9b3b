"""What the built-in lifecheck is asked over its own connection, and what becomes of the answers."""

import asyncio

import pytest

from ipc.messages import Answer, Client
from tests.shell.desks import Stage, play, pushed, text
from watchdog.shell import lifecheck_desk


def test_details_are_asked_for_and_kept() -> None:
    """One question at a time, and the last answer when there is no new one."""

    async def story(stage: Stage) -> None:
        await stage.desk.refresh()  # nobody is there to be asked
        client = stage.join("lifecheck", 1)
        async with asyncio.TaskGroup() as tasks:
            looks = [tasks.create_task(stage.desk.refresh()) for _ in range(3)]
            await asyncio.sleep(0)
            ((kind, request),) = pushed(client)
            assert (kind, request["event"], request["verb"]) == ("q", "request", "details")
            answer = Answer(request["rid"], True, {"checks": [{"name": "db"}]})
            assert stage.desk.answer(client, answer).kind == "7"
        assert all(look.done() for look in looks)
        health = stage.desk.health()
        assert health.details == {"checks": [{"name": "db"}]}
        assert health.is_answering

    play(story)


def test_a_young_answer_is_shown_again_unless_something_was_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A flood of `status` must not become one of questions to the lifecheck."""
    monkeypatch.setattr(lifecheck_desk, "FRESH_S", 60.0)

    async def look(stage: Stage, client: Client) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stage.desk.refresh())
            await asyncio.sleep(0)
            stage.desk.answer(client, Answer(pushed(client)[-1][1]["rid"], True, {}))

    async def story(stage: Stage) -> None:
        client = stage.join("lifecheck", 1)
        await look(stage, client)
        await stage.desk.refresh()
        assert len(pushed(client)) == 1
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stage.desk.change("check_reset", {"name": "x"}))
            await asyncio.sleep(0)
            stage.desk.answer(client, Answer(pushed(client)[-1][1]["rid"], True, {}))
        await look(stage, client)
        assert [body["verb"] for _, body in pushed(client)] == [
            "details",
            "check_reset",
            "details",
        ]

    play(story)


def test_a_lifecheck_that_hangs_delays_a_status_a_little_and_is_asked_once() -> None:
    """What it said before is shown; a thousand questions would only drop its connection."""

    async def story(stage: Stage) -> None:
        client = stage.join("lifecheck", 1)
        for _ in range(2):
            await stage.desk.refresh()
        assert len(pushed(client)) == 1
        assert not stage.desk.health().is_answering
        stage.desk.answer(client, Answer(pushed(client)[0][1]["rid"], True, {"checks": []}))
        assert stage.desk.health().details == {"checks": []}

    play(story)


def test_changes_of_checks_are_handed_on_with_their_answer() -> None:
    """The lifecheck knows its checks; this process only carries."""

    async def story(stage: Stage) -> None:
        client = stage.join("lifecheck", 1)
        answers: list[tuple[bool, dict[str, object], str]] = [
            (True, {}, "7"),
            (False, {"MESSAGE": "no check x"}, "6"),
        ]
        for ok, body, kind in answers:
            async with asyncio.TaskGroup() as tasks:
                fields: dict[str, object] = {"name": "x", "settings": {"every": "1s"}}
                change = tasks.create_task(stage.desk.change("check_set", fields))
                await asyncio.sleep(0)
                request = pushed(client)[-1][1]
                assert request.items() >= {"verb": "check_set", **fields}.items()
                stage.desk.answer(client, Answer(request["rid"], ok, body))
            assert (change.result().kind, change.result().body) == (kind, body)

    play(story)


def test_a_change_fails_with_a_sentence_when_nobody_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not running, not answering, or ended meanwhile."""
    monkeypatch.setattr(lifecheck_desk, "CHANGE_S", 0.01)

    async def story(stage: Stage) -> None:
        assert "does not run here" in text(await stage.desk.change("check_reset", {"name": "x"}))
        client = stage.join("lifecheck", 1)
        late = await stage.desk.change("check_reset", {"name": "x"})
        assert (late.kind, "did not answer within" in text(late)) == ("8", True)
        stage.desk.answer(client, Answer(pushed(client)[0][1]["rid"], True, {}))
        async with asyncio.TaskGroup() as tasks:
            change = tasks.create_task(stage.desk.change("check_reset", {"name": "x"}))
            await asyncio.sleep(0)
            assert client.channel is not None
            stage.desk.gone(client.channel)
        assert "ended before it answered" in text(change.result())

    play(story)


def test_only_the_built_in_lifecheck_answers() -> None:
    """Another client could guess the number of a question."""

    async def story(stage: Stage) -> None:
        stage.join("lifecheck", 1)
        other = stage.join("mine", 2)
        assert "only the built-in" in text(stage.desk.answer(other, Answer(1, True, {})))

    play(story)
