"""Root key in OpenBao's Transit engine: one key, whose versions are the root keys.

Guarantees:
- Entries are encrypted with AES-256-GCM inside OpenBao, bound to their ids and to the version, as with a root
  key in a file.
- The key never leaves OpenBao.

Can neither create nor destroy versions: the service's role may only encrypt and decrypt. An OpenBao
administrator rotates the key and trims it, which destroys the old version for good.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from deldokument.adapters.keys.openbao import OpenBao, Refused
from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import entry_data
from deldokument.domain.errors import Unavailable

_BATCH: Final = 100
"""OpenBao accepts a thousand JSON strings per request; an item has five."""


class TransitRootKeys:
    """The port `RootKeys` on one key of Transit."""

    def __init__(self, bao: OpenBao, mount: str, name: str) -> None:
        """Load the versions.

        Raises: Unavailable.
        """
        self._bao = bao
        self._mount = mount
        self._name = name
        self._versions = self._fetch_versions()

    def ids(self) -> list[str]:
        """Return the names of the versions, the newest last."""
        self._versions = self._fetch_versions()
        return list(self._versions)

    def find_root_key(self, root_key_id: str) -> TransitRootKey:
        """Return the version of the Transit key with this name. Raises: Unavailable if OpenBao has none."""
        if root_key_id not in self._versions:
            self._versions = self._fetch_versions()
        if root_key_id not in self._versions:
            raise Unavailable("keyring", detail=f"OpenBao's {self._mount}/{self._name} has no {root_key_id}")
        return TransitRootKey(self._bao, self._mount, self._name, self._versions[root_key_id], root_key_id)

    def add(self) -> None:
        """Raise Unavailable: this needs another role."""
        raise Unavailable("keyring", detail=f"first: bao write -f {self._mount}/keys/{self._name}/rotate")

    def retire(self, kept: str) -> str:
        """Return the commands that destroy the older versions."""
        key, version = f"{self._mount}/keys/{self._name}", self._versions[kept]
        if self.ids() == [kept]:
            return ""
        return (
            f"Destroy the older versions: bao write {key}/config min_decryption_version={version}"
            f" min_encryption_version={version} && bao write {key}/trim min_available_version={version}"
        )

    def close(self) -> None:
        """Close the connections."""
        self._bao.close()

    def _fetch_versions(self) -> dict[str, int]:
        """Return the versions by name.

        The name contains the creation time, which distinguishes versions of different keys.
        """
        key = self._bao.get(f"{self._mount}/keys/{self._name}")
        if key is None:
            raise Unavailable("keyring", detail=f"OpenBao has no key {self._mount}/{self._name}")
        try:
            oldest = int(key["min_decryption_version"])
            created_at = {int(version): int(at) for version, at in key["keys"].items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Unavailable("keyring", detail="OpenBao's answer is not understood") from None
        return {
            f"transit-{version}-{created_at[version]}": version for version in sorted(created_at) if version >= oldest
        }


class TransitRootKey:
    """The port `KeyWrapper` with one version of a Transit key."""

    def __init__(self, bao: OpenBao, mount: str, name: str, version: int, key_id: str) -> None:
        self.key_id = key_id
        self._bao = bao
        self._mount = mount
        self._name = name
        self._version = version

    def wrap_all(self, secrets: Mapping[str, bytes]) -> dict[str, bytes]:
        """Encrypt the keys of entries."""

        def item(entry_id: str) -> dict[str, Any]:
            plaintext = b64encode(secrets[entry_id]).decode()
            return {"plaintext": plaintext, "key_version": self._version, **self._bind_to_entry(entry_id)}

        sealed = self._call_in_batches("encrypt", secrets, item, "ciphertext")
        return {entry_id: ciphertext.encode() for entry_id, ciphertext in sealed}

    def unwrap_all(self, wrapped: Mapping[str, bytes]) -> dict[str, bytes]:
        """Decrypt the keys of entries."""

        def item(entry_id: str) -> dict[str, Any]:
            return {"ciphertext": wrapped[entry_id].decode("ascii", "replace"), **self._bind_to_entry(entry_id)}

        opened = self._call_in_batches("decrypt", wrapped, item, "plaintext")
        return {entry_id: b64decode(plaintext) for entry_id, plaintext in opened}

    def _bind_to_entry(self, entry_id: str) -> dict[str, str]:
        return {"associated_data": b64encode(entry_data(self.key_id, entry_id)).decode()}

    def _call_in_batches(
        self, verb: str, entries: Mapping[str, bytes], item: Callable[[str], dict[str, Any]], wanted: str
    ) -> Iterator[tuple[str, str]]:
        rest = iter(entries)
        while batch := list(islice(rest, _BATCH)):
            try:
                answer = self._bao.post(
                    f"{self._mount}/{verb}/{self._name}", {"batch_input": [item(entry_id) for entry_id in batch]}
                )
            except Refused as error:
                raise _of(error) from None
            results = answer.get("batch_results")
            if not isinstance(results, list) or len(results) != len(batch):
                raise Unavailable("keyring", detail="OpenBao's answer is not understood")
            for entry_id, result in zip(batch, results, strict=True):
                if result.get("error") or not result.get(wanted):
                    raise IntegrityError
                yield entry_id, str(result[wanted])


def _of(error: Refused) -> Exception:
    """Return the error for a refused batch: an IntegrityError if an entry could not be decrypted, else Unavailable.

    OpenBao refuses a whole batch if one entry cannot be decrypted. Any other refusal says nothing about the
    entries.
    """
    try:
        results = json.loads(str(error))["data"]["batch_results"]
    except (KeyError, TypeError, ValueError):
        return Unavailable("keyring", detail="OpenBao refuses to seal and to open")
    return IntegrityError() if results else Unavailable("keyring", detail="OpenBao's answer is not understood")
