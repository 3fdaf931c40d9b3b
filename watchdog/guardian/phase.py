"""How far the guardian is between off and on.

Pure.  OFF -> SAVING -> ARMING -> ADDING -> ON -> GOING_OFF -> OFF; whatever refuses a claim leads
back to OFF at once, and what cannot be taken off in time is OFF_FAILED until it can.
"""

from enum import Enum
from typing import Final


class Phase(Enum):
    """SAVING and ARMING: a claim waits for disk and gate. From ADDING on anything may be on."""

    OFF = "off"
    SAVING = "saving"
    ARMING = "arming"
    ADDING = "adding"
    ON = "on"
    GOING_OFF = "going off"
    OFF_FAILED = "off failed"


WAITING: Final = (Phase.SAVING, Phase.ARMING)
CLAIMED: Final = (*WAITING, Phase.ADDING, Phase.ON)
GOING: Final = (Phase.GOING_OFF, Phase.OFF_FAILED)
