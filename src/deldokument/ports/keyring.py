"""Contract of the keyring."""

from collections.abc import Collection, Mapping
from typing import Protocol


class Keyring(Protocol):
    """A store of 32-byte keys apart from database and blobs, each entry encrypted under the root key.

    Guarantees:
    - ``destroy`` is final: afterwards the store never returns the entry.
    - After ``destroy``, ``create`` of the same id makes another key.
    - Root key rotation runs concurrently with all calls.
    - It also stores named values without encrypting them: callers seal them.

    Each adapter documents which remnants may stay on its medium, encrypted under the root key of that time. Destroying
    that root key after a rotation makes them unreadable.
    """

    def create(self, entry_id: str) -> bytes:
        """Return the key of ``entry_id``. If there is none, create it.

        A new key is durable on return. Safe for concurrent callers.
        """
        ...

    def get(self, entry_ids: Collection[str]) -> dict[str, bytes]:
        """Return the keys that exist among ``entry_ids``.

        Raises: Unavailable; Broken if an entry cannot be decrypted.
        """
        ...

    def ids(self, prefix: str) -> list[str]:
        """Return the ids of the entries that begin with ``prefix``."""
        ...

    def destroy(self, entry_ids: Collection[str]) -> None:
        """Destroy the entries for good. Missing ids are no error."""
        ...

    def keep(self, values: Mapping[str, bytes]) -> None:
        """Store values by name, replacing those of the same names. A name contains a colon. Durable on return.

        After an error, only the first of them may be stored.
        """
        ...

    def list_values(self, prefix: str) -> dict[str, bytes]:
        """Return the values whose names begin with ``prefix``."""
        ...

    def forget_kept(self, names: Collection[str]) -> None:
        """Remove values. Missing names are no error."""
        ...

    def claim(self, deployment_id: str) -> None:
        """Make this deployment the owner of the keyring. Of concurrent claimants one succeeds.

        Raises: Conflict if another deployment owns it.
        """
        ...
