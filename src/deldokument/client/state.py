"""What is under way, on this machine's disk, so that the same call goes on after an interruption.

Promises that a file is its owner's alone and is replaced whole; that one call at a time works on it; and that nothing
in it names a person, a document or a recipient: the call is known by a keyed hash that only the holder of the
client's private key can compute. Deliberately knows nothing of what the service makes of it.
"""

from __future__ import annotations

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
    """A stretch of a document that has an upload of its own."""

    url: str
    start: int
    length: int


class Ledger:
    """The state of one call; entered, it is this process's alone until it is left."""

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
            raise NotConfigured("the same is being shared by another process of this machine") from None
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
        """The share that the call has begun."""
        found = self._state["share_id"]
        return None if found is None else str(found)

    def idempotency_key(self, step: str) -> str:
        """The key of one step, the same until the state begins anew."""
        return f"{self._state['nonce']}-{step}"

    def began(self, share_id: str) -> None:
        """Keep which share it is."""
        self._state["share_id"] = share_id
        self.save()

    def begin_anew(self) -> None:
        """Forget what was under way: the service has let go of it."""
        self._state = _fresh()
        self.save()

    def document(self, name: str) -> str | None:
        """The document that the file called ``name`` has become."""
        with self._lock:
            found = self._state["documents"].get(self._hidden(name))
        return None if found is None else str(found)

    def keep_document(self, name: str, document_id: str) -> None:
        """Keep which document a file has become."""
        with self._lock:
            self._state["documents"][self._hidden(name)] = document_id
        self.save()

    def partials(self, name: str) -> list[Partial]:
        """The stretches of the document called ``name`` that have been begun."""
        with self._lock:
            return [Partial(**entry) for entry in self._state["partials"].get(self._hidden(name), [])]

    def keep_partials(self, name: str, partials: list[Partial]) -> None:
        """Keep, or with none forget, the stretches of a document."""
        with self._lock:
            key = self._hidden(name)
            self._state["partials"].pop(key, None)
            if partials:
                entries = [{"url": p.url, "start": p.start, "length": p.length} for p in partials]
                self._state["partials"][key] = entries
        self.save()

    def save(self) -> None:
        """Put it on the disk, whole or not at all. Raises NotConfigured."""
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
        return NotConfigured(f"what is under way cannot be kept in {self._path.parent}: {error.strerror}")

    def close(self) -> None:
        """It is done: nothing of it is kept."""
        for path in (self._path, self._lock_path):
            with suppress(OSError):
                path.unlink()

    def _hidden(self, name: str) -> str:
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
    """Remove what was left for so long that the service has let go of it too."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.suffix in {".json", ".lock", ".new"} and path.stat().st_mtime < now - _KEPT_SECONDS:
                path.unlink()


def _hold(descriptor: int, path: Path) -> None:
    """Raises BlockingIOError when another process holds it. The system lets go of it however the process ends."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it before may have been done with it and removed its name meanwhile.
        if not path.exists() or path.stat().st_ino != os.fstat(descriptor).st_ino:
            raise BlockingIOError
