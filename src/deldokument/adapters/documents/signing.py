"""The service's seal: signing key and certificate in files, and PDF signatures made with pyHanko.

Guarantees:
- A sealed PDF is covered whole by a signature of PAdES baseline B-B, which allows no later change.
- No PDF is sealed outside the certificate's validity.
- A key that others than its owner can read is refused, and so is a certificate that is not for signing.

Has no timestamps from an authority (RFC 3161), and so is not B-T: only we attest the time of sealing. The key
is ECDSA or RSA. It is PEM, with the certificate and its chain in another file, or both are in one PKCS#12
file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from deldokument.adapters.durable_files import draft_beside, sync_directory, write_new
from deldokument.adapters.private_files import is_open_to_others
from deldokument.domain.errors import Broken, Conflict, Unavailable

LIFETIME: Final = timedelta(days=5 * 365)
"""Validity of a self-signed certificate."""

_MAX_FILE_BYTES: Final = 64 << 10
_MAX_NAME_LENGTH: Final = 64

SealKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class PdfSigner:
    """The port `DocumentSigner` with a key in memory.

    ``chain`` is added to PDFs beside the certificate.
    """

    key: SealKey
    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    def check(self, at: datetime, /) -> None:
        """Check that the certificate is valid ``at``.

        Raises: Unavailable if it is not.
        """
        first, last = self.leaf.not_valid_before_utc, self.leaf.not_valid_after_utc
        if not first <= at <= last:
            raise Unavailable("seal_expired", detail=f"the seal certificate is for {first} to {last}")

    def seal(self, pdf: bytes, *, reason: str, location: str, at: datetime) -> bytes:
        """Return the PDF signed and certified: later changes of the file are detected. The pages look the same."""
        # The import takes half a second, which a process that seals nothing should not spend.
        from deldokument.adapters.documents.pades import signed_pdf

        self.check(at)
        return signed_pdf(pdf, self.key, (self.leaf, *self.chain), reason=reason, location=location, at=at)

    def sign(self, data: bytes, /) -> bytes:
        """Return a signature over SHA-256 for `openssl dgst -sha256 -verify`: ECDSA in DER, or RSA PKCS #1 v1.5."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(SHA256()))
        return self.key.sign(data, PKCS1v15(), SHA256())

    def certificate(self) -> bytes:
        """Return the certificate without its chain."""
        return self.leaf.public_bytes(Encoding.PEM)


class MissingSeal:
    """The port `DocumentSigner` without a certificate: signing fails, everything else works."""

    def check(self, _at: datetime, /) -> None:
        """Raise Unavailable."""
        raise Unavailable("seal_missing")

    def seal(self, *_: object, **__: object) -> bytes:
        """Raise Unavailable."""
        raise Unavailable("seal_missing")

    def sign(self, _data: bytes, /) -> bytes:
        """Raise Unavailable."""
        raise Unavailable("seal_missing")

    def certificate(self) -> bytes:
        """Raise Unavailable."""
        raise Unavailable("seal_missing")


def verify_signature(certificate: bytes, data: bytes, signature: bytes) -> bool:
    """Return whether the holder of a certificate (PEM) has signed ``data`` with `PdfSigner.sign`.

    The caller must check that the certificate is the right one.

    Raises: Broken if it is not a certificate with an ECDSA or RSA key.
    """
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Broken(f"seal certificate: {error}") from None
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, PKCS1v15(), SHA256())
        else:
            raise Broken("seal certificate: neither ECDSA nor RSA")
    except InvalidSignature:
        return False
    return True


def valid_until(certificate: bytes) -> datetime:
    """Return the last instant at which the certificate is valid for sealing."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def load_seal(key_path: Path, certificate_path: Path, password: str = "") -> PdfSigner | MissingSeal:
    """Return the seal in the files; `MissingSeal` if there is no key file. A PKCS#12 file contains its certificate.

    Raises: Unavailable if a file cannot be read, others than the owner can read the key, or key and certificate do not
    match.
    """
    content = _content(key_path, is_private=True)
    if content is None and not certificate_path.exists():
        return MissingSeal()
    if content is None:
        raise Unavailable("seal", detail=f"there is a certificate at {certificate_path}, but no key at {key_path}")
    secret = password.encode() or None
    try:
        if content.startswith(b"-----"):
            key: object = load_pem_private_key(content, secret)
            certificates = x509.load_pem_x509_certificates(_content(certificate_path) or b"")
        else:
            bundle = pkcs12.load_pkcs12(content, secret)
            key = bundle.key
            certificates = [found.certificate for found in (bundle.cert, *bundle.additional_certs) if found]
        return _create_signer(key_path, key, certificates)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unavailable("seal", detail=f"{key_path}, {certificate_path}: {error}") from None


def create_seal_certificate(
    key_path: Path, certificate_path: Path, *, operator_name: str, operator_number: str, at: datetime
) -> PdfSigner:
    """Create an ECDSA key (P-256) and a self-signed certificate, in two files that only the owner may read.

    Recipients of a PDF must get this certificate from us to verify the signature. They need not if a certificate from a
    trusted issuer replaces it.

    Raises: Conflict if one of the files exists; Unavailable if they cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    seal = PdfSigner(key, _self_signed(key, operator_name, operator_number, at))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for path in (key_path, certificate_path):
        if path.exists():
            raise Conflict("seal_exists", detail=str(path))
    try:
        _write_together({certificate_path: seal.certificate(), key_path: private})
    except FileExistsError as error:
        raise Conflict("seal_exists", detail=str(error.filename2)) from None
    except OSError as error:
        raise Unavailable("seal", detail=f"{error.filename}: {error.strerror}") from None
    return seal


def _write_together(contents: Mapping[Path, bytes]) -> None:
    """Write new files.

    All contents are on disk before the first gets its name, so no process sees one without the other.
    """
    drafts = {path: draft_beside(path) for path in contents}
    try:
        for path, draft in drafts.items():
            write_new(draft, contents[path])
        for path, draft in drafts.items():
            # Unlike a rename, it never replaces an existing file.
            path.hardlink_to(draft)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
    for folder in {path.parent for path in contents}:
        sync_directory(folder)


def _self_signed(key: ec.EllipticCurvePrivateKey, name: str, number: str, at: datetime) -> x509.Certificate:
    """Return a certificate whose subject follows ETSI EN 319 412-3 for legal persons."""
    short = name.encode()[:_MAX_NAME_LENGTH].decode(errors="ignore")
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "NO"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, short),
        x509.NameAttribute(NameOID.COMMON_NAME, short),
    ]
    if number:
        attributes.insert(2, x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, f"NTRNO-{number}"))
    subject = x509.Name(attributes)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def _create_signer(path: Path, key: object, certificates: list[x509.Certificate]) -> PdfSigner:
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Unavailable("seal", detail=f"{path} holds neither an ECDSA nor an RSA key")
    if not certificates or certificates[0].public_key() != key.public_key():
        raise Unavailable("seal", detail=f"the first certificate is not for the key in {path}")
    if not _is_for_signing(certificates[0]):
        raise Unavailable("seal", detail=f"the certificate of the key in {path} is for other uses than signing")
    return PdfSigner(key, certificates[0], tuple(certificates[1:]))


def _is_for_signing(certificate: x509.Certificate) -> bool:
    """Return whether the key usage allows signing (RFC 5280, 4.2.1.3). Issuers also sell other certificates."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def _content(path: Path, *, is_private: bool = False) -> bytes | None:
    """Return the file's content; None if there is no file."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable("seal", detail=f"{path}: {error.strerror}") from None
    if is_private and is_open_to_others(path, mode):
        raise Unavailable("seal", detail=f"{path} is open to others than its owner: chmod 600")
    return content
