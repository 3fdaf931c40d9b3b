"""One TCP connection to or from a peer: TLS, frames, deadlines, and a bounded way out.

Rules: a handshake, a HELLO and a frame each end within two seconds or the connection does; one
message is one write, tried at once; what the kernel does not take waits in the outbox, where it
can still be replaced.  Who may speak and when is decided by the `Owner`; this only carries bytes.
"""

import asyncio
import socket
from dataclasses import dataclass
from typing import Final, Protocol, cast

from watchdog.shell.identity import Identity, WrongNameError
from watchdog.shell.outbox import Outbox, Slot
from watchdog.shell.refusals import Refusal
from watchdog.shell.tls import READ_SIZE, Channel, TlsEndedError, TlsFaultError
from watchdog.wire import frames
from watchdog.wire.errors import ProtocolError

HANDSHAKE_TIMEOUT_S: Final = 2.0
HELLO_TIMEOUT_S: Final = 2.0
FRAME_TIMEOUT_S: Final = 2.0
UNSENT_SIZE_MAX: Final = 16_384
"""Bytes that the kernel may hold unsent: the rest stays where a newer beacon can replace it."""


@dataclass(frozen=True, slots=True)
class End:
    """Why a connection ended; `refusal` is None when nobody did anything wrong."""

    why: str
    refusal: Refusal | None = None


class Owner(Protocol):
    """Who decides about connections. Each call may close the connection."""

    def authenticated(self, connection: "Connection", name: str) -> None:
        """TLS is up, and the certificate names the member `name`."""

    def frame_received(self, connection: "Connection", payload: bytes) -> None:
        """A whole frame came; ProtocolError ends the connection."""

    def ended(self, connection: "Connection", end: End) -> None:
        """It is over; called exactly once."""


def set_options(sock: socket.socket, user_timeout_ms: int) -> None:
    """Every frame at once, a dead peer noticed within `user_timeout_ms`, little kept unsent.

    For connected sockets: before that the timeout would end a dial at its first lost SYN.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout_ms)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_SIZE_MAX)


class Connection(asyncio.BufferedProtocol):
    """A connection from accept or connect to its end; `peer` is None until TLS has said."""

    def __init__(
        self,
        owner: Owner,
        identity: Identity,
        address: str,
        *,
        dialled: str | None,
        opened_ns: int,
    ) -> None:
        is_dialled = dialled is not None
        context = identity.client_context if is_dialled else identity.server_context
        self._owner = owner
        self._identity = identity
        self._channel = Channel(context, is_server=not is_dialled)
        self._splitter = frames.Splitter(address)
        self._outbox = Outbox()
        self._buffer = memoryview(bytearray(READ_SIZE))
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._end: End | None = None
        self.finished: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.address = address
        self.dialled = dialled
        self.opened_ns = opened_ns
        self.peer: str | None = None
        self.inc: bytes | None = None
        self.up_ns = 0
        self.has_said_hello = False
        self.frames_in = 0
        self.frames_out = 0

    # -- what the owner does -------------------------------------------------------------------

    @property
    def is_dialled(self) -> bool:
        """Whether we opened it; `dialled` then says to reach whom."""
        return self.dialled is not None

    @property
    def outbox_size(self) -> int:
        """Bytes that wait in the outbox."""
        return self._outbox.size

    def send(self, payload: bytes, slot: Slot | None = None) -> bool:
        """Say one frame, or keep it for later; False (and the end) when the outbox is full."""
        if self._end is not None or self._transport is None:
            return False
        frame = frames.pack(payload)
        if not self._is_paused:
            self._write(frame)
            self.frames_out += 1
        elif not self._outbox.put(frame, slot):
            self.close(End("it does not take what we send: outbox full"))
            return False
        return True

    def heard_hello(self, inc: bytes, now_ns: int) -> None:
        """The first HELLO is accepted: the deadline for it is met."""
        self.inc, self.up_ns = inc, now_ns
        self._set_timer(0, End(""))

    def close(self, end: End) -> None:
        """End the connection for `end`; the owner hears of it once, from here."""
        if self._end is not None:
            return
        self._end = end
        self._set_timer(0, end)
        if self._transport is not None:
            if self._channel.is_up and not self._is_paused:
                self._channel.say_goodbye()
                self._flush()
            self._shut(self._transport)
        if not self.finished.done():
            self.finished.set_result(end)
        self._owner.ended(self, end)

    def round_trip_us(self) -> int | None:
        """The smallest round trip that the kernel has seen lately, in microseconds."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if sock is None or self._end is not None:
            return None
        info = cast("socket.socket", sock).getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 152)
        return int.from_bytes(info[148:152], "little") if len(info) >= 152 else None

    # -- what asyncio calls --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake and its deadline."""
        self._transport = cast("asyncio.Transport", transport)
        # Whatever the kernel does not take at once pauses us: then the outbox, not asyncio, waits.
        self._transport.set_write_buffer_limits(high=0)
        timed_out = End("the TLS handshake timed out", Refusal.HANDSHAKE_TIMEOUT)
        self._set_timer(HANDSHAKE_TIMEOUT_S, timed_out)
        if self.is_dialled:
            self._channel.start()
            self._flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        del sizehint  # one TLS record at most; the rest waits in the kernel
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take `nbytes` from the buffer."""
        if self._end is not None:
            return
        try:
            self._receive(self._buffer[:nbytes])
        except TlsFaultError as fault:
            self._flush()
            self.close(End(fault.text, fault.kind))
        except WrongNameError as error:
            self.close(End(f"certificate: {error}", Refusal.WRONG_NAME))
        except ProtocolError as error:
            self.close(End(f"protocol: {error.what}", Refusal.PROTOCOL))
        except TlsEndedError:
            self.close(self._end_of_stream("closed by the peer"))

    def eof_received(self) -> bool:
        """A FIN ends the connection; nothing is left to say to somebody who left."""
        self.close(self._end_of_stream("closed by the peer"))
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Reset, timeout, or the end that we chose."""
        self.close(self._end_of_stream(_reason(error)))

    def pause_writing(self) -> None:
        """The kernel is full."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """The kernel has room: say what waited, in one write."""
        self._is_paused = False
        waiting = self._outbox.take()
        if waiting and self._end is None:
            self.frames_out += len(waiting)
            self._write(b"".join(waiting))

    # -- inside --------------------------------------------------------------------------------

    def _receive(self, data: memoryview) -> None:
        was_up = self._channel.is_up
        plain = self._channel.feed(data)
        self._flush()
        if not was_up:
            if not self._channel.is_up:
                return
            self._greet()
        for payload in self._splitter.feed(plain) if plain else ():
            if self._end is not None:
                return
            self.frames_in += 1
            self._owner.frame_received(self, payload)
        if self.inc is not None:
            self._watch_frame()

    def _greet(self) -> None:
        name = self._identity.name_of(self._channel.tls)
        self.peer = name
        self._set_timer(HELLO_TIMEOUT_S, End("no HELLO came", Refusal.PROTOCOL))
        self._owner.authenticated(self, name)

    def _watch_frame(self) -> None:
        """A frame that was begun must be finished in time, however slowly its bytes trickle."""
        if not self._splitter.pending:
            self._set_timer(0, End(""))
        elif self._timer is None:
            self._set_timer(FRAME_TIMEOUT_S, End("a frame was not finished", Refusal.PROTOCOL))

    def _set_timer(self, delay_s: float, end: End) -> None:
        """Replace the one deadline of this connection; 0 takes it away."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if delay_s and self._end is None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.close, end)

    def _write(self, data: bytes) -> None:
        self._channel.seal(data)
        self._flush()

    def _flush(self) -> None:
        data = self._channel.outgoing()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _end_of_stream(self, why: str) -> End:
        """Leaving in the middle of a handshake is a refusal, unless nothing was ever said."""
        if self.peer is None and self._channel.has_heard and not self.is_dialled:
            return End(why, Refusal.GAVE_UP)
        return End(why)

    @staticmethod
    def _shut(transport: asyncio.Transport) -> None:
        """Close without waiting for a peer that does not read."""
        if transport.get_write_buffer_size():
            transport.abort()
        else:
            transport.close()


def _reason(error: Exception | None) -> str:
    match error:
        case None:
            return "closed"
        case TimeoutError():
            return "timed out"
        case ConnectionResetError() | BrokenPipeError():
            return "connection reset by the peer"
        case OSError():
            return (error.strerror or str(error)).lower()
        case _:
            return str(error)
