"""Who was turned away at the peer port and why: one counter for each kind, for `status`.

A refusal is never answered with more than TLS's own alert.  A flood costs one line of log for each
kind in ten seconds, and memory for one address for each kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypedDict

from watchdog.instant import SECOND

REPORT_INTERVAL_NS: Final = 10 * SECOND


class Refusal(Enum):
    """The kinds; the value is the word in `status` and in the log."""

    WRONG_KEY = "wrong_key"
    WRONG_NAME = "wrong_name"
    NO_CERTIFICATE = "no_certificate"
    CERTIFICATE = "certificate"
    TLS_VERSION = "tls_version"
    NOT_TLS = "not_tls"
    BAD_RECORD = "bad_record"
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    GAVE_UP = "gave_up"
    TOO_MANY = "too_many"
    PROTOCOL = "protocol"
    OLD_PROCESS = "old_process"
    BAD_WILL = "bad_will"
    BAD_ROUND = "bad_round"
    UNKNOWN_ROUND = "unknown_round"
    REPLAYED_ROUND = "replayed_round"


class RefusalCount(TypedDict):
    """One kind as `status` shows it."""

    count: int
    last_address: str
    last_ago_s: float
    detail: str


@dataclass(slots=True)
class _Tally:
    count: int = 0
    address: str = ""
    detail: str = ""
    last_ns: int = 0
    reported_ns: int | None = None
    unreported: int = 0


Report = Callable[[Refusal, str, str, int], None]
"""Logs (kind, address, detail, how many since the last line of that kind)."""


class Refusals:
    """Counts refusals; `now_ns` is CLOCK_BOOTTIME, `report` is called at a bounded rate."""

    def __init__(self, now_ns: Callable[[], int], report: Report | None = None) -> None:
        self._now_ns = now_ns
        self._report = report
        self._tallies: dict[Refusal, _Tally] = {}

    def note(self, kind: Refusal, address: str, detail: str, *, is_usual: bool = False) -> None:
        """Count one refusal of a connection or datagram from `address`; a usual one is not logged.

        The next one that is logged says how many there were.
        """
        tally = self._tallies.setdefault(kind, _Tally())
        now_ns = self._now_ns()
        tally.count += 1
        tally.unreported += 1
        tally.address, tally.detail, tally.last_ns = address, detail, now_ns
        last = tally.reported_ns
        if is_usual:
            return
        if self._report is not None and (last is None or now_ns - last >= REPORT_INTERVAL_NS):
            self._report(kind, address, detail, tally.unreported)
            tally.reported_ns, tally.unreported = now_ns, 0

    def count(self, kind: Refusal) -> int:
        """How many of this kind so far."""
        tally = self._tallies.get(kind)
        return 0 if tally is None else tally.count

    def snapshot(self) -> dict[str, RefusalCount]:
        """The kinds that have happened, for `status`; ages in seconds."""
        now_ns = self._now_ns()
        return {
            kind.value: RefusalCount(
                count=tally.count,
                last_address=tally.address,
                last_ago_s=round((now_ns - tally.last_ns) / SECOND, 1),
                detail=tally.detail,
            )
            for kind, tally in self._tallies.items()
        }
