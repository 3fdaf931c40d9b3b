"""The words of the control socket: type bytes, field names, limits; and how a field is found. Pure.

Apart from `messages`, so that a client loads nothing that only the daemon needs.
"""

from collections.abc import Mapping
from typing import Final

REGISTER: Final = "0"
STATUS_CHANGE: Final = "2"
NODE_LIST: Final = "3"
VARIABLE: Final = "v"
NATIVE: Final = "q"

IN_TRANSITION: Final = "5"
BAD: Final = "6"
OK: Final = "7"
TIMED_OUT: Final = "8"
NODES_PUSH: Final = "4"
"""Pushed to a registered client: the node list and `Event`."""
NATIVE_PUSH: Final = "q"
"""Pushed to a client that registered as native."""

AUTH_KEY_FIELD: Final = "IPCAuthKey"
TEXT_MAX: Final = 200
"""Most characters in a name or a reason that a client gives."""
NAME_MAX: Final = 63
"""Most characters in the name under which a client registers."""

DEAD_STATUS: Final = 1
ALIVE_STATUS: Final = 2
STARTED_STATUS: Final = 3

INT_VALUE: Final = 1
BOOL_VALUE: Final = 3
"""`ValueDataType` of a variable (2, a text, is none of ours); a boolean is 0 or 1."""


def find(body: Mapping[str, object], field: str) -> object:
    """The value of `field` in any case, as pgpool looks it up: the first match, or None."""
    wanted = field.lower()
    return next((value for key, value in body.items() if key.lower() == wanted), None)
