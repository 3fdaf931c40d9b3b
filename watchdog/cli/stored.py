"""The membership that this node obeyed last, read from its state file without changing it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from watchdog import slots
from watchdog.config.membership import Stored
from watchdog.wire.record import RecordError, unpack_record

FILE_NAME: Final = "state"


def stored_members(plan: Mapping[str, Any]) -> Stored | None:
    """(name, weight) of every stored member; None when nothing of this node's can be read.

    A file that is damaged, foreign or not readable is the node process's to judge: it says more.
    """
    file = Path(plan["data_dir"], FILE_NAME)
    try:
        with file.open("rb") as opened:
            raw = opened.read(slots.FILE_SIZE)
    except OSError:
        return None
    loaded = slots.choose(raw, bytes.fromhex(plan["cluster_id"]), plan["node"])
    if loaded.payload is None or loaded.fault is slots.Fault.FOREIGN:
        return None
    try:
        return unpack_record(loaded.payload).members or None
    except RecordError:
        return None
