"""Records of delivered bytes: receipts per document and one event per download; for systems the event alone.

Guarantees:
- What a system reads back never counts as a download by a recipient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.domain.share import Receipt, Share, covers, merge_ranges
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.audit import EventFilter
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.audit.recording import record_at, subject_of
from deldokument.services.downloads.access import Access
from deldokument.services.downloads.content import PAGE_SIZE, Content, Ranges, pieces_within
from deldokument.services.downloads.system_access import SystemAccess
from deldokument.services.downloads.zip_archive import Slice
from deldokument.services.encryption import existing_key


def record_delivery(deps: Dependencies, content: Content, start: int, stop: int, at: datetime | None = None) -> None:
    """Write the receipts of bytes [start, stop), which were handed on, and one event; nothing if there are none.

    ``at`` is the time of the delivery. A retry passes the same ``at``: if only the response to the commit was lost,
    nothing is written twice.
    """
    access, share = content.access, content.access.share
    if isinstance(access, SystemAccess):
        _record_read_back(deps, content, access, start, stop, at)
        return
    had = delivered_ranges(content, start, stop)
    first = next(had, None)
    if first is None:
        return
    key = existing_key(deps.keyring, share.audit_key_id)
    with deps.database.write() as tx:
        # The lock on the share also serialises the writes of its receipts.
        if existing(tx.shares.lock(share.id)).erased_at is not None:
            return
        subject_id = subject_of(tx, share.audit_key_id, key, access.person)
        now = at or deps.clock.now()
        documents = size = whole = 0
        for page in _pages(chain([first], had)):
            documents += len(page)
            size += sum(stop - start for ranges in page.values() for start, stop in ranges)
            whole += _record_receipts(tx, content, access, subject_id, now, page)
        details: dict[str, str | int] = {
            "documents": documents,
            "bytes": size,
            "whole": whole,
            "document": content.sources.id(first[0]) if documents == 1 else "",
            "ground": ",".join(access.codes),
        }
        if not already_recorded(tx, share, subject_id, now, details):
            record_at(deps, tx, now, EventKind.DOCUMENT_DOWNLOADED, details, share=share, person=access.person)


def _record_read_back(
    deps: Dependencies, content: Content, access: SystemAccess, start: int, stop: int, at: datetime | None
) -> None:
    share = access.share
    if start == stop and content.length:
        return
    details: dict[str, str | int] = {
        "document": content.sources.id(0),
        "bytes": stop - start,
        # Also if the rights have ended just now.
        "integration": access.integration_id,
    }
    if access.consumer.supplier:
        details["supplier"] = access.consumer.supplier.value
    with deps.database.write() as tx:
        now = at or deps.clock.now()
        then = EventFilter(share.tenant_id, now, now + timedelta.resolution, EventKind.DOCUMENT_READ_BACK, share.id)
        if not _is_recorded(tx, then, details):
            record_at(deps, tx, now, EventKind.DOCUMENT_READ_BACK, details, share=share)


def already_recorded(
    tx: Transaction, share: Share, subject_id: str, at: datetime, details: Mapping[str, str | int]
) -> bool:
    then = EventFilter(
        share.tenant_id, at, at + timedelta.resolution, EventKind.DOCUMENT_DOWNLOADED, share.id, (subject_id,)
    )
    return _is_recorded(tx, then, details)


def _is_recorded(tx: Transaction, then: EventFilter, details: Mapping[str, str | int]) -> bool:
    return any(found.event.details == details for found in tx.audit.newest(then, before=None, limit=PAGE_SIZE))


def delivered_ranges(content: Content, start: int, stop: int) -> Iterator[tuple[int, Ranges]]:
    """Yield the documents in bytes [start, stop) with their ranges.

    A range up to the end of the content includes the empty documents.
    """
    for piece, first, last in pieces_within(content, start, stop):
        if isinstance(piece, Slice):
            yield piece.number, [(first, last)]
    if stop == content.length:
        yield from ((number, []) for number, length in enumerate(content.sources.lengths) if length == 0)


def _pages(items: Iterator[tuple[int, Ranges]]) -> Iterator[dict[int, Ranges]]:
    while page := dict(islice(items, PAGE_SIZE)):
        yield page


def _record_receipts(
    tx: Transaction,
    content: Content,
    access: Access,
    subject_id: str,
    now: datetime,
    by_number: Mapping[int, Ranges],
) -> int:
    """Save the receipts of some documents; return how many of them the person has completed just now.

    A document counts once, however many recipients the person acts for.
    """
    share_id = access.share.id
    ids = {number: content.sources.id(number) for number in by_number}
    earlier = {(r.document_id, r.recipient_id): r for r in tx.receipts.of_subject(share_id, subject_id, ids.values())}
    receipts = [
        merge_receipt(
            earlier.get((ids[number], recipient_id)),
            Receipt(share_id, ids[number], recipient_id, subject_id, now, now),
            ranges,
            content.sources.lengths[number],
        )
        for number, ranges in by_number.items()
        for recipient_id in access.recipient_ids
    ]
    tx.receipts.save_all(receipts)
    return len({receipt.document_id for receipt in receipts if receipt.completed_at == now})


def merge_receipt(earlier: Receipt | None, fresh: Receipt, ranges: list[tuple[int, int]], length: int) -> Receipt:
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
