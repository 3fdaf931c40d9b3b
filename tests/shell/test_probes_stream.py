"""Bytes in TLS, as the probe `http` uses it."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lifecheck.probes.stream import handshake
from tests.shell.probing import cancelled, listening, look, probe, saying, silence

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A listener's side of TLS, with a certificate that nobody signed and that is out of date."""
    file: Path = tmp_path_factory.mktemp("tls") / "both"
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere")])
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(long_ago)
        .not_valid_after(long_ago + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain, pem = NoEncryption(), Encoding.PEM
    secret = key.private_bytes(pem, PrivateFormat.PKCS8, plain)
    file.write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_https_asks_whoever_is_there(tls: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """A certificate for another name is no fault of the service on loopback."""
    tls.maximum_version = version

    async def story() -> None:
        answer = saying(OK + b"\r\n", b"a" * 40_000, b"ready")
        async with listening(answer, ssl=tls) as port:
            url = f"https://127.0.0.1:{port}/"
            assert (await look(probe("http", url=url, status=[200], body=None))).ok
            assert (await look(probe("http", url=url, status=[200], body="ready"))).ok
            plain = probe("http", url=f"http://127.0.0.1:{port}/", status=[200], body=None)
            assert not (await look(plain)).ok

    asyncio.run(story())


def test_https_to_something_else_is_said() -> None:
    """A plain listener, one that closes and one that is silent."""

    async def story() -> None:
        async with listening(saying(OK + b"\r\n")) as port:
            subject = probe("http", url=f"https://127.0.0.1:{port}/", status=[200], body=None)
            outcome = await look(subject)
            assert not outcome.ok
            assert outcome.detail.startswith(f"TLS with 127.0.0.1:{port} failed")
        async with listening(saying()) as port:
            subject = probe("http", url=f"https://127.0.0.1:{port}/", status=[200], body=None)
            assert not (await look(subject)).ok
        async with listening(silence) as port:
            subject = probe("http", url=f"https://127.0.0.1:{port}/", status=[200], body=None)
            assert await cancelled(subject) == f"TLS handshake with 127.0.0.1:{port}"

    asyncio.run(story())


def test_a_name_that_tls_cannot_say_is_said(tls: ssl.SSLContext) -> None:
    """It reaches the address all the same: resolvers allow more than TLS does."""

    async def story() -> None:
        async with listening(saying(OK + b"\r\n"), ssl=tls) as port:
            line = socket.socket()
            line.setblocking(False)
            with line:
                await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
                with pytest.raises(ValueError, match=r"leading dot|label"):
                    await handshake(line, ssl.create_default_context(), ".x")

    asyncio.run(story())
