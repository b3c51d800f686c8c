"""A document's bytes, or all of them as one zip, for a recipient: any range, decrypted on the way out.

Promises that nothing is released before ``receiving.authorize`` has said so for this very request, that a byte whose
seal does not hold is never released, that the same content has the same strong ETag whole and in part on every node,
and that a receipt counts only bytes that were handed on. Content not yet inspected is NotReady.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import InspectionRecord, Manifest, manifest_hash, open_inspection, open_manifest
from deldokument.crypto.stream import CAPACITY, HEADER, PartReader, part_associated_data
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, NotFound, NotReady
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.share import Document, Receipt, Verdict, covers, merge_ranges
from deldokument.services.archive import Entry, Piece, Slice, lay_out
from deldokument.services.ports import World
from deldokument.services.receiving import Access, authorize
from deldokument.services.repositories import standing
from deldokument.services.trail import record, subject_of
from deldokument.services.vault import existing_key, share_key_id
from deldokument.services.views import file_name

STEP = 2**20
"""At most so many bytes are opened at once."""
RELEASED = frozenset({Verdict.CLEAN, Verdict.NOT_SCANNED})


@dataclass(frozen=True, slots=True)
class Source:
    """A complete, inspected document and what opens it."""

    document: Document
    name: str
    manifest: Manifest
    inspection: InspectionRecord
    data_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Content:
    """What a byte route sends: literal bytes and whole documents, one after the other."""

    access: Access
    name: str
    media_type: str
    length: int
    etag: str
    pieces: list[Piece]
    sources: dict[str, Source] = field(repr=False)


def open_document(world: World, person: PersonIdentifier, share_id: str, document_id: str) -> Content:
    """One document. Raises as ``authorize``; NotFound when it is not the share's; NotReady."""
    access = authorize(world, person, share_id)
    with world.database.read() as tx:
        document = tx.shares.document(document_id)
    if document is None or document.share_id != access.share.id:
        raise NotFound("document of another share")
    source = _source(world, access, document)
    tag = manifest_hash(source.manifest)
    return Content(
        access=access,
        name=source.name,
        media_type=source.inspection.media_type,
        length=document.length,
        etag=tag[:16].hex(),
        pieces=[Slice(document.id, document.length)] if document.length else [],
        sources={document.id: source},
    )


def open_archive(world: World, person: PersonIdentifier, share_id: str) -> Content:
    """All documents as one zip. Raises as ``open_document``."""
    access = authorize(world, person, share_id)
    with world.database.read() as tx:
        documents = tx.shares.documents([access.share.id])
    sources = {document.id: _source(world, access, document) for document in documents}
    pieces = lay_out([Entry(s.document.id, s.name, s.document.length, s.inspection.crc32) for s in sources.values()])
    layout = hashlib.sha256()
    for piece in pieces:
        layout.update(piece if isinstance(piece, bytes) else manifest_hash(sources[piece.document_id].manifest))
    return Content(
        access=access,
        name="dokumenter.zip",
        media_type="application/zip",
        length=sum(_length(piece) for piece in pieces),
        etag=layout.digest()[:16].hex(),
        pieces=pieces,
        sources=sources,
    )


def read_content(
    world: World, content: Content, start: int, stop: int, *, step: int = STEP
) -> Iterator[bytes | memoryview]:
    """Bytes [start, stop) in buffers of at most ``step`` bytes, each valid until the next is asked for.

    Raises IntegrityError or Broken before any byte that is not what was sealed.
    """
    for piece, first, last in _within(content, start, stop):
        if isinstance(piece, bytes):
            yield piece[first:last]
            continue
        source = content.sources[piece.document_id]
        for _, buffer in read_parts(world, source.manifest, source.data_key, first, last, step):
            yield buffer


def _within(content: Content, start: int, stop: int) -> Iterator[tuple[Piece, int, int]]:
    """The pieces that bytes [start, stop) touch, each with the range of it."""
    position = 0
    for piece in content.pieces:
        first, last = max(start - position, 0), min(stop - position, _length(piece))
        position += _length(piece)
        if first < last:
            yield piece, first, last


def read_parts(
    world: World, manifest: Manifest, data_key: bytes, start: int, stop: int, step: int
) -> Iterator[tuple[int, memoryview]]:
    """Bytes [start, stop) of one document, each buffer with its offset. Raises IntegrityError or Broken."""
    for part, first, last in manifest.covering(start, stop):
        associated = part_associated_data(manifest.document_id, part.part_id)
        reader = PartReader(data_key, associated, part.header, part.length)
        name = part.part_id.hex()
        for at, to in _steps(first, last, step):
            sealed = world.blobs.read(name, *reader.segments_for(at, to))
            yield part.offset + at, reader.decrypt(sealed, at, to)


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


def record_delivery(world: World, content: Content, start: int, stop: int) -> None:
    """Write the receipts of bytes [start, stop), which were handed on, and one event. Does nothing when none were."""
    access, share = content.access, content.access.share
    by_document = _documents_within(content, start, stop)
    if not by_document:
        return
    key = existing_key(world.keyring, share.audit_key_id)
    with world.database.write() as tx:
        if standing(tx.shares.lock(share.id)).erased_at is not None:
            return
        subject_id = subject_of(tx, share.audit_key_id, key, access.person)
        now = world.clock.now()
        whole = 0
        for document_id, ranges in by_document.items():
            length = content.sources[document_id].document.length
            for recipient_id in access.recipient_ids:
                earlier = tx.shares.receipt(share.id, document_id, recipient_id, subject_id)
                receipt = _grown(
                    earlier, Receipt(share.id, document_id, recipient_id, subject_id, now, now), ranges, length
                )
                tx.shares.record_receipt(receipt)
                whole += receipt.completed_at == now
        record(
            world, tx, EventKind.DOCUMENT_DOWNLOADED, share=share, person=access.person, documents=len(by_document),
            bytes=sum(stop - start for many in by_document.values() for start, stop in many), whole=whole,
            document=next(iter(by_document)) if len(by_document) == 1 else "", ground=",".join(access.codes),
        )  # fmt: skip


def _documents_within(content: Content, start: int, stop: int) -> dict[str, list[tuple[int, int]]]:
    """The documents' ranges in bytes [start, stop). Who has had the end has had the empty documents too."""
    ranges = {
        piece.document_id: [(first, last)]
        for piece, first, last in _within(content, start, stop)
        if isinstance(piece, Slice)
    }
    if stop == content.length:
        ranges |= {source.document.id: [] for source in content.sources.values() if source.document.length == 0}
    return ranges


def _grown(earlier: Receipt | None, fresh: Receipt, ranges: list[tuple[int, int]], length: int) -> Receipt:
    covered = merge_ranges([*(earlier.covered if earlier else ()), *ranges])
    done = earlier.completed_at if earlier and earlier.completed_at else None
    return Receipt(
        fresh.share_id,
        fresh.document_id,
        fresh.recipient_id,
        fresh.subject_id,
        earlier.first_at if earlier else fresh.first_at,
        fresh.last_at,
        covered,
        done or (fresh.last_at if covers(covered, length) else None),
    )


def _source(world: World, access: Access, document: Document) -> Source:
    share = access.share
    if not document.sealed_inspection:
        raise NotReady("inspection_running")
    share_key = world.keyring.get([share_key_id(share.id)]).get(share_key_id(share.id))
    if share_key is None:
        authorize(world, access.person, share.id)  # it may have ended just now: then this says so
        raise Broken("no share key")
    document_id = bytes.fromhex(document.id)
    manifest = open_manifest(share_key, document_id, document.sealed_manifest)
    inspection = open_inspection(share_key, manifest, document.sealed_inspection)
    if inspection.verdict not in RELEASED:
        raise NotReady("inspection_refused")
    key = existing_key(world.keyring, share.audit_key_id)
    return Source(
        document, file_name(key, document), manifest, inspection, derive(share_key, Purpose.DATA, document_id)
    )


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length
