"""The clocks of one machine: BOOTTIME and RAW, each with its own rate, and a wall clock.

True time is the simulator's `World.now`, an int of ns that no node ever sees.  In a suspend RAW
stands still and BOOTTIME goes on; rates may change at any moment (drift, slewing by an NTP daemon).
"""

from typing import Final

from watchdog.instant import MS, Instant

PPM: Final = 1_000_000
RAW_STOPPED_PPM: Final = -PPM
WALL_EPOCH_MS: Final = 1_700_000_000_000
"""What every correct wall clock shows at true time 0, in unix milliseconds."""


class ClockPair:
    """Two clocks that start at arbitrary values; rates are errors in parts per million."""

    def __init__(self, boot_ns: int, raw_ns: int, boot_ppm: int, raw_ppm: int) -> None:
        self._since = 0
        self._boot_ns = boot_ns
        self._raw_ns = raw_ns
        self.boot_ppm = boot_ppm
        self.raw_ppm = raw_ppm
        self._read_at = -1
        self._shown = Instant(boot_ns, raw_ns)

    def read(self, now: int) -> Instant:
        """What both clocks show at true time `now` (never before the last change of rate).

        Checkers read again what the step has read: the last answer is kept.
        """
        if now == self._read_at:
            return self._shown
        gone = now - self._since
        boot_ns = self._boot_ns + gone + gone * self.boot_ppm // PPM
        raw_ns = self._raw_ns + gone + gone * self.raw_ppm // PPM
        shown = tuple.__new__(Instant, (boot_ns, raw_ns))  # Instant(...), without its call
        self._read_at, self._shown = now, shown
        return shown

    def set_rates(self, now: int, boot_ppm: int, raw_ppm: int) -> None:
        """Let both clocks go on from where they stand, at new rates."""
        self._boot_ns, self._raw_ns = self.read(now)
        self._since = now
        self.boot_ppm, self.raw_ppm = boot_ppm, raw_ppm

    def when_boot_shows(self, boot_ns: int) -> int:
        """The true time at which BOOTTIME will have reached `boot_ns`."""
        left = boot_ns - self._boot_ns
        return self._since + left * PPM // (PPM + self.boot_ppm) + 1


def wall_ms(now: int, offset_ms: int) -> int:
    """What a wall clock that is wrong by `offset_ms` shows at true time `now`."""
    return WALL_EPOCH_MS + now // MS + offset_ms
