"""What this node and one peer hear of each other: which heartbeats are believed, and what follows.

A stream of the peer (one start of it) is believed once a datagram of it echoes a number that we
sent within `deadtime`: only a living process can have read it.  From then on a higher number is
enough, so a cut in one direction silences one edge only; the next start has to prove itself again,
and a stream that was followed by another is never believed any more.  So no replay keeps a dead
node alive.  UNKNOWN until the first one is believed: a firewall that never let heartbeats
through must not look like death.  Pure; times are microseconds.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from watchdog.wire.heartbeat import (
    ECHOES_MAX,
    WINDOW,
    Beat,
    Echo,
    HeartbeatError,
    Stream,
    read_header,
)
from watchdog.wire.heartbeat import HELD_MAX_US as HELD_MAX

Verdict = Literal["alive", "dead", "unknown"]

SENT_MAX: Final = 1024
"""So many of our own numbers are remembered; an echo of an older one proves nothing."""
RETIRED_MAX: Final = 16
UNPROVEN_MAX: Final = 8
"""Streams that may be the peer's next start: old ones are replayed to hide the true one."""
SMOOTHING: Final = 8
"""The round trip shown moves by one part of so many to each new one."""
ALL_BITS: Final = (1 << WINDOW) - 1
SECOND_US: Final = 1_000_000


@dataclass(slots=True)
class _Incoming:
    """A stream of the peer."""

    stream: Stream
    counter: int
    at_us: int
    """When its newest datagram came."""
    came: int = 1
    """One bit for each of the last numbers: whether it came; the lowest is the newest."""
    of: int = 1
    """How many bits of `came` mean something."""

    def advance(self, counter: int, now_us: int) -> None:
        gap = min(counter - self.counter, WINDOW)
        self.counter, self.at_us = counter, now_us
        self.came = (self.came << gap | 1) & ALL_BITS
        self.of = min(self.of + gap, WINDOW)

    def echo(self, now_us: int) -> Echo:
        return Echo(self.stream.salt, self.counter, min(max(0, now_us - self.at_us), HELD_MAX))


class Edge:
    """This node (`me`) and one `peer`."""

    def __init__(
        self,
        me: str,
        peer: str,
        make: Callable[[bytes], Stream],
        salt: bytes,
        times_us: tuple[int, int],
        now_us: int,
    ) -> None:
        """`salt` is random and for this edge of this start only; times: interval and deadtime."""
        self.peer = peer
        self._me = me
        self._make = make
        self._interval_us, self._deadtime_us = times_us
        self._own = make(salt)
        self._counter = 0
        self._sent: deque[int] = deque(maxlen=SENT_MAX)
        self._believed: _Incoming | None = None
        self._unproven: dict[bytes, _Incoming] = {}
        """By their salts; echoed in turn, so that the true one proves itself."""
        self._retired: deque[bytes] = deque(maxlen=RETIRED_MAX)
        self._listening_us = now_us
        self._rtt_us: int | None = None
        self._is_heard_by_it = False
        self._loss_out: int | None = None

    def next_datagram(self, now_us: int) -> bytes:
        """What to send to the peer now."""
        self._counter += 1
        self._sent.append(now_us)
        received, of = self._arrived(now_us)
        hears = self.verdict(now_us) == "alive"
        beat = Beat(self._me, self.peer, hears, received, of, tuple(self._echoes(now_us)))
        return self._own.seal(self._counter, beat)

    def _echoes(self, now_us: int) -> list[Echo]:
        """Of the stream that is believed, and of those that have waited longest for one."""
        found = [] if self._believed is None else [self._believed.echo(now_us)]
        for salt in list(self._unproven)[: ECHOES_MAX - len(found)]:
            waiting = self._unproven[salt] = self._unproven.pop(salt)
            found.append(waiting.echo(now_us))
        return found

    def receive(self, datagram: bytes, now_us: int) -> None:
        """Take a datagram from the peer's address. Raises HeartbeatError with why it is not."""
        header = read_header(datagram)
        stream = self._stream_of(header.salt)
        known = self._known(header.salt)
        if known is not None and header.counter <= known.counter:
            raise HeartbeatError("replayed", f"number {header.counter} came before")
        beat = stream.open(datagram)
        if (beat.sender, beat.receiver) != (self.peer, self._me):
            what = f"from {beat.sender} to {beat.receiver}, not from {self.peer} to {self._me}"
            raise HeartbeatError("name", what)
        if self._believed is not None and self._believed.stream is stream:
            self._believed.advance(header.counter, now_us)
        else:
            self._consider(_Incoming(stream, header.counter, now_us), beat, now_us)
        self._is_heard_by_it = beat.hears
        self._loss_out = _percent(beat.received, beat.of)
        self._measure(beat, now_us)

    def _known(self, salt: bytes) -> _Incoming | None:
        if self._believed is not None and self._believed.stream.salt == salt:
            return self._believed
        return self._unproven.get(salt)

    def _stream_of(self, salt: bytes) -> Stream:
        known = self._known(salt)
        if known is not None:
            return known.stream
        if salt in self._retired:
            raise HeartbeatError("replayed", f"of a start of {self.peer} that has ended")
        return self._make(salt)

    def _consider(self, incoming: _Incoming, beat: Beat, now_us: int) -> None:
        """A stream that is not believed yet: is this the proof that it lives?"""
        sent_us = self._sent_us(beat)
        if sent_us is None or now_us - sent_us > self._deadtime_us:
            self._remember(incoming)  # it will be echoed, so that the peer can believe us
            raise HeartbeatError("unproven", "a new start has not echoed a recent number yet")
        if self._believed is not None:
            self._retired.append(self._believed.stream.salt)
        self._believed = incoming
        self._unproven.clear()

    def _remember(self, incoming: _Incoming) -> None:
        salt = incoming.stream.salt
        if salt not in self._unproven and len(self._unproven) >= UNPROVEN_MAX:
            del self._unproven[min(self._unproven, key=lambda each: self._unproven[each].at_us)]
        self._unproven[salt] = incoming

    def _sent_us(self, beat: Beat) -> int | None:
        """When the number was sent that `beat` echoes; None when it echoes none of ours."""
        for echo in beat.echoes:
            back = self._counter - echo.counter
            if echo.salt == self._own.salt and 0 <= back < len(self._sent):
                return self._sent[-1 - back]
        return None

    def _measure(self, beat: Beat, now_us: int) -> None:
        sent_us = self._sent_us(beat)
        if sent_us is None:
            return
        held_us = next(e.held_us for e in beat.echoes if e.salt == self._own.salt)
        rtt_us = now_us - sent_us - held_us
        if rtt_us < 0:
            return
        old_us = rtt_us if self._rtt_us is None else self._rtt_us
        self._rtt_us = old_us + (rtt_us - old_us) // SMOOTHING

    def resume(self, now_us: int) -> None:
        """This process did not run for a while: what it did not hear is nobody's silence."""
        self._listening_us = now_us

    def verdict(self, now_us: int) -> Verdict:
        """Whether the peer lives, as far as heartbeats tell."""
        if self._believed is None:
            return "unknown"
        silent_us = now_us - max(self._believed.at_us, self._listening_us)
        return "alive" if silent_us <= self._deadtime_us else "dead"

    @property
    def heard_us(self) -> int | None:
        """When the newest believed heartbeat came; None when none ever did."""
        return None if self._believed is None else self._believed.at_us

    def reason(self, now_us: int) -> str:
        """Why `verdict` is what it is; it changes only when the verdict does."""
        match self.verdict(now_us):
            case "alive":
                return "its heartbeats arrive"
            case "dead":
                return f"no heartbeat for {self._deadtime_us / SECOND_US:g} s"
            case "unknown":
                return "no heartbeat has arrived since this lifecheck started"

    def row(self, now_us: int) -> dict[str, object]:
        """What `status` shows of the edge."""
        heard = self._believed
        is_alive = self.verdict(now_us) == "alive"
        return {
            "node": self.peer,
            "verdict": self.verdict(now_us),
            "heard_s": None if heard is None else round((now_us - heard.at_us) / SECOND_US, 3),
            "rtt_ms": None if self._rtt_us is None else round(self._rtt_us / 1000, 3),
            "loss_in_percent": _percent(*self._arrived(now_us)),
            "loss_out_percent": self._loss_out if is_alive else None,
            "heard_by_it": self._is_heard_by_it if is_alive else None,
        }

    def _arrived(self, now_us: int) -> tuple[int, int]:
        """Of the last datagrams to us how many came; those that should be here are counted too."""
        heard = self._believed
        if heard is None:
            return 0, 0
        late_us = max(0, now_us - heard.at_us - self._interval_us // 2)
        missing = min(late_us // self._interval_us, WINDOW)
        came = heard.came << missing & ALL_BITS
        return came.bit_count(), min(heard.of + missing, WINDOW)


def _percent(received: int, of: int) -> int | None:
    """The loss; None when nothing is known."""
    return round(100 * (of - received) / of) if of else None
