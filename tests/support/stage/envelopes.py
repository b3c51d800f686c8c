"""CMS EnvelopedData as KS' Java library writes it: indefinite lengths, and the content in octet strings."""

import os

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.padding import PKCS7

_INDEFINITE = b"\x80"
_END = b"\x00\x00"
_ENVELOPED_DATA, _DATA = bytes.fromhex("06092a864886f70d010703"), bytes.fromhex("06092a864886f70d010701")
_AES256_CBC = bytes.fromhex("060960864801650304012a")
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_MGF1 = bytes.fromhex("06092a864886f70d010108")
_P_SPECIFIED = bytes.fromhex("06092a864886f70d0101090400")
_RSAES_OAEP = bytes.fromhex("06092a864886f70d010107")


def element(tag: int, content: bytes) -> bytes:
    """An element of definite length."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def _recipient(certificate: x509.Certificate, key: bytes) -> bytes:
    public = certificate.public_key()
    assert isinstance(public, RSAPublicKey)
    serial = certificate.serial_number
    number = element(0x02, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
    parameters = element(0xA0, _SHA256) + element(0xA1, element(0x30, _MGF1 + _SHA256))
    parameters += element(0xA2, element(0x30, _P_SPECIFIED))
    wrapped = public.encrypt(key, OAEP(MGF1(SHA256()), SHA256(), None))
    return element(
        0x30,
        b"\x02\x01\x00"
        + element(0x30, certificate.issuer.public_bytes() + number)
        + element(0x30, _RSAES_OAEP + element(0x30, parameters))
        + element(0x04, wrapped),
    )


def enveloped(
    certificate: x509.Certificate,
    content: bytes,
    *,
    chunk: int = 1000,
    key: bytes = b"",
    iv: bytes = b"",
    chunk_tag: int = 0x04,
    closing: bytes = _END * 4,
    recipients: bytes = b"",
    damaged: bool = False,
) -> bytes:
    """The content encrypted to the certificate. The other arguments are for envelopes that are wrong."""
    key, iv = key or os.urandom(32), iv or os.urandom(16)
    padder = PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv if len(iv) == 16 else bytes(16))).encryptor()
    sealed = cipher.update(padder.update(content) + padder.finalize()) + cipher.finalize()
    if damaged:
        sealed = sealed[:-1]
    chunks = [element(chunk_tag, sealed[at : at + chunk]) for at in range(0, len(sealed), chunk)]
    return b"".join(
        [
            b"\x30" + _INDEFINITE + _ENVELOPED_DATA + b"\xa0" + _INDEFINITE,
            b"\x30" + _INDEFINITE + b"\x02\x01\x00",
            element(0x31, recipients or _recipient(certificate, key)),
            b"\x30" + _INDEFINITE + _DATA + element(0x30, _AES256_CBC + element(0x04, iv)),
            b"\xa0" + _INDEFINITE,
            *chunks,
            _END + closing,
        ]
    )
