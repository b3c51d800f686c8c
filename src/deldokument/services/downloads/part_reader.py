"""Reading the parts of a document ahead of the writer, with a double buffer."""

from __future__ import annotations

from collections.abc import Iterator

from deldokument.crypto.manifest import Manifest
from deldokument.crypto.stream import CAPACITY, HEADER, SEGMENT, PartReader, part_associated_data
from deldokument.ports.dependencies import Dependencies

STEP = 2**20


"""At most so many bytes are opened at once."""


BUFFER_SIZE = STEP + 2 * SEGMENT


"""So much the segments hold that a step touches."""


class DoubleBuffer:
    """Two buffers in turn: what has been handed on lies in the one while what follows is opened into the other."""

    def __init__(self) -> None:
        self.front, self._other = bytearray(BUFFER_SIZE), bytearray(BUFFER_SIZE)

    def swap(self) -> None:
        """Swap the buffers after ``front`` has been handed on."""
        self.front, self._other = self._other, self.front


def read_parts(
    deps: Dependencies,
    manifest: Manifest,
    data_key: bytes,
    start: int,
    stop: int,
    step: int,
    buffers: DoubleBuffer | None = None,
) -> Iterator[tuple[int, memoryview]]:
    """Bytes [start, stop) of one document, each buffer with its offset. Raises IntegrityError or Broken."""
    for part, first, last in manifest.covering(start, stop):
        associated = part_associated_data(manifest.document_id, part.part_id)
        reader = PartReader(data_key, associated, part.header, part.length)
        name = part.part_id.hex()
        for at, to in _steps(first, last, step):
            # No name for what is sealed: it would be held for as long as a slow reader takes for what was opened.
            front = buffers.front if buffers else None
            opened = reader.decrypt(deps.blobs.read(name, *reader.segments_for(at, to)), at, to, front)
            yield part.offset + at, opened


def _steps(first: int, last: int, step: int) -> Iterator[tuple[int, int]]:
    """Bytes [first, last) of a part in steps that end where a segment does, so that none is opened twice.

    A step shorter than a segment ends where it must.
    """
    at = first
    while at < last:
        to = min(at + step, last)
        border = (to + HEADER) // CAPACITY * CAPACITY - HEADER
        to = border if at < border and to < last else to
        yield at, to
        at = to
