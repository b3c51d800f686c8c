"""Content of a document, or of all as one zip: any byte range, decrypted on the way out.

Guarantees:
- Bytes are released only after ``authorized`` or ``authorize_system`` has allowed this request.
- A byte that fails authentication is never released.
- The same content has the same strong ETag, whole and in part, on every node.
- A receipt counts only bytes that were sent (see `services.downloads.delivery`).

Content that has not been inspected is NotReady.
"""

import hashlib
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from deldokument.crypto.keys import Purpose, derive, frame
from deldokument.crypto.manifest import InspectionRecord, Manifest, open_manifest
from deldokument.crypto.stream import CAPACITY, HEADER
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, Conflict, Frozen, Gone, NotFound, NotReady, require
from deldokument.domain.identifiers import Consumer, PersonIdentifier
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, Handling, handling_of
from deldokument.domain.shares.share import MAX_DOCUMENTS, Document, Verdict
from deldokument.domain.shares.typed_texts import archive_name
from deldokument.ports.dependencies import Dependencies
from deldokument.services.downloads.access import authorized
from deldokument.services.downloads.layout_cache import Layout, LayoutCache
from deldokument.services.downloads.offers import note_opening
from deldokument.services.downloads.packed_bytes import PackedBytes
from deldokument.services.downloads.part_reader import STEP, DoubleBuffer, read_parts
from deldokument.services.downloads.system_access import AnyAccess, authorize_system, may_continue, reauthorize
from deldokument.services.downloads.warnings import check_handling, policy_of_share
from deldokument.services.downloads.zip_archive import Archive, Entry, PieceRanges, Slice
from deldokument.services.shares.display.views import file_name
from deldokument.services.shares.rights.grants import ShareGrants, share_grants
from deldokument.services.shares.scans.verdicts import read_record, verdict_of
from deldokument.services.text_fields import open_title
from deldokument.store.audit.audit import EventFilter

_GATHERED = CAPACITY - HEADER
"""Plaintext bytes of a part's first segment. Buffers of this length or more are not gathered."""
PAGE_SIZE = 500
_EVENT_MARGIN = timedelta(minutes=1)
"""How long before it is committed an event may be dated."""
_layouts = LayoutCache(16)


class ArchiveSources:
    """The documents of a content, numbered from 0; their manifests stay sealed until they are read.

    Only the manifest in use is decrypted, so that 70 000 of them take little memory.
    """

    def __init__(self, share_key: bytes) -> None:
        self._share_key = share_key
        self._ids, self._sealed = PackedBytes(), PackedBytes()
        self._rows = hashlib.sha256()
        self.lengths = array("Q")
        self._open: tuple[int, Manifest, bytes] | None = None

    def add(self, document: Document) -> None:
        """Add a document that may be read."""
        self._ids.append(bytes.fromhex(document.id))
        self._sealed.append(document.sealed_manifest)
        self._rows.update(
            frame(
                document.id.encode(),
                document.length.to_bytes(8),
                document.sealed_name,
                document.sealed_manifest,
                document.sealed_inspection,
            )
        )
        self.lengths.append(document.length)

    @property
    def digest(self) -> bytes:
        """Return a hash of the documents in their order. It changes with any name, manifest or inspection record."""
        return self._rows.digest()

    def id(self, number: int) -> str:
        """Return the document's id."""
        return self._ids[number].hex()

    def ids(self) -> list[str]:
        """Return the ids of all documents."""
        return [self.id(number) for number in range(len(self.lengths))]

    def open(self, number: int) -> tuple[Manifest, bytes]:
        """Return the document's manifest and data key."""
        if self._open is None or self._open[0] != number:
            key_id = self._ids[number]
            manifest = open_manifest(self._share_key, key_id, self._sealed[number])
            self._open = number, manifest, derive(self._share_key, Purpose.DATA, key_id)
        return self._open[1:]

    def close(self) -> None:
        """Discard the manifests when reading is done. Ids and lengths stay, for the receipts."""
        self._sealed, self._open = PackedBytes(), None


Ranges = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Content:
    """Content that a byte route sends: one document, or a zip of all."""

    access: AnyAccess
    name: str
    media_type: str
    length: int
    etag: str
    sha256: bytes | None
    """Of the whole content; None for an archive."""
    archive: Archive | None
    sources: ArchiveSources = field(repr=False)


def open_document(deps: Dependencies, person: PersonIdentifier, share_id: str, document_id: str) -> Content:
    """Open one document.

    Raises: as ``authorize``; NotFound if it belongs to another share; NotReady; Conflict for malware, a held document,
    or a warning to confirm.
    """
    with authorized(deps, person, share_id) as read:
        document = read.tx.shares.document(document_id)
        policy = policy_of_share(deps, read.tx, read.access.share)
    access = read.access
    note_opening(deps, access)
    if document is None or document.share_id != share_id:
        raise NotFound("document of another share")
    keys = _keys(deps, access, read.grants)
    inspection = _inspection(keys[0], document)
    if handling_of(policy, verdict_of(inspection)) is not Handling.RELEASED:
        check_handling(deps, access, keys, policy, [document])
    return _document_content(access, keys, document, inspection)


def open_own_document(deps: Dependencies, consumer: Consumer, document_id: str) -> Content:
    """Open a document that the system shared itself. The scan policy protects recipients, so it does not apply.

    An unknown id costs the same work as another document.

    Raises: as ``authorize_system``; NotReady; Conflict for malware.
    """
    with deps.database.read() as tx:
        document = require(tx.share_lookup.document_at_or_after(document_id), "document")
    if document.id != document_id:
        with suppress(Frozen, Gone):
            authorize_system(deps, consumer, document.share_id)
        raise NotFound("document")
    access = authorize_system(deps, consumer, document.share_id)
    keys = _keys(deps, access, share_grants(deps, access.share))
    return _document_content(access, keys, document, _inspection(keys[0], document))


def _document_content(
    access: AnyAccess, keys: tuple[bytes, bytes], document: Document, inspection: InspectionRecord
) -> Content:
    sources = ArchiveSources(keys[0])
    sources.add(document)
    return Content(
        access=access,
        name=file_name(keys[1], document),
        media_type=inspection.media_type,
        length=document.length,
        etag=inspection.etag,
        sha256=inspection.sha256,
        archive=None,
        sources=sources,
    )


def open_archive(deps: Dependencies, person: PersonIdentifier, share_id: str) -> Content:
    """Open all documents as one zip. Raises: as ``open_document``."""
    with authorized(deps, person, share_id) as read:
        policy = policy_of_share(deps, read.tx, read.access.share)
    access, share = read.access, read.access.share
    note_opening(deps, access)
    keys = _keys(deps, access, read.grants)
    sources = ArchiveSources(keys[0])
    for document in _documents(deps, share_id):
        sources.add(document)
    layout = _layouts.get(share_id, sources.digest)
    if layout is None:
        # Read the documents again: only one pass yields both the layout and exactly its documents.
        sources = ArchiveSources(keys[0])
        layout = _lay_out(deps, share_id, keys, sources)
        _layouts.put(share_id, sources.digest, layout)
    if any(handling_of(policy, verdict) is not Handling.RELEASED for verdict in layout.verdicts):
        check_handling(deps, access, keys, policy, _documents(deps, share_id))
    return Content(
        access=access,
        name=archive_name(open_title(keys[1], share)),
        media_type="application/zip",
        length=layout.archive.length,
        etag=layout.etag,
        sha256=None,
        archive=layout.archive,
        sources=sources,
    )


def _lay_out(deps: Dependencies, share_id: str, keys: tuple[bytes, bytes], sources: ArchiveSources) -> Layout:
    """Read the documents into ``sources`` and return the layout of their zip; ``keys`` as from ``_keys``.

    Raises: NotReady.
    """
    hashes, verdicts = PackedBytes(), set[Verdict]()

    def entries() -> Iterator[Entry]:
        for document in _documents(deps, share_id):
            inspection = _inspection(keys[0], document)
            hashes.append(inspection.manifest_hash)
            verdicts.add(verdict_of(inspection))
            sources.add(document)
            yield Entry(file_name(keys[1], document), document.length, inspection.crc32)

    archive, pieces = Archive(entries()), hashlib.sha256()
    for piece, _, _ in archive.within(0, archive.length):
        pieces.update(piece if isinstance(piece, bytes) else hashes[piece.number])
    return Layout(archive, pieces.digest()[:16].hex(), frozenset(verdicts))


def _documents(deps: Dependencies, share_id: str) -> Iterator[Document]:
    """Yield all documents of a published share, page by page."""
    last: tuple[int, str] | None = None
    while True:
        with deps.database.read() as tx:
            page = tx.shares.documents_after(share_id, last, PAGE_SIZE)
        yield from page
        if len(page) < PAGE_SIZE:
            return
        after = page[-1].position, page[-1].id
        if last is not None and after <= last:
            raise Broken("positions that are no numbers have no order")
        last = after


def may_send_on(deps: Dependencies, content: Content) -> bool:
    """Return whether a running response may continue: access still holds, and the share still offers its documents.

    It offers neither a removed document nor one in which a later scan has found malware. Called every few seconds.
    """
    access = content.access
    if not may_continue(deps, access):
        return False
    share, since = access.share, access.decided_at - _EVENT_MARGIN
    wanted = EventFilter(share.tenant_id, since=since, kind=EventKind.DOCUMENT_INSPECTED, share_id=share.id)
    with deps.database.read() as tx:
        found = [stored.event.details or {} for stored in tx.audit.newest(wanted, before=None, limit=MAX_DOCUMENTS)]
        removed = {document.id for document in tx.shares.removed_documents([share.id])}
    infected = {str(details["document"]) for details in found if details["verdict"] == Verdict.INFECTED}
    gone = infected | removed
    return not gone or gone.isdisjoint(content.sources.ids())


def read_content(
    deps: Dependencies,
    content: Content,
    start: int,
    stop: int,
    *,
    step: int = STEP,
    buffers: DoubleBuffer | None = None,
) -> Iterator[bytes | memoryview]:
    """Yield bytes [start, stop) in buffers of at most ``step`` bytes.

    With ``buffers`` the plaintext is written there. Each yielded buffer is then overwritten after the next one. Bytes
    of small documents are gathered, to avoid many small writes.

    Raises: IntegrityError or Broken before yielding a byte that is not authentic.
    """
    small, most = bytearray(), min(step, _GATHERED)
    for buffer in _buffers(deps, content, start, stop, step, buffers):
        if len(small) + len(buffer) > most and small:
            yield bytes(small)
            small.clear()
        if len(buffer) < most:
            small += buffer
        else:
            yield buffer
            if buffers:
                buffers.swap()
    if small:
        yield bytes(small)


def _buffers(
    deps: Dependencies, content: Content, start: int, stop: int, step: int, buffers: DoubleBuffer | None
) -> Iterator[bytes | memoryview]:
    for piece, first, last in pieces_within(content, start, stop):
        if isinstance(piece, bytes):
            yield from (piece[at : min(at + step, last)] for at in range(first, last, step))
            continue
        manifest, data_key = content.sources.open(piece.number)
        for _, buffer in read_parts(deps, manifest, data_key, first, last, step, buffers):
            yield buffer


def pieces_within(content: Content, start: int, stop: int) -> PieceRanges:
    """Yield the pieces that overlap bytes [start, stop), each with its own range."""
    if content.archive:
        yield from content.archive.within(start, stop)
    elif start < stop:
        yield Slice(0, content.length), start, stop


def _keys(deps: Dependencies, access: AnyAccess, grants: ShareGrants) -> tuple[bytes, bytes]:
    """Return the share key and the audit key.

    Raises, if the share key is gone: as ``reauthorize`` for a share that has ended, otherwise Broken.
    """
    if grants.share_key is None:
        reauthorize(deps, access)  # raises if the share has just ended
        raise Broken("no share key")
    return grants.share_key, grants.audit_key


def _inspection(share_key: bytes, document: Document) -> InspectionRecord:
    """Return the inspection record of the document's manifest.

    Raises: NotReady if it has not been inspected or failed its integrity check; Conflict if it has malware.
    """
    if not document.sealed_inspection:
        raise NotReady("inspection_running")
    inspection = read_record(share_key, document)
    verdict = verdict_of(inspection)
    if handling_of(DEFAULT_POLICY, verdict) is Handling.REFUSED:
        raise Conflict("document_infected") if verdict is Verdict.INFECTED else NotReady("inspection_refused")
    return inspection
