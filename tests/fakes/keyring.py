"""A keyring in memory, for tests of what stands on one; it passes the contract suite."""

from collections.abc import Collection, Mapping

from deldokument.crypto.keys import new_key
from deldokument.domain.errors import Conflict


class MemoryKeyring:
    """Satisfies `Keyring`. ``keys`` may be looked into."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.owner = ""
        self.values: dict[str, bytes] = {}

    def create(self, entry_id: str) -> bytes:
        if not entry_id:
            raise ValueError("id")
        return self.keys.setdefault(entry_id, new_key())

    def get(self, entry_ids: Collection[str]) -> dict[str, bytes]:
        return {entry_id: self.keys[entry_id] for entry_id in entry_ids if entry_id in self.keys}

    def ids(self, prefix: str) -> list[str]:
        return sorted(entry_id for entry_id in self.keys if entry_id.startswith(prefix))

    def claim(self, deployment_id: str) -> None:
        if self.owner not in ("", deployment_id):
            raise Conflict("keyring_claimed", detail="the keyring belongs to another deployment")
        self.owner = deployment_id

    def keep(self, values: Mapping[str, bytes]) -> None:
        self.values |= values

    def list_values(self, prefix: str) -> dict[str, bytes]:
        return {name: value for name, value in self.values.items() if name.startswith(prefix)}

    def forget_kept(self, names: Collection[str]) -> None:
        for name in names:
            self.values.pop(name, None)

    def destroy(self, entry_ids: Collection[str]) -> None:
        for entry_id in entry_ids:
            self.keys.pop(entry_id, None)
