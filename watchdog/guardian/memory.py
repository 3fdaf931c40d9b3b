"""Memory that is handed to less trusted processes: whoever has it can read it and no more.

Rule: sealed before anybody gets it, because a memfd may be written by everybody who can open it,
and the next process that is started reads the same one.
"""

import fcntl
import os
from typing import Final

SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


def sealed(name: str, data: bytes) -> int:
    """Descriptor of a memfd with exactly these bytes, not inherited."""
    memory = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(memory, rest) :]
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, SEALS)
    os.lseek(memory, 0, os.SEEK_SET)
    return memory
