"""Key pairs to which systems encrypt documents before they upload them: RSA with a self-signed certificate.

Guarantees:
- A content key opens only with the private key of the certificate that it was wrapped for.
- No key shows in a `repr`.

The certificate contains the public key and identifies it by its serial number. Its signature needs no trust, because
systems fetch it over TLS.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from deldokument.crypto.errors import IntegrityError

_BITS = 3072
_EXPONENT = 65537
_MARGIN = timedelta(days=1)
"""How much earlier the certificate begins, for clocks that are behind."""


@dataclass(frozen=True, slots=True)
class ExchangePair:
    """A private key with its certificate."""

    certificate: x509.Certificate
    key: RSAPrivateKey = field(repr=False)

    @property
    def serial(self) -> int:
        """The certificate's serial number, which identifies a recipient."""
        return self.certificate.serial_number

    def certificate_pem(self) -> str:
        """Return the certificate, for the systems that encrypt."""
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")

    def to_pem(self) -> bytes:
        """Return private key and certificate, to be sealed."""
        private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return private + self.certificate_pem().encode("ascii")

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return a content key that was wrapped with RSAES-OAEP (SHA-256 for the hash and for MGF1).

        Raises: IntegrityError.
        """
        try:
            return self.key.decrypt(wrapped, OAEP(MGF1(SHA256()), SHA256(), None))
        except ValueError:
            raise IntegrityError from None


def new_pair(name: str, at: datetime, lifetime: timedelta) -> ExchangePair:
    """Return a new pair, valid from ``at`` for that time."""
    key = generate_private_key(_EXPONENT, _BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(at - _MARGIN)
        .not_valid_after(at + lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, SHA256())
    )
    return ExchangePair(certificate, key)


def read_pair(pem: bytes) -> ExchangePair:
    """Return the pair that ``to_pem`` wrote. Raises: IntegrityError if it is no such pair."""
    try:
        key, certificate = load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise IntegrityError from None
    if not isinstance(key, RSAPrivateKey):
        raise IntegrityError
    return ExchangePair(certificate, key)
