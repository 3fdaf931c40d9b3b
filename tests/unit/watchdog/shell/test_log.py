"""Lines of the node: they say who speaks, and reach the descriptor in their order."""

import os

from watchdog.shell.log import Log


def test_lines_reach_the_descriptor_with_writer_level_and_time() -> None:
    """The head of every line is the same as the guardian's; a field cannot replace it."""
    reader, writer = os.pipe()
    log = Log("alpha", fd=writer)
    log.info("link_opened", peer="beta", node="forged")
    log.error("alarm", name="SPLIT_BRAIN")
    log.close()
    os.close(writer)
    with os.fdopen(reader) as lines:
        first, second = lines.read().splitlines()
    assert first.startswith("event=link_opened level=info node=alpha part=node peer=beta at=")
    assert second.startswith("event=alarm level=error node=alpha part=node name=SPLIT_BRAIN at=")
