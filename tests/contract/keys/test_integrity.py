"""Integrity is enforced from when the keyring says so, for good."""

from deldokument.adapters.keys.integrity import KeyringIntegrity
from deldokument.ports.integrity import ENFORCED_ENTRY
from tests.fakes.keyring import MemoryKeyring


def test_integrity_is_enforced_once_the_keyring_has_the_entry() -> None:
    keyring = MemoryKeyring()
    integrity = KeyringIntegrity(keyring)
    assert [integrity.enforced, integrity.enforced] == [False, False]
    keyring.create(ENFORCED_ENTRY)
    assert integrity.enforced


def test_a_process_that_has_enforced_integrity_goes_on_without_the_keyring() -> None:
    keyring = MemoryKeyring()
    keyring.create(ENFORCED_ENTRY)
    integrity = KeyringIntegrity(keyring)
    assert integrity.enforced
    keyring.keys.clear()
    assert integrity.enforced
