"""Claims about texts in the database: readable in their own place only, found without being read."""

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.fields import lookup_hash, open_bytes, open_text, seal_bytes, seal_text
from deldokument.crypto.keys import new_key

KEY = bytes(range(32))
LABEL, RECORD = "recipient.identifier", b"r" * 16
OLA = "21879400108"


@pytest.mark.parametrize("text", ["", "a", OLA, "søker 🙂", "æ" * 30, "a" * 60, "a" * 61, "a" * 10_000])
def test_a_text_is_decrypted_unchanged(text: str) -> None:
    assert open_text(KEY, seal_text(KEY, text, LABEL, RECORD), LABEL, RECORD) == text


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"\0" * 60, b"\xfe" * 1_000_000])
def test_a_file_is_decrypted_unchanged(content: bytes) -> None:
    assert open_bytes(KEY, seal_bytes(KEY, content, "assessment.file", RECORD), "assessment.file", RECORD) == content


def test_bytes_that_are_no_text_are_not_read_as_one() -> None:
    with pytest.raises(IntegrityError):
        open_text(KEY, seal_bytes(KEY, b"\xff", LABEL, RECORD), LABEL, RECORD)


def test_a_text_moved_to_another_column_record_or_key_does_not_open() -> None:
    sealed = seal_text(KEY, OLA, LABEL, RECORD)
    strangers = [
        (KEY, "recipient.label", RECORD),
        (KEY, LABEL, b"s" * 16),
        (new_key(), LABEL, RECORD),
        (KEY, LABEL[:-1], b"r" + RECORD),
    ]
    for key, label, record_id in strangers:
        with pytest.raises(IntegrityError):
            open_text(key, sealed, label, record_id)


def test_texts_of_nearly_the_same_length_look_the_same_length() -> None:
    sizes = [len(seal_text(KEY, "a" * size, LABEL, RECORD)) for size in (0, 1, 11, 60, 61, 124, 125)]
    assert sizes == [29 + 64] * 4 + [29 + 128] * 2 + [29 + 192]


def test_equal_texts_are_not_sealed_alike() -> None:
    assert seal_text(KEY, OLA, LABEL, RECORD) != seal_text(KEY, OLA, LABEL, RECORD)


def test_an_identifier_is_found_again_under_its_key_and_kind_only() -> None:
    hashed = lookup_hash(KEY, "person", OLA)
    assert hashed == lookup_hash(KEY, "person", OLA)
    others = [
        lookup_hash(new_key(), "person", OLA),
        lookup_hash(KEY, "organization", OLA),
        lookup_hash(KEY, "person", "21879400299"),
        lookup_hash(KEY, "person2", OLA[1:]),
    ]
    assert hashed not in others
    assert len(hashed) == 32


def test_a_text_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        seal_text(KEY, "\ud800", LABEL, RECORD)
