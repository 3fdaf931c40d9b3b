"""Starts a process at once: whoever spawns is stopped by the kernel until the child has exec'd.

Rule: a child of the class of everybody waits for its turn first, which on a busy machine takes
seconds, and the guardian would wait with it.  So in the real-time class it begins below us in that
class, and loses it as soon as its first program runs, which is one of ours and forks nothing.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from watchdog.guardian import processes, scheduling


def spawn(
    argv: list[str],
    environment: Mapping[str, str],
    moves: Sequence[tuple[int, int]],
    *,
    is_leader: bool = True,
) -> int:
    """Pid of a process with our descriptors moved (ours, target). Raises OSError.

    It leads a session of its own, or, not `is_leader`, a process group of ours: then what
    `scheduling.lift_session` did for us is done for it.
    """
    actions = [(os.POSIX_SPAWN_DUP2, fd, target) for fd, target in moves]
    with _our_class_is_inherited() as is_inherited:
        param = os.sched_param(scheduling.NODE_PRIORITY)
        begin: dict[str, Any] = {"setsid": True} if is_leader else {"setpgroup": 0}
        if is_inherited:
            begin["scheduler"] = (os.SCHED_RR, param)
        pid = os.posix_spawn(
            argv[0],
            argv,
            environment,
            file_actions=actions,
            setsigmask=(),
            setsigdef=processes.OUR_SIGNALS,
            **begin,
        )
        if is_inherited:
            with contextlib.suppress(OSError):  # it has ended already
                os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
    return pid


@contextlib.contextmanager
def _our_class_is_inherited() -> Iterator[bool]:
    """Lift the reset at a fork for a moment; False: our class is another, or we may not."""
    ours = os.sched_getscheduler(0)
    if ours != os.SCHED_RR | os.SCHED_RESET_ON_FORK:
        yield False
        return
    param = os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, param)
    except PermissionError:  # a limit (LimitRTPRIO) allows the class, but not this
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, ours, param)
