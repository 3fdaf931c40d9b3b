"""Self-fence: the end of a machine that could not go off in time, if its owner wants that.

Rule: nothing is cleaned up, nothing is written to disk first; what still runs is the fault.
Theory: the kernel's Documentation/admin-guide/sysrq (`b`: reset at once, no sync, no unmount);
its trigger obeys root whatever kernel.sysrq says.
"""

import os
from typing import Final

TRIGGER: Final = "/proc/sysrq-trigger"
RESET: Final = b"b"

trigger_path: str = TRIGGER
"""Where a reset is asked for; another place only in tests."""


def fence(how: str, trigger: str = "") -> str:
    """Reset this machine; what is wrong if we are still there, or an empty text.

    `watchdog`: nothing more is needed, it is open and nobody pets it any more.
    """
    assert how in {"watchdog", "sysrq"}, how
    if how == "watchdog":
        return ""
    path = trigger or trigger_path
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, RESET)
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""


def trial(how: str, trigger: str = "") -> str:
    """Why this machine could not be reset in that way, or an empty text; nothing is written."""
    path = trigger or trigger_path
    if how != "sysrq" or os.access(path, os.W_OK):
        return ""
    if not os.path.exists(path):
        return f"{path} is not there: this kernel was built without sysrq (CONFIG_MAGIC_SYSRQ)"
    return (
        f"{path} may not be written to; run the guardian as root, not in a container, and under "
        f"systemd with the drop-in for self-fence (ProtectKernelTunables=no)"
    )
