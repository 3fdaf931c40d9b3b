"""Links over real sockets on loopback: two or three `Peers`, no core, no guardian."""

import asyncio

from tests.shell.links import nodes, until


def test_two_nodes_get_exactly_one_link_and_hear_each_others_hello() -> None:
    """The first frame each way is HELLO; nothing is said to be up before it."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await until(lambda: alpha.is_linked("beta") and beta.is_linked("alpha"))
            first = alpha.core.messages("beta")[0]
            assert first.inc == beta.core.inc
            assert type(first.message).__name__ == "Hello"
        assert beta.core.closed("alpha")[0].inc == alpha.core.inc

    asyncio.run(story())
