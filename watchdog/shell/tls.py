"""TLS over bytes: a channel that is fed what arrived and says what to send; no sockets here.

Without asyncio's TLS layer between us and the socket, one message is one write, its errors are
ours to name, and the whole handshake can be tested in memory.
"""

import ssl
from typing import Final

from watchdog.shell.identity import ALPN
from watchdog.shell.refusals import Refusal

READ_SIZE: Final = 16_384
"""The most that one TLS record carries."""
_TLS_RECORDS: Final = {0x15, 0x16}
"""First bytes of an alert and of a handshake."""

# X.509 verify results that mean "not signed by the key that we derive from our authkey".
_OTHER_CA: Final = frozenset({2, 7, 18, 19, 20, 21})

_KINDS: Final = {
    "TLSV1_ALERT_UNKNOWN_CA": (Refusal.WRONG_KEY, "it does not accept our key"),
    "TLSV1_ALERT_DECRYPT_ERROR": (Refusal.WRONG_KEY, "it does not accept our key"),
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": (Refusal.NO_CERTIFICATE, "it showed no certificate"),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": (Refusal.NO_CERTIFICATE, "it got no certificate of ours"),
    "SSLV3_ALERT_BAD_CERTIFICATE": (Refusal.CERTIFICATE, "it calls our certificate bad"),
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": (Refusal.CERTIFICATE, "it calls our certificate expired"),
    "SSLV3_ALERT_CERTIFICATE_REVOKED": (Refusal.CERTIFICATE, "it calls our certificate revoked"),
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": (Refusal.CERTIFICATE, "it refuses our certificate"),
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": (Refusal.CERTIFICATE, "it refuses our certificate"),
    "UNSUPPORTED_PROTOCOL": (Refusal.TLS_VERSION, "it does not speak TLS 1.3"),
    "TLSV1_ALERT_PROTOCOL_VERSION": (Refusal.TLS_VERSION, "it does not speak TLS 1.3"),
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": (Refusal.BAD_RECORD, "replayed or altered records"),
    "SSLV3_ALERT_BAD_RECORD_MAC": (Refusal.BAD_RECORD, "our records reach it altered"),
}


class TlsFaultError(Exception):
    """The handshake or a record failed: which kind of refusal it is, and its text."""

    def __init__(self, kind: Refusal, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


class TlsEndedError(Exception):
    """The peer said goodbye (close_notify)."""


def fault_of(error: ssl.SSLError, first_byte: int | None, *, is_up: bool) -> TlsFaultError:
    """Name an error of OpenSSL; `first_byte` is the first that the peer ever sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_CA:
            return TlsFaultError(
                Refusal.WRONG_KEY,
                "certificate: signed with another authkey or CA, or for another cluster.name",
            )
        return TlsFaultError(Refusal.CERTIFICATE, f"certificate: {error.verify_message}")
    reason = error.reason or "unknown error"
    known = _KINDS.get(reason)
    # Only TLS can be of the wrong version: plain text is reported as a version by OpenSSL, too.
    if known is not None and (is_up or first_byte in _TLS_RECORDS):
        prefix = "certificate: " if known[0] in _CERTIFICATE_KINDS else ""
        return TlsFaultError(known[0], prefix + known[1])
    text = f"TLS: {reason.lower().replace('_', ' ')}"
    return TlsFaultError(Refusal.BAD_RECORD if is_up else Refusal.NOT_TLS, text)


_CERTIFICATE_KINDS: Final = {Refusal.WRONG_KEY, Refusal.NO_CERTIFICATE, Refusal.CERTIFICATE}


class Channel:
    """One TLS connection in memory. The dialling side calls `start` first."""

    def __init__(self, context: ssl.SSLContext, *, is_server: bool) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=is_server)
        self._first_byte: int | None = None
        self.is_up = False

    @property
    def tls(self) -> ssl.SSLObject:
        """For `Identity.name_of`, once the channel is up."""
        return self._tls

    @property
    def has_heard(self) -> bool:
        """Whether the peer has sent anything at all."""
        return self._first_byte is not None

    def start(self) -> None:
        """Make the first flight of the client."""
        self._advance()

    def feed(self, data: bytes | memoryview) -> bytes:
        """Take what arrived, return what it says; TlsFaultError, or TlsEndedError after a goodbye.

        Look at `outgoing()` afterwards in any case: an answer or an alert may be due.
        """
        if self._first_byte is None and len(data):
            self._first_byte = data[0]
        self._incoming.write(data)
        if not self.is_up:
            self._advance()
        return self._read() if self.is_up else b""

    def seal(self, data: bytes) -> None:
        """Encrypt `data`; it is then in `outgoing()`."""
        written = self._tls.write(data)
        assert written == len(data), "a memory BIO takes everything"

    def say_goodbye(self) -> None:
        """Queue a close_notify; harmless in any state."""
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError):
            return  # want-read: the peer's own goodbye is not waited for; or the handshake failed

    def outgoing(self) -> bytes:
        """What must be sent now."""
        return self._outgoing.read()

    def _advance(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise fault_of(error, self._first_byte, is_up=False) from error
        if self._tls.selected_alpn_protocol() != ALPN:
            raise TlsFaultError(Refusal.PROTOCOL, f"it does not speak {ALPN}")
        self.is_up = True

    def _read(self) -> bytes:
        parts: list[bytes] = []
        while self._incoming.pending or self._tls.pending():
            try:
                part = self._tls.read(READ_SIZE)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                raise fault_of(error, self._first_byte, is_up=True) from error
            if not part:  # close_notify: what came before it is still delivered; FIN follows
                if not parts:
                    raise TlsEndedError
                break
            parts.append(part)
        return b"".join(parts)
