"""A document's bytes, or all of them as one zip, for a recipient: any range, decrypted on the way out.

Promises that nothing is released before ``receiving.authorize`` has said so for this very request, that a byte whose
seal does not hold is never released, that the same content has the same strong ETag whole and in part on every node,
and that a receipt counts only bytes that were handed on. Content not yet inspected is NotReady.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice

from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import InspectionRecord, Manifest, open_manifest
from deldokument.crypto.stream import CAPACITY, HEADER, SEGMENT, PartReader, part_associated_data
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, NotFound, NotReady
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.share import RELEASED, Document, Receipt, Share, covers, merge_ranges
from deldokument.services.archive import Archive, Entry, Slice, Within
from deldokument.services.chains import EventFilter
from deldokument.services.findings import read_record, verdict_of
from deldokument.services.packed import Packed
from deldokument.services.ports import World
from deldokument.services.receiving import Access, authorize
from deldokument.services.repositories import Transaction, standing
from deldokument.services.trail import record_at, subject_of
from deldokument.services.vault import existing_key, share_key_id
from deldokument.services.views import file_name

STEP = 2**20
"""At most so many bytes are opened at once."""
ROOM = STEP + 2 * SEGMENT
"""So much the segments hold that a step touches."""
_GATHERED = CAPACITY - HEADER
"""Bytes of a part's first segment: what is as long as a whole segment goes on as it is."""
_PAGE = 500


class Rooms:
    """Two buffers in turn: what has been handed on lies in the one while what follows is opened into the other."""

    def __init__(self) -> None:
        self.room, self._other = bytearray(ROOM), bytearray(ROOM)

    def turn(self) -> None:
        """What lies in ``room`` has been handed on."""
        self.room, self._other = self._other, self.room


class Sources:
    """The documents of a content, by their numbers from 0, sealed as they are stored until they are read.

    Only the one that is being read is open, so that seventy thousand of them take little room.
    """

    def __init__(self, share_key: bytes) -> None:
        self._share_key = share_key
        self._ids, self._sealed = Packed(), Packed()
        self.lengths = array("Q")
        self._open: tuple[int, Manifest, bytes] | None = None

    def add(self, document: Document) -> None:
        """One that may be read."""
        self._ids.append(bytes.fromhex(document.id))
        self._sealed.append(document.sealed_manifest)
        self.lengths.append(document.length)

    def id(self, number: int) -> str:
        """The document's."""
        return self._ids[number].hex()

    def open(self, number: int) -> tuple[Manifest, bytes]:
        """The document's manifest and data key."""
        if self._open is None or self._open[0] != number:
            key_id = self._ids[number]
            manifest = open_manifest(self._share_key, key_id, self._sealed[number])
            self._open = number, manifest, derive(self._share_key, Purpose.DATA, key_id)
        return self._open[1:]

    def close(self) -> None:
        """Nothing is read any more; what has been had can still be told."""
        self._sealed, self._open = Packed(), None


Ranges = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Content:
    """What a byte route sends: one document, or an archive of all."""

    access: Access
    name: str
    media_type: str
    length: int
    etag: str
    archive: Archive | None
    sources: Sources = field(repr=False)


def open_document(world: World, person: PersonIdentifier, share_id: str, document_id: str) -> Content:
    """One document. Raises as ``authorize``; NotFound when it is not the share's; NotReady."""
    access = authorize(world, person, share_id)
    with world.database.read() as tx:
        document = tx.shares.document(document_id)
    if document is None or document.share_id != access.share.id:
        raise NotFound("document of another share")
    share_key, audit_key = _keys(world, access)
    inspection, sources = _inspection(share_key, document), Sources(share_key)
    sources.add(document)
    return Content(
        access=access,
        name=file_name(audit_key, document),
        media_type=inspection.media_type,
        length=document.length,
        etag=inspection.manifest_hash[:16].hex(),
        archive=None,
        sources=sources,
    )


def open_archive(world: World, person: PersonIdentifier, share_id: str) -> Content:
    """All documents as one zip. Raises as ``open_document``."""
    access = authorize(world, person, share_id)
    share_key, audit_key = _keys(world, access)
    hashes, sources = Packed(), Sources(share_key)

    def entries() -> Iterator[Entry]:
        for document in _documents(world, access.share.id):
            inspection = _inspection(share_key, document)
            hashes.append(inspection.manifest_hash)
            sources.add(document)
            yield Entry(file_name(audit_key, document), document.length, inspection.crc32)

    archive, layout = Archive(entries()), hashlib.sha256()
    for piece, _, _ in archive.within(0, archive.length):
        layout.update(piece if isinstance(piece, bytes) else hashes[piece.number])
    return Content(
        access=access,
        name="dokumenter.zip",
        media_type="application/zip",
        length=archive.length,
        etag=layout.digest()[:16].hex(),
        archive=archive,
        sources=sources,
    )


def _documents(world: World, share_id: str) -> Iterator[Document]:
    """All of a published share, a page at a time: it gets no others."""
    last: tuple[int, str] | None = None
    while True:
        with world.database.read() as tx:
            page = tx.shares.documents_after(share_id, last, _PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].position, page[-1].id


def read_content(
    world: World, content: Content, start: int, stop: int, *, step: int = STEP, rooms: Rooms | None = None
) -> Iterator[bytes | memoryview]:
    """Bytes [start, stop) in buffers of at most ``step`` bytes.

    With ``rooms``, what is opened lies there: a buffer stays as it is while the one after it is made, and no longer.

    What is small is gathered, so that many small documents do not become many small writes.
    Raises IntegrityError or Broken before any byte that is not what was sealed.
    """
    small, most = bytearray(), min(step, _GATHERED)
    for buffer in _buffers(world, content, start, stop, step, rooms):
        if len(small) + len(buffer) > most and small:
            yield bytes(small)
            small.clear()
        if len(buffer) < most:
            small += buffer
        else:
            yield buffer
            if rooms:
                rooms.turn()
    if small:
        yield bytes(small)


def _buffers(
    world: World, content: Content, start: int, stop: int, step: int, rooms: Rooms | None
) -> Iterator[bytes | memoryview]:
    for piece, first, last in _within(content, start, stop):
        if isinstance(piece, bytes):
            yield from (piece[at : min(at + step, last)] for at in range(first, last, step))
            continue
        manifest, data_key = content.sources.open(piece.number)
        for _, buffer in read_parts(world, manifest, data_key, first, last, step, rooms):
            yield buffer


def _within(content: Content, start: int, stop: int) -> Within:
    """The pieces that bytes [start, stop) touch, each with the range of it."""
    if content.archive:
        yield from content.archive.within(start, stop)
    elif start < stop:
        yield Slice(0, content.length), start, stop


def read_parts(
    world: World, manifest: Manifest, data_key: bytes, start: int, stop: int, step: int, rooms: Rooms | None = None
) -> Iterator[tuple[int, memoryview]]:
    """Bytes [start, stop) of one document, each buffer with its offset. Raises IntegrityError or Broken."""
    for part, first, last in manifest.covering(start, stop):
        associated = part_associated_data(manifest.document_id, part.part_id)
        reader = PartReader(data_key, associated, part.header, part.length)
        name = part.part_id.hex()
        for at, to in _steps(first, last, step):
            # No name for what is sealed: it would be held for as long as a slow reader takes for what was opened.
            room = rooms.room if rooms else None
            opened = reader.decrypt(world.blobs.read(name, *reader.segments_for(at, to)), at, to, room)
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


def record_delivery(world: World, content: Content, start: int, stop: int, at: datetime | None = None) -> None:
    """Write the receipts of bytes [start, stop), which were handed on, and one event. Does nothing when none were.

    ``at``: when, the same each time that it is tried. So what is tried again because nobody knows whether it stands,
    the answer to the commit being lost, is written once.
    """
    access, share = content.access, content.access.share
    had = _had(content, start, stop)
    first = next(had, None)
    if first is None:
        return
    key = existing_key(world.keyring, share.audit_key_id)
    with world.database.write() as tx:
        # Whoever holds the share is alone with its receipts.
        if standing(tx.shares.lock(share.id)).erased_at is not None:
            return
        subject_id = subject_of(tx, share.audit_key_id, key, access.person)
        now = at or world.clock.now()
        documents = size = whole = 0
        for page in _pages(chain([first], had)):
            documents += len(page)
            size += sum(stop - start for ranges in page.values() for start, stop in ranges)
            whole += _record_receipts(tx, content, subject_id, now, page)
        details: dict[str, str | int] = {
            "documents": documents,
            "bytes": size,
            "whole": whole,
            "document": content.sources.id(first[0]) if documents == 1 else "",
            "ground": ",".join(access.codes),
        }
        if not _is_told(tx, share, subject_id, now, details):
            record_at(world, tx, now, EventKind.DOCUMENT_DOWNLOADED, details, share=share, person=access.person)


def _is_told(tx: Transaction, share: Share, subject_id: str, at: datetime, details: Mapping[str, str | int]) -> bool:
    then = EventFilter(
        share.tenant_id, at, at + timedelta.resolution, EventKind.DOCUMENT_DOWNLOADED, share.id, (subject_id,)
    )
    return any(found.event.details == details for found in tx.audit.newest(then, before=None, limit=_PAGE))


def _had(content: Content, start: int, stop: int) -> Iterator[tuple[int, Ranges]]:
    """The documents in bytes [start, stop) with their ranges. Who has had the end has had the empty ones too."""
    for piece, first, last in _within(content, start, stop):
        if isinstance(piece, Slice):
            yield piece.number, [(first, last)]
    if stop == content.length:
        yield from ((number, []) for number, length in enumerate(content.sources.lengths) if length == 0)


def _pages(items: Iterator[tuple[int, Ranges]]) -> Iterator[dict[int, Ranges]]:
    while page := dict(islice(items, _PAGE)):
        yield page


def _record_receipts(
    tx: Transaction, content: Content, subject_id: str, now: datetime, by_number: Mapping[int, Ranges]
) -> int:
    """Those of some documents; how many the person has got the whole of by this, for whichever recipient."""
    access, share_id = content.access, content.access.share.id
    ids = {number: content.sources.id(number) for number in by_number}
    earlier = {(r.document_id, r.recipient_id): r for r in tx.shares.receipts_of(share_id, subject_id, ids.values())}
    receipts = [
        _grown(
            earlier.get((ids[number], recipient_id)),
            Receipt(share_id, ids[number], recipient_id, subject_id, now, now),
            ranges,
            content.sources.lengths[number],
        )
        for number, ranges in by_number.items()
        for recipient_id in access.recipient_ids
    ]
    tx.shares.record_receipts(receipts)
    return len({receipt.document_id for receipt in receipts if receipt.completed_at == now})


def _grown(earlier: Receipt | None, fresh: Receipt, ranges: list[tuple[int, int]], length: int) -> Receipt:
    covered = merge_ranges([*(earlier.covered if earlier else ()), *ranges])
    done = earlier.completed_at if earlier and earlier.completed_at else None
    return Receipt(
        fresh.share_id,
        fresh.document_id,
        fresh.recipient_id,
        fresh.subject_id,
        earlier.first_at if earlier else fresh.first_at,
        max(fresh.last_at, earlier.last_at) if earlier else fresh.last_at,
        covered,
        done or (fresh.last_at if covers(covered, length) else None),
    )


def _keys(world: World, access: Access) -> tuple[bytes, bytes]:
    """The share key and the audit key."""
    key_id = share_key_id(access.share.id)
    share_key = world.keyring.get([key_id]).get(key_id)
    if share_key is None:
        authorize(world, access.person, access.share.id)  # it may have ended just now: then this says so
        raise Broken("no share key")
    return share_key, existing_key(world.keyring, access.share.audit_key_id)


def _inspection(share_key: bytes, document: Document) -> InspectionRecord:
    """What inspection found in exactly the document that is sealed. Raises NotReady."""
    if not document.sealed_inspection:
        raise NotReady("inspection_running")
    inspection = read_record(share_key, document)
    if verdict_of(inspection) not in RELEASED:
        raise NotReady("inspection_refused")
    return inspection
