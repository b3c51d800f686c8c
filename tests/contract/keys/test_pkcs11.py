"""The root key in a hardware security module: it cannot be read out, and a missing module is Unavailable."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute

from deldokument.adapters.keys.keyring import SealedKeyring, rotate_root
from deldokument.adapters.keys.pkcs11 import Pkcs11RootKeys
from deldokument.adapters.keys.sqlite import SqliteStore
from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import entry_data, open_sealed
from deldokument.domain.errors import Unavailable
from tests.support.servers.softhsm import MODULE, Token


def opened(hsm: Token) -> Pkcs11RootKeys:
    return Pkcs11RootKeys(MODULE, hsm.name, hsm.pin, hsm.label)


def test_the_key_is_created_in_the_module_and_never_comes_out(hsm: Token) -> None:
    with closing(opened(hsm)) as roots:
        assert roots.ids() == []
        roots.add()
        session = pkcs11.lib(str(MODULE)).get_token(token_label=hsm.name).open()
        (key,) = session.get_objects({Attribute.LABEL: hsm.label})
        assert (key[Attribute.EXTRACTABLE], key[Attribute.SENSITIVE], key[Attribute.WRAP]) == (False, True, False)
        with pytest.raises(pkcs11.AttributeSensitive):
            key[Attribute.VALUE]
        session.close()


def test_entries_are_sealed_in_the_published_format(hsm: Token) -> None:
    """With a key that is known outside, which no other test has: what the module seals opens by `crypto.keys`."""
    with closing(opened(hsm)) as roots:
        roots.ids()
        with pkcs11.lib(str(MODULE)).get_token(token_label=hsm.name).open(rw=True) as session:
            session.create_object(
                {
                    Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
                    Attribute.KEY_TYPE: pkcs11.KeyType.AES,
                    Attribute.TOKEN: True,
                    Attribute.LABEL: hsm.label,
                    Attribute.ID: b"\0\0\0\1known",
                    Attribute.VALUE: bytes(range(32)),
                    Attribute.ENCRYPT: True,
                    Attribute.DECRYPT: True,
                }
            )
        (name,) = roots.ids()
        sealed = roots.find_root_key(name).wrap_all({"share/1": b"k" * 32})["share/1"]
        assert open_sealed(bytes(range(32)), sealed, entry_data(name, "share/1")) == b"k" * 32


def test_a_token_that_is_gone_is_unavailable_and_is_used_again_when_it_is_back(hsm: Token) -> None:
    tokens, away = hsm.folder / "tokens", hsm.folder / "away"
    with closing(opened(hsm)) as roots:
        roots.add()
        root = roots.find_root_key(roots.ids()[0])
        wrapped = root.wrap_all({"share/1": b"k" * 32})
        tokens.rename(away)
        tokens.mkdir()
        try:
            for attempt in (
                lambda: root.unwrap_all(wrapped),
                lambda: root.wrap_all({"share/2": b"k" * 32}),
                roots.ids,
                roots.add,
            ):
                with pytest.raises(Unavailable) as caught:
                    attempt()
                assert caught.value.code == "keyring"
        finally:
            tokens.rmdir()
            away.rename(tokens)
        assert root.unwrap_all(wrapped) == {"share/1": b"k" * 32}


def test_a_module_that_has_forgotten_us_is_logged_in_to_again(hsm: Token) -> None:
    with closing(opened(hsm)) as roots:
        roots.add()
        root = roots.find_root_key(roots.ids()[0])
        wrapped = root.wrap_all({"share/1": b"k" * 32})
        pkcs11.lib(str(MODULE)).reinitialize()
        assert root.unwrap_all(wrapped) == {"share/1": b"k" * 32}
        forged = {"share/1": wrapped["share/1"][:-1] + b"\0"}
        pkcs11.lib(str(MODULE)).reinitialize()
        if forged != wrapped:
            with pytest.raises(IntegrityError):
                root.unwrap_all(forged)


@pytest.mark.parametrize("own", [b"", b"\x01", b"k1", b"\xff"])
def test_a_root_key_of_another_program_is_replaced_by_a_newer_one(hsm: Token, tmp_path: Path, own: bytes) -> None:
    """The operator must destroy the old key, so it must not be the one that entries are sealed under."""
    with pkcs11.lib(str(MODULE)).get_token(token_label=hsm.name).open(rw=True, user_pin=hsm.pin) as session:
        session.generate_key(pkcs11.KeyType.AES, 256, id=own, label=hsm.label, store=True)
    roots = opened(hsm)
    with closing(SealedKeyring(SqliteStore(tmp_path / "keyring", roots.ids()[-1]), roots)) as keyring:
        old, key = keyring.root(), keyring.create("share:1")
        assert rotate_root(keyring)[0] == 1
        assert keyring.root() != old
        assert roots.ids() == [keyring.root()]
        assert keyring.get(["share:1"]) == {"share:1": key}


@pytest.mark.parametrize("name", ["token", "pin", "module"])
def test_what_does_not_lead_to_the_token_is_unavailable_and_shows_no_pin(hsm: Token, name: str, tmp_path: Path) -> None:
    module = tmp_path / "none.so" if name == "module" else MODULE
    other = replace(hsm, name="another") if name == "token" else replace(hsm, pin="9999" if name == "pin" else hsm.pin)
    with pytest.raises(Unavailable) as caught:
        Pkcs11RootKeys(module, other.name, other.pin, other.label)
    assert other.pin not in str(caught.value)
