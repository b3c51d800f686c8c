"""Decryption of a document's parts ahead of the writer, with a double buffer."""

from collections.abc import Iterator

from deldokument.crypto.manifest import Manifest
from deldokument.crypto.stream import CAPACITY, HEADER, SEGMENT, PartReader, part_associated_data
from deldokument.ports.dependencies import Dependencies

STEP = 2**20
"""Maximum number of bytes decrypted at once."""
BUFFER_SIZE = STEP + 2 * SEGMENT
"""Enough bytes for all segments that a step touches."""


class DoubleBuffer:
    """Two buffers that alternate: one holds the yielded bytes, while the next ones are decrypted into the other."""

    def __init__(self) -> None:
        self.front, self._other = bytearray(BUFFER_SIZE), bytearray(BUFFER_SIZE)

    def swap(self) -> None:
        """Swap the buffers after ``front`` has been yielded."""
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
    """Yield bytes [start, stop) of one document, each buffer with its offset. Raises: IntegrityError or Broken."""
    for part, first, last in manifest.covering(start, stop):
        associated = part_associated_data(manifest.document_id, part.part_id)
        reader = PartReader(data_key, associated, part.header, part.length)
        name = part.part_id.hex()
        for at, to in _steps(first, last, step):
            # No variable holds the ciphertext: it would stay in memory while a slow client receives the plaintext.
            front = buffers.front if buffers else None
            opened = reader.decrypt(deps.blobs.read(name, *reader.segments_for(at, to)), at, to, front)
            yield part.offset + at, opened


def _steps(first: int, last: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield the steps of bytes [first, last) of a part.

    They end at segment borders, so that no segment is decrypted twice.

    A step that contains no border ends inside its segment.
    """
    at = first
    while at < last:
        to = min(at + step, last)
        border = (to + HEADER) // CAPACITY * CAPACITY - HEADER
        to = border if at < border and to < last else to
        yield at, to
        at = to
