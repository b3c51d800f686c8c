"""The keyring: entries sealed under a root key, in a store that never sees a key.

Promises that an entry is durable when `create` returns, that no store holds a key in the clear, and that the root key
can give way to another while any number of nodes create, get and destroy. Deliberately does not know what the keys
open, nor where entries and root keys are kept: `SealedStore` and `RootKeys` say what it needs of those.

How a rotation goes on beside everything else. The store names the one root key that seals what is new, and each entry
the one that it is sealed under. A rotation first names the new root key there; from then on nothing more comes under
the old one. Then it seals the old entries anew, a batch at a time, each only if it still is what was read. Every node
finds the new root key when it meets its name. Broken off anywhere, both root keys are there and every entry opens; done
again, it goes on with what is left. The old root key may be destroyed only when `rotate` has returned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import KeyWrapper, new_key
from deldokument.domain.errors import Broken, Conflict, ServiceError, Unavailable

OWNER = "deployment"
"""The entry that is no key but says whose keyring this is."""
_ANOTHER = "another rotation is under way"
_NAMED = 5
"""How many entries that do not open an error names."""


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry as a store keeps it."""

    id: str
    root_key_id: str
    sealed: bytes = field(repr=False)
    revision: int = 0
    """What a store tells apart by, where it does not compare the sealed bytes."""


class SealedStore(Protocol):
    """Where sealed entries are kept. Raises Unavailable("keyring"), StorageFull or Broken; all its steps are atomic."""

    def root(self) -> str:
        """The id of the root key that seals what is new."""
        ...

    def turn(self, before: str, root_key_id: str) -> bool:
        """Have another root key seal what is new. After it, `add` takes nothing under the one before.

        False: it was not that one any more.
        """
        ...

    def read(self, entry_ids: Collection[str]) -> list[SealedEntry]:
        """Those that exist."""
        ...

    def add(self, entry: SealedEntry) -> bool:
        """Durable when this returns True. False: the id is taken, or another root key seals what is new.

        A store that cannot tell the second in the same step may be turned just before it writes.
        """
        ...

    def ids(self, prefix: str) -> list[str]:
        """The ids that begin with the prefix, in order."""
        ...

    def remove(self, entry_ids: Collection[str]) -> None:
        """Give the entries to nobody any more, ever; those that do not exist are no error."""
        ...

    def under_others(self, root_key_id: str) -> Iterator[list[SealedEntry]]:
        """Batches of those that are under other root keys than this one."""
        ...

    def reseal(self, old: Sequence[SealedEntry], new: Sequence[SealedEntry]) -> None:
        """Put each new one in the place of its old one, where that still stands as it was read."""
        ...

    def forget(self) -> None:
        """Clear what rewriting has left behind, as far as the store can."""
        ...

    def concerns(self) -> list[str]:
        """What about the way it is kept brings back what is destroyed, or loses keys; for the operator."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


class RootKeys(Protocol):
    """The root keys that there are: one, or two while a rotation is under way. Raises Unavailable("keyring")."""

    def ids(self) -> list[str]:
        """What they are called, the newest last."""
        ...

    def named(self, root_key_id: str) -> KeyWrapper:
        """The root key of that name; looked for anew when it is not known, so that a new one is found."""
        ...

    def add(self) -> None:
        """Draw another, to be the newest."""
        ...

    def retire(self, kept: str) -> str:
        """Destroy those older than the one kept, safe to be done again; what is left to do by hand, in a sentence."""
        ...

    def close(self) -> None:
        """Let go of what it holds open."""
        ...


class SealedKeyring:
    """Satisfies `Keyring` over a store, for any number of threads, processes and nodes.

    Raises Unavailable, with the store closed, when the root key that seals what is new is not among those that there
    are.
    """

    def __init__(self, store: SealedStore, roots: RootKeys) -> None:
        self._store = store
        self.roots = roots
        try:
            roots.named(store.root())
        except BaseException:
            store.close()
            raise

    def create(self, entry_id: str) -> bytes:
        """The entry's key, made if there is none. ValueError on an empty id."""
        if not entry_id:
            raise ValueError("an entry needs an id")
        return self._kept(entry_id, new_key())

    def claim(self, deployment_id: str) -> None:
        """Make the keyring this deployment's; of two claimants one gets it. Raises Conflict when it is another's.

        Two that share one would each end the other's shares: a sweep takes keys that it does not know for leftovers.
        """
        mine = hashlib.sha256(deployment_id.encode()).digest()
        if self._kept(OWNER, mine) != mine:
            raise Conflict("keyring_claimed", detail="the keyring belongs to another deployment")

    def _kept(self, entry_id: str, key: bytes) -> bytes:
        """The key that the entry has, or has by this."""
        # Another may be first, or a rotation begin; either happens once.
        for _ in range(3):
            existing = self.get([entry_id])
            if existing:
                return existing[entry_id]
            entry = _sealed(entry_id, self._sealing_root(), key)
            if self._store.add(entry):
                self._follow(entry, key)
                return key
        raise Unavailable("keyring", detail="entries come and go under one id")

    def get(self, entry_ids: Collection[str]) -> dict[str, bytes]:
        """The keys that exist among the ids. Raises Unavailable, or Broken when one cannot be unsealed."""
        entries = self._store.read(entry_ids)
        while True:
            try:
                keys, spoilt = self._opened(entries)
            except Unavailable:
                # A rotation may have ended since the entries were read: their root key is destroyed, and they are
                # under another. Under the same one they would open no better a second time.
                before, entries = entries, self._store.read(entry_ids)
                if _root_ids(entries) == _root_ids(before):
                    raise
                continue
            if spoilt:
                raise Broken(_listed(spoilt))
            return keys

    def ids(self, prefix: str) -> list[str]:
        """The ids that begin with the prefix, in order."""
        return self._store.ids(prefix)

    def destroy(self, entry_ids: Collection[str]) -> None:
        """Give the entries to nobody any more; what a store's medium may keep of them stands in its charter."""
        self._store.remove(entry_ids)

    def root(self) -> str:
        """The id of the root key that seals what is new."""
        return self._store.root()

    def rotate(self, root_key_id: str) -> int:
        """Seal every entry under another root key, while others create, get and destroy; how many there were.

        Raises Broken, when all others are done, if some do not open: the old root key must then stay. Raises
        Unavailable when another rotation is under way to a newer root key, or has been.
        """
        self._turn(root_key_id)
        rotated = 0
        # Once more after the last change: nodes may have added to a part that had been seen, by the name of before.
        while True:
            spoilt: list[str] = []
            changed = 0
            for batch in self._store.under_others(root_key_id):
                # After the batch was read: what another rotation has sealed since is no more as it was read.
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
            raise Broken(_listed(spoilt))
        return rotated

    def concerns(self) -> list[str]:
        """What about the way it is kept brings back what is destroyed, or loses keys; for the operator."""
        return self._store.concerns()

    def close(self) -> None:
        """Let go of the store and the root keys."""
        self._store.close()
        self.roots.close()

    def _turn(self, root_key_id: str) -> None:
        """Only ever to a newer one: an older one may be destroyed at any moment by the rotation that left it."""
        before, held = self._store.root(), self.roots.ids()
        is_newer = before in held and root_key_id in held[held.index(before) :]
        if not is_newer or (before != root_key_id and not self._store.turn(before, root_key_id)):
            raise Unavailable("keyring", detail=_ANOTHER)

    def _sealing_root(self) -> KeyWrapper:
        """Return the root key that seals new entries; a rotation may end after the store has named the one before."""
        while True:
            root_key_id = self._store.root()
            try:
                return self.roots.named(root_key_id)
            except Unavailable:
                if self._store.root() == root_key_id:
                    raise

    def _must_seal_under(self, root_key_id: str) -> None:
        if self._store.root() != root_key_id:
            raise Unavailable("keyring", detail=_ANOTHER)

    def _follow(self, entry: SealedEntry, key: bytes) -> None:
        """A rotation that began while an entry was added may be over, and the root key that it is under be destroyed.

        So what is in hand is sealed anew. An entry for which that cannot be done would open for nobody, and be in the
        way of every later rotation: it goes.
        """
        try:
            while (root := self._sealing_root()).key_id != entry.root_key_id:
                fresh = _sealed(entry.id, root, key)
                old = [one for one in self._store.read([entry.id]) if one.sealed == entry.sealed]
                self._store.reseal(old, [replace(fresh, revision=one.revision) for one in old])
                entry = fresh
        except ServiceError:
            self._store.remove([entry.id])
            raise

    def _reseal(self, entries: Sequence[SealedEntry], root_key_id: str) -> list[str]:
        """Seal entries anew; the ids of those that do not open."""
        keys, spoilt = self._opened(entries)
        old = [entry for entry in entries if entry.id in keys]
        sealed = self.roots.named(root_key_id).wrap_all(keys)
        self._store.reseal(old, [replace(one, root_key_id=root_key_id, sealed=sealed[one.id]) for one in old])
        return spoilt

    def _opened(self, entries: Sequence[SealedEntry]) -> tuple[dict[str, bytes], list[str]]:
        """The keys of those that open, and the ids of those that do not."""
        keys: dict[str, bytes] = {}
        spoilt: list[str] = []
        for root_key_id in {entry.root_key_id for entry in entries}:
            root = self.roots.named(root_key_id)
            sealed = {entry.id: entry.sealed for entry in entries if entry.root_key_id == root_key_id}
            try:
                keys |= root.unwrap_all(sealed)
            except IntegrityError:
                spoilt += _unwrap_each(root, sealed, keys)
        return keys, spoilt


def rotate_root(keyring: SealedKeyring) -> tuple[int, str]:
    """Put a new root key in the place of the old, or finish doing so; how many entries it was, and what is left to do.

    A new one that is there already is taken: a rotation was prepared, or broken off. Raises Broken, with both root
    keys kept, when entries do not open.
    """
    roots = keyring.roots
    if roots.ids() == [keyring.root()]:
        roots.add()
    newest = roots.ids()[-1]
    rotated = keyring.rotate(newest)
    return rotated, roots.retire(newest)


def _root_ids(entries: Collection[SealedEntry]) -> set[str]:
    return {entry.root_key_id for entry in entries}


def _sealed(entry_id: str, root: KeyWrapper, key: bytes) -> SealedEntry:
    return SealedEntry(entry_id, root.key_id, root.wrap_all({entry_id: key})[entry_id])


def _unwrap_each(root: KeyWrapper, sealed: dict[str, bytes], keys: dict[str, bytes]) -> list[str]:
    """Add those that open to ``keys``; the ids of those that do not."""
    spoilt = []
    for entry_id, one in sealed.items():
        try:
            keys |= root.unwrap_all({entry_id: one})
        except IntegrityError:
            spoilt.append(entry_id)
    return spoilt


def _listed(spoilt: Sequence[str]) -> str:
    more = f" and {len(spoilt) - _NAMED} more" if len(spoilt) > _NAMED else ""
    return f"entries that do not open: {', '.join(spoilt[:_NAMED])}{more}"
