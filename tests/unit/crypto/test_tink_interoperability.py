"""A part is a Tink stream: Tink opens ours, and we open Tink's."""

import io

import pytest
import tink
from tink import proto_keyset_format, secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from deldokument.crypto.stream import (
    CAPACITY,
    FULL_PART_PLAINTEXT,
    HEADER,
    SEGMENT,
    PartEncryptor,
    PartReader,
    ciphertext_length,
    part_associated_data,
)

KEY = bytes(range(32))
BOUND_TO = part_associated_data(b"d" * 16, b"p" * 16)
FIRST = CAPACITY - HEADER
SIZES = [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + CAPACITY, FIRST + CAPACITY + 1, FULL_PART_PLAINTEXT]


@pytest.fixture(scope="module")
def tinks() -> streaming_aead.StreamingAead:
    """Tink's own primitive for our parameters and key."""
    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=SEGMENT, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        ),
        key_value=KEY,
    )
    keyset = tink_pb2.Keyset(primary_key_id=1)
    keyset.key.add(
        key_data=tink_pb2.KeyData(
            type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
            value=key.SerializeToString(),
            key_material_type=tink_pb2.KeyData.SYMMETRIC,
        ),
        status=tink_pb2.ENABLED,
        key_id=1,
        output_prefix_type=tink_pb2.RAW,
    )
    handle = proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


class _KeptOpen(io.BytesIO):
    """Tink closes its output stream; the test needs the bytes afterwards."""

    def close(self) -> None:
        """Stays open."""


def _numbered(size: int) -> bytes:
    """Bytes of which no two segments are the same."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_our_parts(tinks: streaming_aead.StreamingAead, size: int) -> None:
    plaintext = _numbered(size)
    out = bytearray(ciphertext_length(size))
    PartEncryptor(KEY, BOUND_TO).encrypt_into(plaintext, out, last=True)
    with tinks.new_decrypting_stream(io.BytesIO(out), BOUND_TO) as opened:
        assert opened.read() == plaintext


@pytest.mark.parametrize("size", SIZES)
def test_we_open_tinks_streams(tinks: streaming_aead.StreamingAead, size: int) -> None:
    plaintext = _numbered(size)
    stored = _KeptOpen()
    with tinks.new_encrypting_stream(stored, BOUND_TO) as sealing:
        sealing.write(plaintext)
    sealed = stored.getvalue()
    assert len(sealed) == ciphertext_length(size)
    reader = PartReader(KEY, BOUND_TO, sealed[:HEADER], size)
    begin, end = reader.segments_for(0, size)
    assert bytes(reader.decrypt(sealed[begin:end], 0, size)) == plaintext


def test_tink_refuses_our_part_in_another_place(tinks: streaming_aead.StreamingAead) -> None:
    out = bytearray(ciphertext_length(3))
    PartEncryptor(KEY, BOUND_TO).encrypt_into(b"hei", out, last=True)
    elsewhere = part_associated_data(b"e" * 16, b"p" * 16)
    with (
        tinks.new_decrypting_stream(io.BytesIO(out), elsewhere) as opened,
        pytest.raises(tink.TinkError),
    ):
        opened.read()
