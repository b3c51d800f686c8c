"""State of unfinished shares on disk, so that the same call resumes after an interruption.

Guarantees:
- A state file is readable by its owner only, and replaced atomically.
- Only one call at a time uses it, except on Windows.
- It names no person, document or recipient. Names are stored as keyed hashes, which only the holder of the client's
  private key can compute.

Does not know the state of the share at the service.
"""

import hashlib
import hmac
import json
import os
import secrets
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deldokument.client.errors import NotConfigured

_LAYOUT = 1
_KEPT_SECONDS = 8 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Partial:
    """A range of a document with its own partial upload; ``start`` and ``length`` are in bytes."""

    url: str
    start: int
    length: int


class Ledger:
    """The stored state of one call. As a context manager it locks the state for this process.

    Entering raises NotConfigured if another process has the lock, or the folder cannot be used.
    """

    def __init__(self, folder: Path, secret: bytes, request: Mapping[str, Any]) -> None:
        self._secret = secret
        canonical = json.dumps(request, sort_keys=True, ensure_ascii=True).encode()
        self._path = folder / f"{hmac.new(secret, canonical, hashlib.sha256).hexdigest()}.json"
        self._lock_path = self._path.with_suffix(".lock")
        self._lock = threading.Lock()
        self._held: int | None = None
        self._state: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._held = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
            _hold(self._held, self._lock_path)
            self._state = self._read() or _fresh()
        except BlockingIOError:
            self.__exit__(None, None, None)
            raise NotConfigured("the same share is being made by another process on this machine") from None
        except OSError as error:
            self.__exit__(None, None, None)
            raise self._unusable(error) from None
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    @property
    def share_id(self) -> str | None:
        """Id of the share that the call has created."""
        found = self._state["share_id"]
        return None if found is None else str(found)

    def idempotency_key(self, step: str) -> str:
        """Return the idempotency key of a step; it is the same until `begin_anew`."""
        return f"{self._state['nonce']}-{step}"

    def began(self, share_id: str) -> None:
        """Store the id of the share."""
        self._state["share_id"] = share_id
        self.save()

    def begin_anew(self) -> None:
        """Reset the state: the earlier share has ended or no longer exists."""
        self._state = _fresh()
        self.save()

    def document(self, name: str) -> str | None:
        """Return the document id of the file ``name``."""
        with self._lock:
            found = self._state["documents"].get(self._hash_name(name))
        return None if found is None else str(found)

    def keep_document(self, name: str, document_id: str) -> None:
        """Store the document id of the file ``name``."""
        with self._lock:
            self._state["documents"][self._hash_name(name)] = document_id
        self.save()

    def partials(self, name: str) -> list[Partial]:
        """Return the partial uploads of the file ``name``."""
        with self._lock:
            return [Partial(**entry) for entry in self._state["partials"].get(self._hash_name(name), [])]

    def keep_partials(self, name: str, partials: list[Partial]) -> None:
        """Store the partial uploads of the file ``name``; an empty list removes them."""
        with self._lock:
            key = self._hash_name(name)
            self._state["partials"].pop(key, None)
            if partials:
                entries = [{"url": p.url, "start": p.start, "length": p.length} for p in partials]
                self._state["partials"][key] = entries
        self.save()

    def save(self) -> None:
        """Write the state to disk atomically. Raises: NotConfigured if that fails."""
        with self._lock:
            try:
                self._write()
            except OSError as error:
                raise self._unusable(error) from None

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._state, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def _unusable(self, error: OSError) -> NotConfigured:
        return NotConfigured(f"the state cannot be kept in {self._path.parent}: {error.strerror}")

    def close(self) -> None:
        """Delete the state: the call is done."""
        for path in (self._path, self._lock_path):
            with suppress(OSError):
                path.unlink()

    def _hash_name(self, name: str) -> str:
        return hmac.new(self._secret, name.encode(), hashlib.sha256).hexdigest()

    def _read(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(found, dict) or found.get("layout") != _LAYOUT or found.keys() != _fresh().keys():
            return None
        return found


def _fresh() -> dict[str, Any]:
    return {"layout": _LAYOUT, "nonce": secrets.token_urlsafe(16), "share_id": None, "documents": {}, "partials": {}}


def sweep(folder: Path, now: float) -> None:
    """Remove state files older than 8 days: the service no longer has their drafts. ``now`` is Unix time."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.suffix in {".json", ".lock", ".new"} and path.stat().st_mtime < now - _KEPT_SECONDS:
                path.unlink()


def _hold(descriptor: int, path: Path) -> None:
    """Lock the file, except on Windows. The system releases the lock when the process ends.

    Raises: BlockingIOError if another process has it.
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The previous holder may have finished and removed the file in the meantime.
        if not path.exists() or path.stat().st_ino != os.fstat(descriptor).st_ino:
            raise BlockingIOError
