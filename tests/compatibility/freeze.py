"""Bytes that other nodes and older disks hold: written once, readable for ever.

`python -m tests.compatibility.freeze` writes what is missing for the current protocol version, for
instance after a message was added.  It never changes a file: when the code writes other bytes than
are frozen it says which, and exits 1.  Then either the code is wrong, or the protocol needs a new
version with a directory of its own.
"""

import sys
from pathlib import Path
from typing import Final

from tests.wire.samples import AUTHKEY, CLUSTER_ID, FULL, INC, NONCE, OTHER_INC, RECORD
from watchdog import slots
from watchdog.core.messages import PROTOCOL, Beacon
from watchdog.wire.codec import encode
from watchdog.wire.frames import pack
from watchdog.wire.record import pack_record
from watchdog.wire.seal import seal_will
from watchdog.wire.session import Session

FROZEN: Final = Path(__file__).parent / "frozen"
BEACON: Final = next(message for message in FULL if isinstance(message, Beacon))


def current() -> dict[str, bytes]:
    """What the code of today writes: one frame of each message, a will, a round, a state file."""
    frames = {type(message).__name__: pack(encode(message, seq=5)) for message in FULL}
    old, new = (slots.encode(seq, pack_record(RECORD), CLUSTER_ID, "alpha") for seq in (7, 8))
    speaker = Session(AUTHKEY, CLUSTER_ID, INC, OTHER_INC)
    return frames | {
        "round": speaker.seal(7, 3, encode(BEACON, seq=5)),
        "will": seal_will(AUTHKEY, CLUSTER_ID, "alpha", INC, NONCE),
        "state-file": new + old,
    }


def freeze(directory: Path) -> tuple[list[str], list[str]]:
    """Write the missing files; return the names of those written, and of those that differ."""
    directory.mkdir(parents=True, exist_ok=True)
    written, different = [], []
    for name, data in current().items():
        path = directory / f"{name}.bin"
        if not path.exists():
            path.write_bytes(data)
            written.append(name)
        elif path.read_bytes() != data:
            different.append(name)
    return written, different


def main() -> int:
    """Freeze the current version; 1 when something frozen would have to change."""
    written, different = freeze(FROZEN / str(PROTOCOL))
    for name in written:
        print(f"written: {name}")
    for name in different:
        print(f"differs from its frozen bytes, left as it is: {name}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
