"""Keyring: entries encrypted under a root key, in a store that never sees a key.

Guarantees:
- An entry is durable when `create` returns.
- No store contains a key in the clear.
- The root key can be rotated while any number of nodes create, get and destroy entries.

`SealedStore` and `RootKeys` are the contracts of the stores that keep entries and root keys.

Rotation with concurrent use: The store names the one root key for new entries, and each entry names its own root key. A
rotation first names the new root key in the store; from then on no entry is added under the old one. Then it
re-encrypts the old entries in batches, each entry only if it is unchanged since it was read.

A node loads the new root key when it meets its name. After an interruption both root keys exist and every entry can be
opened; a repeated rotation continues with the remaining entries. The old root key may be destroyed only after `rotate`
has returned.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import Key, KeyWrapper, new_key
from deldokument.domain.errors import Broken, Conflict, Unavailable

OWNER = "deployment"
"""The entry that is not a key: it names the deployment that owns the keyring."""
_ANOTHER = "another rotation is under way"
_NAMED = 5
"""How many unreadable entries an error names."""


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry as a store keeps it."""

    id: str
    root_key_id: str
    sealed: bytes = field(repr=False)
    revision: int = 0
    """A version, for stores that do not compare the sealed bytes."""


class SealedStore(Protocol):
    """A store of sealed entries.

    Raises Unavailable("keyring"), StorageFull or Broken. Its operations are atomic.
    """

    def root(self) -> str:
        """Return the id of the root key for new entries."""
        ...

    def turn(self, before: str, root_key_id: str) -> bool:
        """Set the root key for new entries. From then on `add` rejects entries under the previous one.

        Returns False if `before` was no longer the root key for new entries.
        """
        ...

    def read(self, entry_ids: Collection[str]) -> list[SealedEntry]:
        """Return the entries that exist."""
        ...

    def add(self, entry: SealedEntry) -> bool:
        """Add an entry, and return True when it is durable.

        Returns False if the id is taken, or if another root key is set for new entries. If a store cannot check the
        root key atomically, the key may change between check and write.
        """
        ...

    def ids(self, prefix: str) -> list[str]:
        """Return the ids that begin with the prefix, in order."""
        ...

    def remove(self, entry_ids: Collection[str]) -> None:
        """Remove entries for ever; missing ones are no error."""
        ...

    def under_others(self, root_key_id: str) -> Iterator[list[SealedEntry]]:
        """Yield batches of the entries that are under other root keys."""
        ...

    def reseal(self, old: Sequence[SealedEntry], new: Sequence[SealedEntry]) -> None:
        """Replace each old entry with its new one, if it is unchanged since it was read."""
        ...

    def forget(self) -> None:
        """Erase the remnants of rewritten entries, as far as the store can."""
        ...

    def keep(self, values: Mapping[str, bytes]) -> None:
        """Store named values, which are not entries. Without transactions, the store writes them in their order."""
        ...

    def list_values(self, prefix: str) -> dict[str, bytes]:
        """Return the named values whose names begin with the prefix."""
        ...

    def forget_kept(self, names: Collection[str]) -> None:
        """Remove named values; missing ones are no error."""
        ...

    def concerns(self) -> list[str]:
        """Return settings that may restore destroyed keys or lose keys, in words for the operator."""
        ...

    def close(self) -> None:
        """Close connections and files."""
        ...


class RootKeys(Protocol):
    """The root keys: one, or two during a rotation. Raises Unavailable("keyring")."""

    def ids(self) -> list[str]:
        """Return the names of the root keys, the newest last."""
        ...

    def find_root_key(self, root_key_id: str) -> KeyWrapper:
        """Return the root key with that name.

        An unknown name is looked up again, so that a new key is found.
        """
        ...

    def add(self) -> None:
        """Create another root key, which becomes the newest."""
        ...

    def retire(self, kept: str) -> str:
        """Destroy the root keys older than ``kept``, and return the manual work left, in a sentence. Idempotent."""
        ...

    def close(self) -> None:
        """Close connections and files."""
        ...


class _RootKeyMissing(Unavailable):
    """The store names a root key that this node cannot find."""


class SealedKeyring:
    """The port `Keyring` on a store, for any number of threads, processes and nodes.

    Raises: Unavailable, with the store closed, if the root key for new entries is missing.
    """

    def __init__(self, store: SealedStore, roots: RootKeys) -> None:
        self._store = store
        self.roots = roots
        try:
            roots.find_root_key(store.root())
        except BaseException:
            store.close()
            raise

    def create(self, entry_id: str) -> bytes:
        """Return the entry's key, created if there is none.

        Raises: ValueError for an empty id.
        """
        if not entry_id:
            raise ValueError("an entry needs an id")
        return self._ensure_key(entry_id, new_key())

    def claim(self, deployment_id: str) -> None:
        """Claim the keyring for this deployment; of two claimants one succeeds.

        Two deployments with one keyring would end each other's shares: the sweep of one removes the keys of the other.

        Raises: Conflict if the keyring belongs to another deployment.
        """
        mine = hashlib.sha256(deployment_id.encode()).digest()
        if self._ensure_key(OWNER, mine) != mine:
            raise Conflict("keyring_claimed", detail="the keyring belongs to another deployment")

    def _ensure_key(self, entry_id: str, key: bytes) -> bytes:
        """Return the key of the entry; add it if there is none."""
        # Another node may add the entry first, or a rotation may begin; each happens at most once.
        for _ in range(3):
            entries, keys = self._read([entry_id])
            for entry in entries:
                # A node that added the entry just as a rotation began may die before it re-encrypts it.
                self._follow(entry, keys[entry_id])
                return keys[entry_id]
            entry = _wrap_key(entry_id, self._sealing_root(), key)
            if self._store.add(entry):
                self._follow_or_remove(entry, key)
                return key
        raise Unavailable("keyring", detail="entries come and go under one id")

    def get(self, entry_ids: Collection[str]) -> dict[str, bytes]:
        """Return the keys that exist among the ids.

        Raises: Unavailable, or Broken if one cannot be opened.
        """
        return self._read(entry_ids)[1]

    def _read(self, entry_ids: Collection[str]) -> tuple[list[SealedEntry], dict[str, bytes]]:
        """Return the entries that exist, and their keys. Raises: as `get`."""
        entries = self._store.read(entry_ids)
        while True:
            try:
                keys, spoilt = self._unwrap_entries(entries)
            except Unavailable:
                # A rotation may have ended since the entries were read. Then their root key is destroyed, and they are
                # under another. If their root keys have not changed, a retry would fail too.
                before, entries = entries, self._store.read(entry_ids)
                if _root_ids(entries) == _root_ids(before):
                    raise
                continue
            if spoilt:
                raise Broken(_describe_spoilt(spoilt))
            return entries, keys

    def ids(self, prefix: str) -> list[str]:
        """Return the ids that begin with the prefix, in order."""
        return self._store.ids(prefix)

    def destroy(self, entry_ids: Collection[str]) -> None:
        """Remove entries for ever; each store documents what its medium may retain."""
        self._store.remove(entry_ids)

    def keep(self, values: Mapping[str, bytes]) -> None:
        """Store values by name, replacing those of the same names."""
        self._store.keep(values)

    def list_values(self, prefix: str) -> dict[str, bytes]:
        """Return the values whose names begin with the prefix."""
        return self._store.list_values(prefix)

    def forget_kept(self, names: Collection[str]) -> None:
        """Remove values by name."""
        self._store.forget_kept(names)

    def root(self) -> str:
        """Return the id of the root key for new entries."""
        return self._store.root()

    def rotate(self, root_key_id: str) -> int:
        """Re-encrypt every entry under another root key during normal use; return the number of entries.

        Raises:
            Broken: Some entries cannot be opened; all others are re-encrypted. Keep the old root key.
            Unavailable: A rotation to a newer root key is in progress or has finished.
        """
        self._turn(root_key_id)
        rotated = 0
        # One more pass after the last change: nodes may have added entries under the old root key to a part that was
        # already processed.
        while True:
            spoilt: list[str] = []
            changed = 0
            for batch in self._store.under_others(root_key_id):
                # Check after reading the batch: entries that another rotation has changed since then fail the
                # comparison.
                self._must_seal_under(root_key_id)
                closed = self._reseal(batch, root_key_id)
                spoilt += closed
                changed += len(batch) - len(closed)
            if not changed:
                break
            rotated += changed
        self._must_seal_under(root_key_id)
        self._store.forget()
        if spoilt:
            raise Broken(_describe_spoilt(spoilt))
        return rotated

    def concerns(self) -> list[str]:
        """Return settings that may restore destroyed keys or lose keys, in words for the operator."""
        return self._store.concerns()

    def close(self) -> None:
        """Close the store and the root keys."""
        self._store.close()
        self.roots.close()

    def _turn(self, root_key_id: str) -> None:
        """Switch to a newer root key, never to an older one, which its rotation may destroy at any moment."""
        before, held = self._store.root(), self.roots.ids()
        is_newer = before in held and root_key_id in held[held.index(before) :]
        if not is_newer or (before != root_key_id and not self._store.turn(before, root_key_id)):
            raise Unavailable("keyring", detail=_ANOTHER)

    def _sealing_root(self) -> KeyWrapper:
        """Return the root key for new entries.

        Looks it up again if a rotation has just destroyed it.
        """
        while True:
            root_key_id = self._store.root()
            try:
                return self.roots.find_root_key(root_key_id)
            except Unavailable as error:
                if self._store.root() == root_key_id:
                    raise _RootKeyMissing(error.code, detail=error.detail) from None

    def _must_seal_under(self, root_key_id: str) -> None:
        if self._store.root() != root_key_id:
            raise Unavailable("keyring", detail=_ANOTHER)

    def _follow_or_remove(self, entry: SealedEntry, key: bytes) -> None:
        """Re-encrypt a just added entry if a rotation began meanwhile.

        A node that does not find the new root key removes its entry. The rotation may be over, and an entry under
        a destroyed root key would block every later rotation. After any other error the entry stays, because
        another node may have returned its key.
        """
        try:
            self._follow(entry, key)
        except _RootKeyMissing:
            if self._read_unchanged(entry):
                self._store.remove([entry.id])
            raise

    def _follow(self, entry: SealedEntry, key: bytes) -> None:
        """Re-encrypt an entry until it is under the root key for new entries."""
        while (root := self._sealing_root()).key_id != entry.root_key_id:
            fresh = _wrap_key(entry.id, root, key)
            old = self._read_unchanged(entry)
            self._store.reseal(old, [replace(fresh, revision=one.revision) for one in old])
            entry = fresh

    def _read_unchanged(self, entry: SealedEntry) -> list[SealedEntry]:
        """Return the entry as it is stored; nothing if it is gone or has been re-encrypted."""
        return [one for one in self._store.read([entry.id]) if one.sealed == entry.sealed]

    def _reseal(self, entries: Sequence[SealedEntry], root_key_id: str) -> list[str]:
        """Re-encrypt entries, and return the ids of those that cannot be opened."""
        keys, spoilt = self._unwrap_entries(entries)
        old = [entry for entry in entries if entry.id in keys]
        sealed = self.roots.find_root_key(root_key_id).wrap_all(keys)
        self._store.reseal(old, [replace(one, root_key_id=root_key_id, sealed=sealed[one.id]) for one in old])
        return spoilt

    def _unwrap_entries(self, entries: Sequence[SealedEntry]) -> tuple[dict[str, bytes], list[str]]:
        """Return the keys of the entries that can be opened, and the ids of the others."""
        keys: dict[str, bytes] = {}
        spoilt: list[str] = []
        for root_key_id in {entry.root_key_id for entry in entries}:
            root = self.roots.find_root_key(root_key_id)
            sealed = {entry.id: entry.sealed for entry in entries if entry.root_key_id == root_key_id}
            try:
                keys |= {entry_id: Key(key) for entry_id, key in root.unwrap_all(sealed).items()}
            except IntegrityError:
                spoilt += _unwrap_each(root, sealed, keys)
        return keys, spoilt


def rotate_root(keyring: SealedKeyring) -> tuple[int, str]:
    """Replace the root key, or finish doing so. Return the number of entries and what is left to do by hand.

    An existing new root key is used: a rotation was prepared or interrupted.

    Raises: Broken, with both root keys kept, if entries cannot be opened.
    """
    roots = keyring.roots
    if roots.ids() == [keyring.root()]:
        roots.add()
    newest = roots.ids()[-1]
    rotated = keyring.rotate(newest)
    return rotated, roots.retire(newest)


def _root_ids(entries: Collection[SealedEntry]) -> set[str]:
    return {entry.root_key_id for entry in entries}


def _wrap_key(entry_id: str, root: KeyWrapper, key: bytes) -> SealedEntry:
    return SealedEntry(entry_id, root.key_id, root.wrap_all({entry_id: key})[entry_id])


def _unwrap_each(root: KeyWrapper, sealed: dict[str, bytes], keys: dict[str, bytes]) -> list[str]:
    """Add the keys of entries that can be opened to ``keys``, and return the ids of the others."""
    spoilt = []
    for entry_id, one in sealed.items():
        try:
            keys |= root.unwrap_all({entry_id: one})
        except IntegrityError:
            spoilt.append(entry_id)
    return spoilt


def _describe_spoilt(spoilt: Sequence[str]) -> str:
    more = f" and {len(spoilt) - _NAMED} more" if len(spoilt) > _NAMED else ""
    return f"entries that do not open: {', '.join(spoilt[:_NAMED])}{more}"
