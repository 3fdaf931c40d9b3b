"""The membership that this node obeyed last, read from its state file without changing it."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from watchdog import slots
from watchdog.config.membership import Stored
from watchdog.wire.record import RecordError, unpack_record

FILE_NAME: Final = "state"


def stored_members(plan: Mapping[str, Any]) -> Stored | None:
    """(name, weight) of every stored member; None when nothing of this node's can be read.

    A damaged file counts as none, as an empty disk does: the node then asks its peers.  What is
    foreign or not readable is the node process's to refuse, and it says more.
    """
    raw = _read(Path(plan["data_dir"], FILE_NAME))
    loaded = slots.choose(raw, bytes.fromhex(plan["cluster_id"]), plan["node"])
    if loaded.payload is None or loaded.fault is not None:
        return None
    try:
        return unpack_record(loaded.payload).members or None
    except RecordError:
        return None


def _read(file: Path) -> bytes:
    """The file's bytes; none when it is no plain file (opening a pipe must not wait)."""
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        is_file = stat.S_ISREG(os.fstat(opened).st_mode)
        return os.read(opened, slots.FILE_SIZE) if is_file else b""
    finally:
        os.close(opened)
