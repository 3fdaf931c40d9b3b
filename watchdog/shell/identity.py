"""Who we are to our peers: TLS 1.3, certificates both ways, and the node's name from them alone.

Simple mode: every node derives the same CA key (Ed25519) from the authkey and mints a leaf of its
own at each start, in memory only.  Whoever has the authkey is a node; nobody else is.  A validity
would put wall clocks into the availability path and protect nothing: no date is looked at, and
those that a certificate must have are the same in all.
PKI mode: CA, certificate and key come from files; the certificate must name the node, and its
dates count.
No name travels in clear: neither SNI nor ALPN nor the CA's subject has one.
"""

import datetime as dt
import os
import ssl
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from watchdog.shell.plan import NodePlan, Pki
from watchdog.shell.secret import Secret
from watchdog.wire import seal

ALPN: Final = "quorumdog/1"
DOMAIN: Final = "wd.invalid"
_CA_START: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_CA_END: Final = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME (openssl/x509_vfy.h), which the ssl module has no name for."""


class IdentityError(Exception):
    """This node's own key or certificate is unusable; the text says which file and what to do."""


class WrongNameError(Exception):
    """A peer's certificate is of the right CA, but does not name exactly one member."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The two TLS contexts of this node, and how to read a peer's name."""

    server_context: ssl.SSLContext
    client_context: ssl.SSLContext
    cluster: str
    members: frozenset[str]

    def name_of(self, tls: ssl.SSLObject) -> str:
        """The member that the peer's certificate names; WrongNameError when it is not one."""
        certificate = tls.getpeercert() or {}
        entries = certificate.get("subjectAltName", ())
        names = tuple(str(entry[1]) for entry in entries if entry[0] == "DNS")
        return self.member_among(names)

    def member_among(self, names: Iterable[str]) -> str:
        """The one member among a certificate's DNS names; WrongNameError for none or several."""
        suffix = f".{self.cluster}.{DOMAIN}"
        found = {name.removesuffix(suffix) for name in names} & self.members
        if len(found) != 1:
            listed = ", ".join(sorted(names)) or "nobody"
            raise WrongNameError(f"its certificate names {listed}, which is not one member")
        return found.pop()


def for_plan(plan: NodePlan, authkey: Secret) -> Identity:
    """The identity that the plan asks for; IdentityError when PKI files cannot be used."""
    members = frozenset(member.name for member in plan.members)
    if plan.pki is not None:
        return from_files(plan.pki, plan.cluster, plan.node, members)
    return from_authkey(authkey, plan.cluster, plan.cluster_id, plan.node, members)


def from_authkey(
    authkey: Secret, cluster: str, cluster_id: bytes, node: str, members: frozenset[str]
) -> Identity:
    """Derive the CA and mint a leaf for this start; nothing is written anywhere."""
    seed = seal.derive(authkey.reveal(), "ca", cluster_id)
    ca_key = Ed25519PrivateKey.from_private_bytes(seed)
    ca = _mint_ca(ca_key)
    leaf_key = Ed25519PrivateKey.generate()
    leaf = _mint_leaf(ca_key, leaf_key.public_key(), f"{node}.{cluster}.{DOMAIN}")
    chain = Secret(_pem(leaf) + _pem_key(leaf_key))
    ca_pem = _pem(ca).decode()
    server = _context(ca_pem, chain, server=True)
    client = _context(ca_pem, chain, server=False)
    for context in (server, client):
        context.verify_flags |= _NO_CHECK_TIME
    return Identity(server, client, cluster, members)


def from_files(pki: Pki, cluster: str, node: str, members: frozenset[str]) -> Identity:
    """Use certificates of the user's own CA; IdentityError names the file that is at fault."""
    ca_pem = _read(pki.ca).decode("ascii", "replace")
    cert_pem = _read(pki.cert)
    _check_key_mode(pki.key)
    chain = Secret(cert_pem + b"\n" + _read(pki.key))
    try:
        server = _context(ca_pem, chain, server=True)
        client = _context(ca_pem, chain, server=False)
    except (ssl.SSLError, ValueError) as error:
        raise IdentityError(
            f"[cluster] pki: {pki.cert}, {pki.key} and {pki.ca} cannot be used ({error}); "
            "each must be PEM, the key must be the certificate's and have no password"
        ) from error
    identity = Identity(server, client, cluster, members)
    _check_own_certificate(identity, pki.cert, cert_pem, node)
    return identity


def _check_own_certificate(identity: Identity, path: Path, pem: bytes, node: str) -> None:
    """Peers would refuse these later with a worse message."""
    certificate = x509.load_pem_x509_certificate(pem)
    wanted = f"{node}.{identity.cluster}.{DOMAIN}"
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        named = identity.member_among(names.value.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, WrongNameError):
        named = ""
    if named != node:
        raise IdentityError(
            f"{path}: the certificate does not name this node; "
            f"issue one whose DNS name (subjectAltName) is {node} or {wanted}"
        )
    if certificate.not_valid_after_utc < dt.datetime.now(dt.UTC):
        raise IdentityError(f"{path}: the certificate has expired; issue a new one")


def _check_key_mode(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise IdentityError(f"{path}: {error.strerror}; see [cluster] pki") from error
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise IdentityError(
            f"{path}: must be a file that only its owner may read: chmod 600 {path}"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IdentityError(f"{path}: {error.strerror}; see [cluster] pki") from error


def _mint_ca(key: Ed25519PrivateKey) -> x509.Certificate:
    """Same key and subject on every node, hence the same CA; its other fields never matter."""
    name = _name("quorumdog ca")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_CA_START)
        .not_valid_after(_CA_END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(_own_key_id(key.public_key()), critical=False)
        .sign(key, None)
    )


def _mint_leaf(
    ca_key: Ed25519PrivateKey,
    public_key: Ed25519PublicKey,
    san: str,
    begins: dt.datetime = _CA_START,
    ends: dt.datetime = _CA_END,
) -> x509.Certificate:
    # SKI and AKI must be there for VERIFY_X509_STRICT, which Python 3.13 sets by default.
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    issuer_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name("quorumdog node"))
        .issuer_name(_name("quorumdog ca"))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(san)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(issuer_key_id, critical=False)
        .add_extension(_own_key_id(public_key), critical=False)
        .sign(ca_key, None)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _own_key_id(key: Ed25519PublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _context(ca_pem: str, chain: Secret, *, server: bool) -> ssl.SSLContext:
    """TLS 1.3 and nothing else; names are checked by `Identity.name_of`, for both directions."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([ALPN])
    context.load_verify_locations(cadata=ca_pem)
    if server:
        context.num_tickets = 0
    _load_chain(context, chain)
    return context


def _load_chain(context: ssl.SSLContext, chain: Secret) -> None:
    """Only a file name is accepted, so the key passes through memory that has one."""
    descriptor = os.memfd_create("", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, chain.reveal())
        # Without a password of ours OpenSSL would ask for one at the terminal.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=b"")
    finally:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)
