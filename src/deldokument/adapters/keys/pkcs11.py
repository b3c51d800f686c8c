"""Root key in a hardware security module: AES keys of one label, reached through PKCS#11.

Guarantees:
- Entries are encrypted with AES-256-GCM inside the module, bound to their ids and to the root key's, as with a root key
  in a file.
- The keys are created in the module and cannot be extracted.
- While the module is unreachable, calls raise Unavailable. Later calls reconnect.

Does not know the vendor of the module.

One call at a time per process: the library passes no locks to `C_Initialize`, so the standard lets a module rely on
single-threaded use.

Not every module distinguishes a forged entry from a fault of its own (SoftHSM returns CKR_GENERAL_ERROR for both). So
if an entry cannot be decrypted, the same key is tested with a fresh ciphertext.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error, UserAlreadyLoggedIn

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import KEY, SEALED_VERSION, entry_data
from deldokument.domain.errors import Unavailable

_NONCE: Final = 12
_TAG_BITS: Final = 128
_PLACE: Final = 4
"""Bytes of an id that order the keys by age; random ones follow."""

_ONE_AT_A_TIME: Final = threading.RLock()

T = TypeVar("T")


class Pkcs11RootKeys:
    """The port `RootKeys` on the AES keys of one label in one token."""

    def __init__(self, module: Path, token: str, pin: str, label: str) -> None:
        """Open the token; there may be no key yet.

        Raises: Unavailable if the module or the token cannot be used.
        """
        self._module = module
        self._token = token
        self._pin = pin
        self._label = label
        self._session: Any = None
        self._keys: dict[str, Any] = {}
        self.ids()

    def ids(self) -> list[str]:
        """Return the names of the root keys, the newest last."""
        return self._run_step(lambda: list(self._look_up()))

    def find_root_key(self, root_key_id: str) -> Pkcs11RootKey:
        """Return the root key with that name."""
        if root_key_id not in self._keys and root_key_id not in self.ids():
            raise Unavailable("keyring", detail=f"the token {self._token} has no key {root_key_id}")
        return Pkcs11RootKey(self, root_key_id)

    def add(self) -> None:
        """Create another key in the module, sensitive and not extractable."""

        def make() -> None:
            # A key created by another program may have a shorter id. Padded, it still sorts before the next one.
            last = max((_id_of(name)[:_PLACE] for name in self._look_up()), default=b"").ljust(_PLACE, b"\0")
            place = (int.from_bytes(last, "big") + 1).to_bytes(_PLACE, "big")
            template = {
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.ENCRYPT: True,
                Attribute.DECRYPT: True,
                Attribute.WRAP: False,
                Attribute.UNWRAP: False,
            }
            with self._open_session().token.open(rw=True) as writing:
                writing.generate_key(
                    KeyType.AES, KEY * 8, id=place + os.urandom(8), label=self._label, store=True, template=template
                )

        self._run_step(make)

    def retire(self, kept: str) -> str:
        """Destroy the older keys in the module."""

        def destroy() -> None:
            with self._open_session().token.open(rw=True) as writing:
                for key in _find_keys(writing, self._label):
                    if _name_of(key) < kept:
                        key.destroy()
            self._look_up()

        self._run_step(destroy)
        return "Destroy every backup of the token that holds the old root key"

    def seal(self, root_key_id: str, secret: bytes, associated_data: bytes) -> bytes:
        """Encrypt as `crypto.keys.seal` does, in the module."""
        nonce = os.urandom(_NONCE)
        return self._run_step(
            lambda: SEALED_VERSION + nonce + _encrypt(self._key(root_key_id), nonce, secret, associated_data)
        )

    def open_sealed(self, root_key_id: str, sealed: bytes, associated_data: bytes) -> bytes:
        """Decrypt as `crypto.keys.open_sealed` does, in the module.

        Raises: IntegrityError.
        """
        if sealed[:1] != SEALED_VERSION or len(sealed) < 1 + _NONCE + _TAG_BITS // 8:
            raise IntegrityError
        nonce, ciphertext = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]

        def decrypt() -> bytes:
            key = self._key(root_key_id)
            try:
                return _decrypt(key, nonce, ciphertext, associated_data)
            except PKCS11Error:
                probe = os.urandom(_NONCE)
                _decrypt(key, probe, _encrypt(key, probe, bytes(KEY), b""), b"")
                raise IntegrityError from None

        return self._run_step(decrypt)

    def close(self) -> None:
        """Log out."""
        with _ONE_AT_A_TIME:
            self._drop()

    def _run_step(self, step: Callable[[], T]) -> T:
        """Run a step; after a PKCS#11 error reconnect and run it once more.

        Raises: Unavailable.
        """
        with _ONE_AT_A_TIME:
            try:
                return step()
            except PKCS11Error:
                self._start_anew()
            try:
                return step()
            except PKCS11Error as error:
                self._drop()
                raise Unavailable("keyring", detail=f"{self._module}: {type(error).__name__}") from None

    def _open_session(self) -> Any:
        """Return the logged-in session; all other sessions of this process share its login."""
        if self._session is None:
            token = pkcs11.lib(str(self._module)).get_token(token_label=self._token)
            try:
                self._session = token.open(user_pin=self._pin)
            except UserAlreadyLoggedIn:
                self._session = token.open()
        return self._session

    def _look_up(self) -> dict[str, Any]:
        keys = sorted(_find_keys(self._open_session(), self._label), key=_name_of)
        self._keys = {_name_of(key): key for key in keys}
        return self._keys

    def _key(self, root_key_id: str) -> Any:
        if root_key_id not in self._keys:
            self._look_up()
        try:
            return self._keys[root_key_id]
        except KeyError:
            raise Unavailable("keyring", detail=f"the token {self._token} has no key {root_key_id}") from None

    def _start_anew(self) -> None:
        """Reinitialise the library: some modules find a returned token only after that."""
        self._drop()
        with suppress(PKCS11Error):
            pkcs11.lib(str(self._module)).reinitialize()

    def _drop(self) -> None:
        session, self._session, self._keys = self._session, None, {}
        if session is not None:
            with suppress(PKCS11Error):
                session.close()


class Pkcs11RootKey:
    """The port `KeyWrapper` with one key of a token."""

    def __init__(self, keys: Pkcs11RootKeys, key_id: str) -> None:
        self.key_id = key_id
        self._keys = keys

    def wrap_all(self, secrets: Mapping[str, bytes]) -> dict[str, bytes]:
        """Encrypt the keys of entries."""
        return {
            entry_id: self._keys.seal(self.key_id, secret, entry_data(self.key_id, entry_id))
            for entry_id, secret in secrets.items()
        }

    def unwrap_all(self, wrapped: Mapping[str, bytes]) -> dict[str, bytes]:
        """Decrypt the keys of entries."""
        return {
            entry_id: self._keys.open_sealed(self.key_id, sealed, entry_data(self.key_id, entry_id))
            for entry_id, sealed in wrapped.items()
        }


def _find_keys(session: Any, label: str) -> list[Any]:
    return list(
        session.get_objects(
            {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.LABEL: label}
        )
    )


def _name_of(key: Any) -> str:
    return "pkcs11-" + bytes(key.id).hex()


def _id_of(name: str) -> bytes:
    return bytes.fromhex(name.removeprefix("pkcs11-"))


def _encrypt(key: Any, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    return bytes(key.encrypt(plaintext, mechanism=Mechanism.AES_GCM, mechanism_param=_params(nonce, associated_data)))


def _decrypt(key: Any, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
    return bytes(key.decrypt(ciphertext, mechanism=Mechanism.AES_GCM, mechanism_param=_params(nonce, associated_data)))


def _params(nonce: bytes, associated_data: bytes) -> GCMParams:
    return GCMParams(nonce=nonce, aad=associated_data, tag_bits=_TAG_BITS)
