"""What every path answers, by every method, with every kind of node behind it."""

import asyncio
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.shell.web import Stage, play
from tests.unit.watchdog.web import samples
from watchdog.web.pages import ALLOW, PATHS

ASKING = ("/leader", "/standby", "/quorum", "/healthy", "/readyz", "/v1/cluster")


def test_the_coordinator_answers_each_path() -> None:
    """Codes and one line that says why."""

    async def story(stage: Stage) -> None:
        wanted = {"/standby": 503}
        for path in PATHS:
            found = await stage.ask(path)
            assert found.code == wanted.get(path, 200), found
            assert found.headers["cache-control"] == "no-store"
            assert found.headers["server"] == "quorumdog"
        leader = await stage.ask("/leader")
        assert leader.body.startswith("yes: alpha is the coordinator, epoch 7, lease 0.")
        assert leader.body.count("\n") == 1
        assert (await stage.ask("/standby")).body == "no: alpha is COORDINATOR\n"
        assert (await stage.ask("/leader?why=not#x")).code == 200

    play(story)


@pytest.mark.parametrize("path", [*PATHS, "/nowhere"])
def test_head_and_options_have_the_code_of_get(path: str) -> None:
    """Load balancers ask by any of them."""

    async def story(stage: Stage) -> None:
        by_get = await stage.ask(path)
        by_head = await stage.ask(path, "HEAD")
        by_options = await stage.ask(path, "OPTIONS")
        assert by_get.code == by_head.code == by_options.code
        assert by_head.body == by_options.body == ""
        assert by_get.body != ""
        assert int(by_head.headers["content-length"]) > 0
        assert by_options.headers["content-length"] == "0"
        assert by_options.headers["allow"] == ALLOW

    play(story)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_refused(method: str) -> None:
    """There is nothing to write."""

    async def story(stage: Stage) -> None:
        found = await stage.ask("/leader", method)
        assert found.code == 405
        assert found.headers["allow"] == ALLOW
        assert stage.node.asked == []

    play(story)


def test_an_unknown_path_says_which_there_are() -> None:
    """A wrong path in a load balancer's file is found by its body."""

    async def story(stage: Stage) -> None:
        for path in ("/", "/leader/", "/LEADER", "/v1"):
            found = await stage.ask(path)
            assert found.code == 404
            assert "/leader /standby" in found.body
        assert stage.node.asked == []

    play(story)


def test_the_cluster_is_the_nodes_own_status() -> None:
    """Nothing is taken away or added, whatever fields a later version has."""

    async def story(stage: Stage) -> None:
        body = samples.body(later={"a": [1, "ü"]})
        stage.node.says(body)
        found = await stage.ask("/v1/cluster")
        assert found.headers["content-type"].startswith("application/json")
        assert json.loads(found.body) == body

    play(story)


def test_metrics_count_the_answers_of_the_port() -> None:
    """An unknown path counts as other: a scanner makes no series."""

    async def story(stage: Stage) -> None:
        for path in ("/leader", "/leader", "/standby", "/a", "/b"):
            await stage.ask(path)
        found = await stage.ask("/metrics")
        assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        counts = {
            (sample.labels["path"], sample.labels["code"]): sample.value
            for family in text_string_to_metric_families(found.body)
            for sample in family.samples
            if sample.name == "quorumdog_http_requests_total"
        }
        assert counts == {("/leader", "200"): 2, ("/standby", "503"): 1, ("other", "404"): 2}
        assert "quorumdog_up 1.0\n" in found.body
        assert "quorumdog_http_connections 1.0\n" in found.body

    play(story)


def test_a_dead_node_is_503_and_the_port_lives() -> None:
    """Also after it answered well a moment ago, and until it answers again."""

    async def story(stage: Stage) -> None:
        assert (await stage.ask("/leader")).code == 200
        stage.node.stop()
        while (await stage.ask("/leader")).code == 200:
            pass  # for 100 ms
        for path in ASKING:
            found = await stage.ask(path)
            assert found.code == 503
            assert "the node process does not answer: No such file" in found.body
        assert (await stage.ask("/livez")).code == 200
        assert "quorumdog_up 0.0\n" in (await stage.ask("/metrics")).body
        assert json.loads((await stage.ask("/v1/cluster")).body).keys() == {"error"}
        await stage.node.start()
        while (await stage.ask("/leader")).code != 200:
            pass

    play(story)


def test_a_hung_node_is_503_within_a_second_for_everybody_at_once() -> None:
    """A thousand checks that wait make one question."""

    async def story(stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        stage.node.is_hung = True
        begin = loop.time()
        found = await asyncio.gather(*(stage.ask(path) for path in ASKING * 3))
        seconds = loop.time() - begin
        assert {response.code for response in found} == {503}
        assert {"does not answer within 1 s" in response.body for response in found} == {True}
        assert seconds < 10
        assert len(stage.node.asked) <= 1 + seconds

    play(story)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"7",
        b"garbage, and more of it",
        b"7\xff\xff\xff\xff",
        b"7\x7f\xff\xff\xff",
        b"7\x00\x00\x00\x02{}",
        b"7\x00\x00\x00\x04null",
        b"7\x00\x00\x00\x04{{{{",
        b"7\x00\x00\x10\x00{}",
        b'6\x00\x00\x00\x10{"MESSAGE":"no"}',
        b'7\x00\x00\x00\x0c{"schema":1}',
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(reply: bytes) -> None:
    """What listens at the socket may be another program, or half of ours."""

    async def story(stage: Stage) -> None:
        stage.node.reply = reply
        for path in ("/leader", "/readyz", "/v1/cluster"):
            found = await stage.ask(path)
            assert found.code == 503
            assert "the node process does not answer" in found.body

    play(story)


def test_a_status_of_another_shape_is_no_answer() -> None:
    """A field that decides has another kind."""

    async def story(stage: Stage) -> None:
        stage.node.says(samples.body(escalated="yes"))
        found = await stage.ask("/leader")
        assert (found.code, found.body) == (
            503, "no: the node process does not answer as it should: its status lacks escalated\n",
        )  # fmt: skip

    play(story)
