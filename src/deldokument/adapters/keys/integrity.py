"""Whether integrity is enforced, from the keyring: a writer of the database cannot switch it off."""

from __future__ import annotations

from deldokument.ports.integrity import ENFORCED_ENTRY
from deldokument.ports.keyring import Keyring


class KeyringIntegrity:
    """The port `Integrity`: integrity is enforced when the keyring has the entry.

    The keyring is asked until it has; the entry is never removed.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._enforced = False

    @property
    def enforced(self) -> bool:
        """Return whether a row without a proof is refused."""
        self._enforced = self._enforced or bool(self._keyring.get([ENFORCED_ENTRY]))
        return self._enforced
