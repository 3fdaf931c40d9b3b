"""PKI mode: the user's own files, and what is wrong with them in words."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.shell.handshakes import CLUSTER, MEMBERS, shake
from watchdog.shell.identity import Identity, IdentityError, from_files
from watchdog.shell.plan import Pki
from watchdog.shell.refusals import Refusal

NOW = dt.datetime.now(dt.UTC)
YEAR = dt.timedelta(days=365)


@dataclass
class Authority:
    """A CA as an administrator has it: P-256, made by other software."""

    directory: Path
    key: ec.EllipticCurvePrivateKey

    def issue(self, *names: str, ends: dt.datetime = NOW + YEAR) -> Pki:
        """Files for a node with these DNS names."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder("node", key.public_key(), NOW - 2 * YEAR, ends)
        if names:
            san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(san, critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        leaf = builder.sign(self.key, hashes.SHA256())
        stem = names[0] if names else "nameless"
        pki = Pki(
            self.directory / "ca.pem",
            self.directory / f"{stem}.pem",
            self.directory / f"{stem}.key",
        )
        pki.cert.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        pki.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        pki.key.chmod(0o600)
        return pki


def _builder(
    name: str, key: ec.EllipticCurvePublicKey, begins: dt.datetime, ends: dt.datetime
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def authority(directory: Path) -> Authority:
    """A fresh CA with its certificate in ca.pem."""
    directory.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    ca = (
        _builder("ca", key.public_key(), NOW - YEAR, NOW + YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_CA_USAGE, critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    return Authority(directory, key)


_CA_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def load(pki: Pki, node: str) -> Identity:
    """The identity of `node` by these files."""
    return from_files(pki, CLUSTER, node, MEMBERS)


def test_nodes_with_certificates_of_one_ca_authenticate_each_other(tmp_path: Path) -> None:
    """Either form of the name will do, also beside other names."""
    ca = authority(tmp_path)
    alpha = load(ca.issue("alpha.pg-prod.wd.invalid"), "alpha")
    beta = load(ca.issue("beta", "db2.example.org"), "beta")
    listener, dialler = shake(alpha.server_context, beta.client_context)
    assert alpha.name_of(listener.channel.tls) == "beta"
    assert beta.name_of(dialler.channel.tls) == "alpha"


def test_a_certificate_of_another_ca_or_out_of_date_is_refused(tmp_path: Path) -> None:
    """Each under its own name: the ways out differ."""
    ca, other = authority(tmp_path / "a"), authority(tmp_path / "b")
    alpha = load(ca.issue("alpha"), "alpha")
    listener, _ = shake(alpha.server_context, load(other.issue("beta"), "beta").client_context)
    assert listener.fault is not None
    assert listener.fault.kind is Refusal.WRONG_KEY
    beta = load(ca.issue("beta"), "beta")
    late = ca.issue("gamma", ends=NOW - YEAR)
    beta.client_context.load_cert_chain(late.cert, late.key)
    listener, _ = shake(alpha.server_context, beta.client_context)
    assert listener.fault is not None
    assert listener.fault.kind is Refusal.CERTIFICATE
    assert listener.fault.text == "certificate: certificate has expired"
    beta.server_context.load_cert_chain(late.cert, late.key)
    _, dialler = shake(beta.server_context, alpha.client_context)
    assert dialler.fault is not None
    assert dialler.fault.text == "certificate: certificate has expired"


def test_our_own_bad_files_are_refused_at_the_start(tmp_path: Path) -> None:
    """Else every peer would refuse us, each with a worse message."""
    ca = authority(tmp_path)

    def refused(pki: Pki, words: str) -> None:
        with pytest.raises(IdentityError, match=words):
            load(pki, "alpha")

    good = ca.issue("alpha")
    refused(ca.issue("beta"), "does not name this node; issue one whose DNS name .* is alpha or")
    refused(ca.issue(), "does not name this node")
    refused(ca.issue("alpha", "beta"), "does not name this node")
    refused(ca.issue("alpha", ends=NOW - YEAR), "has expired")
    good = ca.issue("alpha")
    refused(Pki(good.ca, good.cert, tmp_path / "missing"), "No such file.*pki")
    refused(Pki(tmp_path / "missing", good.cert, good.key), "No such file.*pki")
    refused(Pki(good.ca, good.cert, ca.issue("beta").key), "the key must be the certificate's")
    good.key.chmod(0o640)
    refused(good, "chmod 600")
    good.key.chmod(0o600)
    good.cert.write_text("not a certificate")
    refused(good, "must be PEM")
    good = ca.issue("alpha")
    good.ca.write_text("not a certificate")
    refused(good, "must be PEM")
    good.ca.write_text("")
    refused(good, "must be PEM")


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_a_password(tmp_path: Path) -> None:
    """A daemon that waits at a prompt is worse than one that says what is wrong."""
    pki = authority(tmp_path).issue("alpha")
    key = serialization.load_pem_private_key(pki.key.read_bytes(), None)
    pki.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(IdentityError, match="no password"):
        load(pki, "alpha")
