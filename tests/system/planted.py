"""`planted.py run ...`: the shipped `quorumdog run`, but its node process has one bug in it.

The bug is "promise ignored": whoever asks for this node's support gets it, whatever was promised
to others.  One function of the shipped code is replaced, in the node process alone; the guardian
starts this file again in the place of `watchdog.shell`.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

NODE: Final = "watchdog.shell"
"""The word by which the laboratory knows a node process."""
THIS: Final = str(Path(__file__).resolve())


def plant() -> None:
    """Make the voter forget its promise at every question."""
    from watchdog.core.conversation import Conversation
    from watchdog.core.messages import Beacon, PreVote, Vote

    right = Conversation._dispatch

    def dispatch(talk: Conversation, peer: str, message: Any, now: Any) -> None:
        if isinstance(message, PreVote | Vote | Beacon):
            talk._ctx.voter.promise = None
        right(talk, peer, message, now)

    setattr(Conversation, "_dispatch", dispatch)  # noqa: B010 - a patch is what this is


def become_guardian(plan: Mapping[str, Any]) -> None:
    """Like the shipped one, but for the command that starts the node process."""
    from watchdog.guardian.main import run

    descriptor = os.memfd_create("plan", 0)
    os.write(descriptor, json.dumps(plan).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    sys.exit(run(descriptor, [sys.executable, "-I", THIS, NODE]))


def main() -> None:
    """The node process, or the verb that becomes the guardian."""
    if sys.argv[1] == NODE:
        del sys.argv[1]
        plant()
        from watchdog.shell.__main__ import main as node_process

        os._exit(node_process())
    from watchdog.cli import main as quorumdog
    from watchdog.cli import run as verb

    verb.become_guardian = become_guardian  # type: ignore[assignment]
    quorumdog()


if __name__ == "__main__":
    main()
