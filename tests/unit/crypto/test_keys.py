"""Claims about keys: drawn fresh, derived apart, sealed to their place, never shown."""

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import Key, KeyWrapper, Purpose, RootKey, derive, frame, new_key, open_sealed, seal

KEY = bytes(range(32))


def test_new_keys_are_256_bits_and_never_the_same() -> None:
    drawn = {new_key() for _ in range(1000)}
    assert len(drawn) == 1000
    assert {len(key) for key in drawn} == {32}


def test_every_purpose_has_a_key_of_its_own() -> None:
    derived = {derive(KEY, purpose) for purpose in Purpose}
    assert len(derived | {KEY}) == len(Purpose) + 1


def test_every_context_has_a_key_of_its_own_however_it_is_cut() -> None:
    contexts = [(), (b"",), (b"", b""), (b"ab",), (b"a", b"b"), (b"", b"ab"), (b"ab", b"")]
    assert len({derive(KEY, Purpose.DATA, *context) for context in contexts}) == len(contexts)


def test_deriving_twice_gives_the_same_key() -> None:
    assert derive(KEY, Purpose.DATA, b"d") == derive(KEY, Purpose.DATA, b"d")
    assert derive(KEY, Purpose.DATA, b"d") != derive(new_key(), Purpose.DATA, b"d")


def test_a_key_that_remembers_derives_the_same_keys_and_does_not_show() -> None:
    remembering = Key(KEY)
    for context in ((), (b"a",), (b"b",)):
        for purpose in Purpose:
            assert {derive(remembering, purpose, *context) for _ in range(2)} == {derive(KEY, purpose, *context)}
    assert set(remembering.derived) == set(Purpose)
    assert repr(remembering) == "Key(…)"


def test_framing_distinguishes_lists() -> None:
    assert frame() == b""
    assert frame(b"ab", b"") == b"\x00\x00\x00\x02ab\x00\x00\x00\x00"


@pytest.mark.parametrize("plaintext", [b"", b"x", bytes(100_000)])
def test_what_was_sealed_opens_in_its_place(plaintext: bytes) -> None:
    sealed = seal(KEY, plaintext, b"here")
    assert len(sealed) == len(plaintext) + 29
    assert open_sealed(KEY, sealed, b"here") == plaintext
    with pytest.raises(IntegrityError):
        open_sealed(KEY, sealed, b"there")
    with pytest.raises(IntegrityError):
        open_sealed(new_key(), sealed, b"here")


def test_a_sealed_value_with_any_bit_changed_does_not_open() -> None:
    sealed = seal(KEY, b"innhold", b"")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityError):
            open_sealed(KEY, bytes(changed), b"")


def test_a_sealed_value_cut_anywhere_does_not_open() -> None:
    sealed = seal(KEY, b"innhold", b"")
    for length in range(len(sealed)):
        with pytest.raises(IntegrityError):
            open_sealed(KEY, sealed[:length], b"")


def test_sealing_never_repeats_a_nonce() -> None:
    assert len({seal(KEY, b"", b"")[1:13] for _ in range(5000)}) == 5000


def test_a_keyring_entry_opens_as_itself_under_its_root_key_only() -> None:
    root = RootKey("root-2026", KEY)
    share_key = new_key()
    wrapped = root.wrap("share/1", share_key)
    assert root.unwrap_all({"share/1": wrapped}) == {"share/1": share_key}
    assert share_key not in wrapped
    strangers = [
        (root, "share/2"),
        (RootKey("root-2027", KEY), "share/1"),
        (RootKey("root-2026", new_key()), "share/1"),
    ]
    for stranger, entry_id in strangers:
        with pytest.raises(IntegrityError):
            stranger.unwrap_all({entry_id: wrapped})


def test_many_entries_are_sealed_each_as_itself() -> None:
    root: KeyWrapper = RootKey("root-2026", KEY)
    secrets = {f"share/{number}": new_key() for number in range(3)}
    wrapped = root.wrap_all(secrets)
    assert root.unwrap_all(wrapped) == secrets
    exchanged = wrapped | {"share/1": wrapped["share/2"]}
    with pytest.raises(IntegrityError):
        root.unwrap_all(exchanged)


def test_a_root_key_does_not_show() -> None:
    shown = repr(RootKey("root-2026", KEY))
    assert "root-2026" in shown
    assert repr(KEY) not in shown
    assert KEY.hex() not in shown


def test_short_keys_and_nameless_roots_are_refused() -> None:
    short = KEY[:16]
    for refused in (
        lambda: derive(short, Purpose.DATA),
        lambda: seal(short, b"", b""),
        lambda: open_sealed(short, bytes(40), b""),
        lambda: RootKey("root", short),
    ):
        with pytest.raises(ValueError, match="32 bytes"):
            refused()
    with pytest.raises(ValueError, match="needs an id"):
        RootKey("", KEY)
