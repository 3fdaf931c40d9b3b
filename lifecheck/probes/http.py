"""Probe `http`: a GET is answered with an expected status and, when asked, an expected body.

Rule: one HTTP/1.0 request and no redirects; what is read is bounded, and a body only when a
pattern wants it.  Theory: https here asks whether the service works, not who it is: certificates
of names, ages and authorities that mean nothing on loopback are not verified.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from lifecheck.probes import Outcome, words
from lifecheck.probes.endpoint import ConnectError, Endpoint, join
from lifecheck.probes.pattern import TOO_SLOW, Pattern, TooSlowError
from lifecheck.probes.stream import PlainStream, TlsStream, handshake

HEAD_MAX: Final = 16 * 1024
BODY_MAX: Final = 64 * 1024
URL_MAX: Final = 2048


class Url(NamedTuple):
    """What a URL of ours may hold."""

    tls: bool
    host: str
    port: int
    target: str
    """Path and query as they are sent."""

    @property
    def name(self) -> str:
        """As it is shown: without the query, which may hold a token."""
        scheme = "https" if self.tls else "http"
        return words.clean(f"{scheme}://{self.place}{self.target.partition('?')[0]}", 100)

    @property
    def place(self) -> str:
        """Host and port, as the header Host says them: without the usual port."""
        full = join(self.host, self.port)
        return full.rpartition(":")[0] if self.port == (443 if self.tls else 80) else full


class HttpProbe:
    """Asks one URL."""

    def __init__(self, url: Url, statuses: frozenset[int], body: Pattern | None) -> None:
        self.doing = ""
        self._url, self._statuses, self._body = url, statuses, body
        self._endpoint = Endpoint(url.host, url.port)

    async def run(self) -> Outcome:
        """Ask once."""
        self.doing = f"connecting to {self._endpoint.name}"
        try:
            line = await self._endpoint.connect()
        except ConnectError as error:
            return Outcome(False, str(error))
        with line:
            try:
                stream: PlainStream | TlsStream = PlainStream(line)
                if self._url.tls:
                    self.doing = f"TLS handshake with {self._endpoint.name}"
                    stream = await handshake(line, _context(), self._url.host)
                return await self._ask(stream)
            except TooSlowError:
                return Outcome(False, TOO_SLOW)
            except ssl.SSLError as error:
                reason = f"TLS with {self._endpoint.name} failed: {error.reason or error}"
                return Outcome(False, words.clean(reason))
            except OSError as error:
                return Outcome(False, words.fault(error, self._endpoint.name))
            except ValueError as error:  # a name that TLS cannot say
                return Outcome(False, words.clean(f"{self._endpoint.name}: {error}"))

    def close(self) -> None:
        """Nothing is kept."""

    async def _ask(self, stream: PlainStream | TlsStream) -> Outcome:
        name = self._url.name
        self.doing = f"waiting for an answer of {name}"
        await stream.send(request(self._url))
        heard, head = b"", None
        while head is None and len(heard) < HEAD_MAX:
            piece = await stream.recv(HEAD_MAX - len(heard))
            heard += piece
            head = split_head(heard)
            if head is None and not piece:
                said = f"{name} closed after saying {words.quoted(heard)}"
                return Outcome(False, words.clean(said))
        if head is None:
            return Outcome(False, f"{name} sent more than {HEAD_MAX} bytes of headers")
        return await self._judge(stream, *head)

    async def _judge(self, stream: PlainStream | TlsStream, head: bytes, body: bytes) -> Outcome:
        name, status = self._url.name, parse_status(head)
        if status is None:
            return Outcome(
                False, words.clean(f"{name} said {words.quoted(head)}, which is no HTTP")
            )
        if status not in self._statuses:
            more = ": redirects are not followed" if 300 <= status < 400 else ""
            return Outcome(False, f"{name} answered {status}{more}")
        if self._body is None:
            return Outcome(True, f"{name} answered {status}")
        length = min(BODY_MAX, content_length(head))
        while len(body) < length:
            self.doing = f"reading the body of {name}: {len(body)} bytes so far"
            piece = await stream.recv(length - len(body))
            if not piece:
                break
            body += piece
        found = self._body.search(words.decoded(body[:length])) is not None
        what = f"{words.clean(self._body.text, 60)!r} in {min(len(body), length)} bytes of body"
        text = f"{name} answered {status}, {'found' if found else 'no'} {what}"
        return Outcome(found, words.clean(text))


def request(url: Url) -> bytes:
    """Return the bytes that ask for it."""
    lines = (
        f"GET {url.target} HTTP/1.0",
        f"Host: {url.place}",
        "User-Agent: quorumdog",
        "Accept: */*",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def split_head(heard: bytes) -> tuple[bytes, bytes] | None:
    """Return (head, what follows the blank line), or None while the head is not complete."""
    ends = [(heard.find(mark), len(mark)) for mark in (b"\r\n\r\n", b"\n\n")]
    ends = [end for end in ends if end[0] >= 0]
    if not ends:
        return None
    at, size = min(ends)
    return heard[:at], heard[at + size :]


def parse_status(head: bytes) -> int | None:
    """Return the status code of a head, or None when it is no HTTP."""
    parts = head.split(b"\n", 1)[0].split(None, 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/") or not parts[1].isdigit():
        return None
    return int(parts[1]) if len(parts[1]) == 3 else None


def content_length(head: bytes) -> int:
    """Return how long the body says that it is; BODY_MAX when it does not say (sensibly)."""
    for line in head.split(b"\n")[1:]:
        name, _, value = line.partition(b":")
        digits = value.strip()
        if name.strip().lower() == b"content-length" and digits.isdigit() and len(digits) < 19:
            return int(digits)
    return BODY_MAX


def parse_url(text: str) -> Url:
    """Return the parts of a URL; ValueError says what is wrong with it."""
    if len(text) > URL_MAX or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"url: at most {URL_MAX} printable ASCII characters without blanks")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("url: must be http://HOST... or https://HOST...")
    if "@" in parts.netloc:
        raise ValueError("url: a user or password in it would be shown to everybody")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    tls = parts.scheme == "https"
    port = parts.port if parts.port is not None else (443 if tls else 80)
    return Url(tls, parts.hostname, port, target)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def make(options: Mapping[str, Any]) -> HttpProbe:
    """Options: url, status (list of codes), body (pattern or null)."""
    body = options.get("body")
    pattern = None if body is None else Pattern(body)
    return HttpProbe(parse_url(options["url"]), frozenset(options["status"]), pattern)
