"""Contract of the keyring."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Keyring(Protocol):
    """A store of 32-byte keys apart from database and blobs, each entry sealed under the root key.

    ``destroy`` is final: after it returns, the store gives the entry to nobody, and ``create`` of the same id makes
    another key. What a store's medium may keep of it, sealed under the root key of that time, its adapter's charter
    says; destroying that root key in a rotation, which goes on beside all of these calls, makes it worthless.
    """

    def create(self, entry_id: str) -> bytes:
        """The key of ``entry_id``; made, and durable before this returns, if there is none. Safe for two at once."""
        ...

    def get(self, entry_ids: Collection[str]) -> dict[str, bytes]:
        """The keys that exist among ``entry_ids``. Raises Unavailable, or Broken when one cannot be unsealed."""
        ...

    def ids(self, prefix: str) -> list[str]:
        """The ids of the entries that begin with ``prefix``."""
        ...

    def destroy(self, entry_ids: Collection[str]) -> None:
        """Make the entries unreadable for ever; ids that do not exist are no error."""
        ...

    def claim(self, deployment_id: str) -> None:
        """Make the keyring this deployment's; of two claimants one gets it. Raises Conflict when it is another's."""
        ...
