"""Documents that OpenSSL has encrypted come out as they were; anything else is refused, however it arrives."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deldokument.crypto.cms import MAX_HEADER, EnvelopeDecryptor
from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.exchange import ExchangePair, new_pair, read_pair
from tests.support.stage.envelopes import element, enveloped

WITH_OAEP = ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256"]

BEFORE_RECIPIENT = {"-stream"}


@cache
def own_pair() -> ExchangePair:
    """Made when a test needs it: it takes half a second."""
    return new_pair("del.example", datetime(2026, 11, 24, tzinfo=UTC), timedelta(days=1))


def unwrap(serial: int, wrapped: bytes) -> bytes | None:
    return own_pair().unwrap(wrapped) if serial == own_pair().serial else None


def decrypted(sealed: bytes, step: int = 0, other: ExchangePair | None = None) -> bytes:
    pair = other or own_pair()
    decryptor = EnvelopeDecryptor(lambda serial, wrapped: pair.unwrap(wrapped) if serial == pair.serial else None)
    pieces = [sealed[at : at + step] for at in range(0, len(sealed), step)] if step else [sealed]
    plain = b"".join(decryptor.update(piece) for piece in pieces)
    decryptor.finish()
    return plain


def openssl(folder: Path, content: bytes, *options: str, cipher: str = "-aes256") -> bytes:
    (folder / "certificate.pem").write_text(own_pair().certificate_pem(), "ascii")
    command = ["openssl", "cms", "-encrypt", "-binary", "-outform", "DER", cipher]
    command += [option for option in options if option in BEFORE_RECIPIENT]
    command += ["-recip", str(folder / "certificate.pem"), *(one for one in options if one not in BEFORE_RECIPIENT)]
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


@pytest.mark.parametrize("streamed", [["-stream"], []])
@pytest.mark.parametrize("length", [1, 15, 16, 17, 100_000])
def test_what_openssl_encrypts_is_decrypted(tmp_path: Path, streamed: list[str], length: int) -> None:
    content = os.urandom(length)
    sealed = openssl(tmp_path, content, *streamed, *WITH_OAEP)
    assert decrypted(sealed) == decrypted(sealed, 1000) == content


def test_a_document_is_decrypted_byte_by_byte() -> None:
    content = os.urandom(5000)
    assert decrypted(enveloped(own_pair().certificate, content), 1) == content


@pytest.mark.parametrize("content", [b"", b"x", bytes(16)])
def test_a_short_document_is_a_document(content: bytes) -> None:
    assert decrypted(enveloped(own_pair().certificate, content)) == content


def test_an_envelope_that_is_cut_anywhere_is_never_complete() -> None:
    sealed = enveloped(own_pair().certificate, b"innhold", chunk=5)
    for length in range(len(sealed)):
        with pytest.raises(IntegrityError):
            decrypted(sealed[:length])


def test_bytes_after_an_envelope_are_refused_and_an_empty_piece_is_not() -> None:
    sealed = enveloped(own_pair().certificate, b"innhold")
    decryptor = EnvelopeDecryptor(unwrap)
    assert decryptor.update(sealed) + decryptor.update(b"") == b"innhold"
    with pytest.raises(IntegrityError):
        decryptor.update(b"\0")
    with pytest.raises(IntegrityError):
        decrypted(sealed + b"\0")


def test_other_algorithms_are_refused(tmp_path: Path) -> None:
    for sealed in (
        openssl(tmp_path, b"innhold"),
        openssl(tmp_path, b"innhold", *WITH_OAEP, cipher="-aes128"),
    ):
        with pytest.raises(IntegrityError):
            decrypted(sealed)


def test_an_envelope_for_another_key_is_refused() -> None:
    other = new_pair("del.example", datetime(2026, 11, 24, tzinfo=UTC), timedelta(days=1))
    with pytest.raises(IntegrityError):
        decrypted(enveloped(other.certificate, b"innhold"))
    with pytest.raises(IntegrityError):
        own_pair().unwrap(b"x" * 384)
    assert decrypted(enveloped(other.certificate, b"innhold"), other=other) == b"innhold"


def test_an_invalid_envelope_is_refused() -> None:
    sealed = enveloped(own_pair().certificate, b"innhold")
    indefinite = b"\x30\x80"
    for broken in (
        b"%PDF-1.7 and so on",
        element(0x30, element(0x06, b"other")),
        b"\x30\x89" + bytes(9),
        indefinite + b"\x06\x80" + bytes(20),
        indefinite + b"\x06\x83\x01\x00\x00",
        sealed.replace(bytes.fromhex("2a864886f70d010703"), bytes.fromhex("2a864886f70d010702")),
        enveloped(own_pair().certificate, b"innhold", iv=bytes(8)),
        enveloped(own_pair().certificate, b"innhold", key=bytes(16)),
        enveloped(own_pair().certificate, b"innhold", chunk_tag=0x05),
        enveloped(own_pair().certificate, b"innhold", damaged=True),
        enveloped(own_pair().certificate, b"innhold", closing=b"\0\1" * 4),
        enveloped(own_pair().certificate, b"innhold", recipients=b"\x30\x05\x02\x01"),
    ):
        with pytest.raises(IntegrityError):
            decrypted(broken)


def test_a_header_that_does_not_end_is_not_kept() -> None:
    endless = b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010703") + b"\xa0\x80\x30\x80\x02\x01\x00"
    recipient = element(0x30, bytes(2000))
    with pytest.raises(IntegrityError):
        decrypted(endless + b"\x31\x82\x3f\xff" + recipient * 20, 512)
    assert MAX_HEADER < 2**15


def test_a_pair_is_read_back_as_it_was_written() -> None:
    again = read_pair(own_pair().to_pem())
    assert (again.serial, again.certificate_pem()) == (own_pair().serial, own_pair().certificate_pem())
    assert again.unwrap(own_pair().key.public_key().encrypt(b"key", OAEP(MGF1(SHA256()), SHA256(), None))) == b"key"
    assert "PRIVATE" not in repr(own_pair())


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----", b"ec"])
def test_an_invalid_key_pair_is_refused(pem: bytes) -> None:
    with pytest.raises(IntegrityError):
        read_pair(_elliptic() if pem == b"ec" else pem)


def _elliptic() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + own_pair().certificate_pem().encode()
