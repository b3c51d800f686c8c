"""Root keys in memory, for tests of keyrings; they pass the contract suite."""

from deldokument.crypto.keys import RootKey, new_key
from deldokument.domain.errors import Unavailable


class MemoryRootKeys:
    """Satisfies `RootKeys`. ``keys`` may be looked into and changed: every node of a test shares it."""

    def __init__(self, *keys: RootKey) -> None:
        self.keys = list(keys) or [RootKey("root-1", new_key())]

    def ids(self) -> list[str]:
        return [key.key_id for key in self.keys]

    def find_root_key(self, root_key_id: str) -> RootKey:
        for key in self.keys:
            if key.key_id == root_key_id:
                return key
        raise Unavailable("keyring", detail=root_key_id)

    def add(self) -> None:
        self.keys.append(RootKey(f"root-{int(self.keys[-1].key_id.removeprefix('root-')) + 1}", new_key()))

    def retire(self, kept: str) -> str:
        held = self.ids()
        del self.keys[: held.index(kept) if kept in held else 0]
        return ""

    def close(self) -> None:
        """Nothing is open."""
