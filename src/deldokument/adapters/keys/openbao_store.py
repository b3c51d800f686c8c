"""Sealed entries in OpenBao: a key-value engine, version 2, used for nothing else.

Guarantees:
- An entry is durable when `add` returns, on any number of nodes.
- When `remove` has returned, nobody can get the entry from OpenBao: all versions and the name are deleted.

Does not know how to open an entry, although OpenBao may keep the root key too (`transit`).

Remnants of a removed entry: OpenBao's own storage keeps it in its log until compaction, and in snapshots for as long as
those are kept. There it is encrypted twice: under OpenBao's own barrier and under the root key. Rotating the root key
makes these remnants worthless.

Names contain ids as hex digits, which preserves their order and prefixes.

There are no transactions. `add` checks the root key's name before it writes, and the keyring checks it again
afterwards. Re-encryption replaces only the version that was read. An entry that is destroyed and created again in
between has that version too, but no id is reused so soon.

All named values whose names differ only after the last colon share one document. So reading a thousand takes two
requests.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from deldokument.adapters.keys.keyring import SealedEntry
from deldokument.adapters.keys.openbao import CONNECTIONS, OpenBao, Refused
from deldokument.domain.errors import Broken, Unavailable

_BATCH: Final = 500
_PAGE: Final = 5000
_CHANGED: Final = "check-and-set"

T = TypeVar("T")
R = TypeVar("R")


class OpenBaoStore:
    """The port `SealedStore` on one mount, for any number of threads, processes and nodes."""

    def __init__(self, bao: OpenBao, mount: str, first_root: str, *, page: int = _PAGE) -> None:
        """Open the mount. In a new mount ``first_root`` is the root key for new entries.

        ``page`` is the number of ids per request.

        Raises: Unavailable.
        """
        self._page = page
        self._bao = bao
        self._mount = mount
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="openbao")
        try:
            if self._bao.get(self._data("root")) is None:
                self._write("root", {"root_key_id": first_root}, 0)
        except BaseException:
            self.close()
            raise

    def root(self) -> str:
        """Return the id of the root key for new entries."""
        return self._root()[0]

    def turn(self, before: str, root_key_id: str) -> bool:
        """Set the root key for new entries."""
        now, version = self._root()
        return now == before and self._write("root", {"root_key_id": root_key_id}, version)

    def read(self, entry_ids: Collection[str]) -> list[SealedEntry]:
        """Return the entries that exist."""
        return [entry for entry in self._each(self._entry, entry_ids) if entry is not None]

    def add(self, entry: SealedEntry) -> bool:
        """Add an entry; return False if the id is taken, or another root key is set for new entries."""
        if self.root() != entry.root_key_id:
            return False
        return self._write(_name(entry.id), _content(entry), 0)

    def ids(self, prefix: str) -> list[str]:
        """Return the ids that begin with the prefix, in order."""
        return [entry_id for page in self._pages(prefix) for entry_id in page]

    def remove(self, entry_ids: Collection[str]) -> None:
        """Delete the entries with all their versions, several at a time."""
        self._each(lambda entry_id: self._bao.delete(f"{self._mount}/metadata/{_name(entry_id)}"), entry_ids)

    def under_others(self, root_key_id: str) -> Iterator[list[SealedEntry]]:
        """Yield batches of the entries that are under other root keys."""
        for page in self._pages(""):
            for start in range(0, len(page), _BATCH):
                batch = [one for one in self.read(page[start : start + _BATCH]) if one.root_key_id != root_key_id]
                if batch:
                    yield batch

    def reseal(self, old: Sequence[SealedEntry], new: Sequence[SealedEntry]) -> None:
        """Write new versions, if the versions that were read are the newest."""
        before = {entry.id: entry.revision for entry in old}
        self._each(lambda entry: self._write(_name(entry.id), _content(entry), before[entry.id]), new)

    def forget(self) -> None:
        """Do nothing: a mount set up as documented keeps only one version."""

    def keep(self, values: Mapping[str, bytes]) -> None:
        """Store named values, document by document."""
        for group in dict.fromkeys(map(_group, values)):
            own = {name: b64encode(value).decode() for name, value in values.items() if _group(name) == group}
            self._change_kept(group, own)

    def list_values(self, prefix: str) -> dict[str, bytes]:
        """Return the named values whose names begin with the prefix."""
        groups = (group for page in self._pages("", "kept") for group in page)
        wanted = [one for one in groups if f"{one}:".startswith(prefix) or prefix.startswith(f"{one}:")]
        found = {name: value for held, _ in self._each(self._kept_in, wanted) for name, value in held.items()}
        return {name: b64decode(value) for name, value in found.items() if name.startswith(prefix)}

    def forget_kept(self, names: Collection[str]) -> None:
        """Remove named values; an empty document stays."""
        for group in set(map(_group, names)):
            self._change_kept(group, {}, without=names)

    def concerns(self) -> list[str]:
        """Return nothing: the service's role cannot read the settings."""
        return []

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown()
        self._bao.close()

    def _root(self) -> tuple[str, int]:
        found = self._bao.get(self._data("root"))
        if found is None:
            raise Unavailable("keyring", detail=f"OpenBao's {self._mount} holds no keyring any more")
        try:
            return str(found["data"]["root_key_id"]), int(found["metadata"]["version"])
        except (KeyError, TypeError, ValueError):
            raise Broken(f"OpenBao's {self._mount} names no root key") from None

    def _entry(self, entry_id: str) -> SealedEntry | None:
        # OpenBao would read an empty name as the folder of all entries, which the service may not read.
        found = self._bao.get(self._data(_name(entry_id))) if entry_id else None
        if found is None:
            return None
        try:
            data, version = found["data"], int(found["metadata"]["version"])
            return SealedEntry(entry_id, str(data["root_key_id"]), b64decode(data["sealed"], validate=True), version)
        except (KeyError, TypeError, ValueError):
            raise Broken(f"entry {entry_id} is no entry") from None

    def _write(self, name: str, content: dict[str, str], version: int) -> bool:
        """Write a version; return False if the replaced version was no longer the newest."""
        try:
            self._bao.post(self._data(name), {"options": {"cas": version}, "data": content})
        except Refused as error:
            if _CHANGED in str(error):
                return False
            raise Unavailable("keyring", detail="OpenBao refuses what is written") from None
        return True

    def _kept_in(self, group: str) -> tuple[dict[str, str], int]:
        """Return the named values of a document, and its version."""
        found = self._bao.get(self._data(_document(group)))
        return (dict(found["data"]), int(found["metadata"]["version"])) if found else ({}, 0)

    def _change_kept(self, group: str, added: Mapping[str, str], without: Collection[str] = ()) -> None:
        """Replace a document; retry if another node has just replaced it."""
        is_written = False
        while not is_written:
            held, version = self._kept_in(group)
            remaining = {name: value for name, value in held.items() if name not in without}
            is_written = self._write(_document(group), {**remaining, **added}, version)

    def _pages(self, prefix: str, folder: str = "entry") -> Iterator[list[str]]:
        """Yield the names in a folder that begin with the prefix, in order."""
        start = prefix.encode().hex()
        # OpenBao lists the names after a given name, so pass one that sorts just before the first possible name.
        after = start[:-1] + chr(ord(start[-1]) - 1) + "~" if start else ""
        while names := self._bao.names(f"{self._mount}/metadata/{folder}/", after=after, limit=self._page):
            page = [bytes.fromhex(name).decode() for name in names if name.startswith(start)]
            if page:
                yield page
            if len(page) < len(names):
                return
            after = names[-1]

    def _data(self, name: str) -> str:
        return f"{self._mount}/data/{name}"

    def _each(self, step: Callable[[T], R], items: Iterable[T]) -> list[R]:
        return list(self._threads.map(step, items))


def _name(entry_id: str) -> str:
    return "entry/" + entry_id.encode().hex()


def _group(name: str) -> str:
    """Return the name of a named value's document: the value's name up to the last colon."""
    return name.rpartition(":")[0]


def _document(group: str) -> str:
    return "kept/" + group.encode().hex()


def _content(entry: SealedEntry) -> dict[str, Any]:
    return {"root_key_id": entry.root_key_id, "sealed": b64encode(entry.sealed).decode()}
