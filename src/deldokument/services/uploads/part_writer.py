"""Encryption of incoming bytes into parts: read into one buffer, encrypted into another, written.

    read ──> sealed ──> written ──> ``sealed``, to be committed

Guarantees:
- Bytes are copied only by these steps.
- Buffers belong to threads. An upload itself keeps at most about one segment in memory.
- A part is in ``sealed`` only after all of it has been written.

Committing and acknowledging are in `services.uploads.append`.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from deldokument.crypto.stream import (
    CAPACITY,
    FULL_PART_PLAINTEXT,
    PartEncryptor,
    ciphertext_length,
    part_associated_data,
)
from deldokument.domain.shares.share import new_document_id
from deldokument.domain.shares.upload import Part, Upload
from deldokument.ports.blobs import BlobStore, BlobWriter, Buffer

FEED = 2**20
"""Minimum free bytes of the buffer that is filled, after those left from the previous call."""
_WHOLE = ciphertext_length(FULL_PART_PLAINTEXT)


class _Workspace(threading.local):
    """Buffers of one thread, allocated on first use, because most threads never need them."""

    @cached_property
    def plain(self) -> bytearray:
        return bytearray(FEED + CAPACITY)

    @cached_property
    def sealed(self) -> bytearray:
        return bytearray(ciphertext_length(FEED + CAPACITY))


_workspace = _Workspace()


@dataclass(slots=True)
class _OpenPart:
    part_id: str
    offset: int
    encryptor: PartEncryptor
    writer: BlobWriter


class PartWriter:
    """Writer of one request's bytes into parts.

    For one thread at a time, except that another one may take parts from ``sealed``.
    """

    def __init__(self, blobs: BlobStore, upload: Upload, data_key: bytes) -> None:
        self._blobs = blobs
        self._upload = upload
        self._data_key = data_key
        self._offset = upload.offset
        self._rest = b""
        self._part: _OpenPart | None = None
        self._is_quick = False
        """Whether the client sends much at a time. For others no space is reserved: the rest may never come."""
        self.sealed: deque[tuple[Part, BlobWriter]] = deque()
        """Complete parts, in order, that wait to be committed."""

    def read_from(self, fill: Callable[[memoryview], int]) -> int:
        """Read the bytes that ``fill`` writes to the start of its buffer of FEED bytes or more; return their number.

        Raises: StorageFull, Unavailable, and the errors of ``fill``.
        """
        plain, kept = memoryview(_workspace.plain), len(self._rest)
        plain[:kept] = self._rest
        count = fill(plain[kept:])
        self._is_quick = count >= FEED // 2
        self._rest = bytes(self._seal(plain[: kept + count]))
        return count

    def finish(self) -> None:
        """Seal the remaining bytes, as the last segment of their part."""
        if self._rest:
            self._write(self._part or self._open_part(), self._rest, last=True)
            self._rest = b""

    def abandon(self) -> None:
        """Abort every part that has not been taken from ``sealed``."""
        if self._part:
            self._part.writer.abort()
            self._part = None
        while self.sealed:
            self.sealed.pop()[1].abort()

    def _seal(self, plain: memoryview) -> memoryview:
        """Seal whole segments; return the remaining bytes, at most a little more than a segment."""
        while len(plain):
            part = self._part or self._open_part()
            left = FULL_PART_PLAINTEXT - part.encryptor.plaintext_length
            last = len(plain) >= left
            count = left if last else part.encryptor.sealable(len(plain))
            if count == 0:
                break
            self._write(part, plain[:count], last=last)
            plain = plain[count:]
        return plain

    def _open_part(self) -> _OpenPart:
        part_id = new_document_id()
        associated = part_associated_data(bytes.fromhex(self._upload.document_id), bytes.fromhex(part_id))
        encryptor = PartEncryptor(self._data_key, associated)
        is_whole = self._is_quick and self._upload.length - self._offset >= FULL_PART_PLAINTEXT
        writer = self._blobs.create(part_id, _WHOLE if is_whole else 0)
        self._part = _OpenPart(part_id, self._offset, encryptor, writer)
        return self._part

    def _write(self, part: _OpenPart, plain: Buffer, *, last: bool) -> None:
        size = part.encryptor.encrypt_into(plain, _workspace.sealed, last=last)
        part.writer.write(memoryview(_workspace.sealed)[:size])
        if last:
            self._close(part)

    def _close(self, part: _OpenPart) -> None:
        row = Part(part.part_id, self._upload.id, part.offset, part.encryptor.plaintext_length, part.encryptor.header)
        self._offset = row.stop
        self.sealed.append((row, part.writer))
        self._part = None
