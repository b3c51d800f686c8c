"""Records of delivered bytes: receipts per document, and download events.

Guarantees:
- A receipt never claims a byte that was not handed on.
- Its size is bounded. A person who fetches more than MAX_RANGES separate ranges loses the smallest ones: those bytes
  must be fetched again before the document counts as downloaded.
- What a system reads back never counts as a download by a recipient: it is an event of its own.
- An event is recorded when a person completes a document, and otherwise once in ten minutes per person and document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice

from deldokument.domain.audit import EventKind
from deldokument.domain.share import MAX_RANGES, Receipt, Share, covers, largest_ranges, merge_ranges
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.audit import EventFilter
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.audit.recording import record_at, subject_of
from deldokument.services.downloads.access import Access
from deldokument.services.downloads.content import PAGE_SIZE, Content, Ranges, pieces_within
from deldokument.services.downloads.system_access import SystemAccess
from deldokument.services.downloads.zip_archive import Slice
from deldokument.services.encryption import existing_key

EVENT_INTERVAL = timedelta(minutes=10)
"""A download in many ranges is one event in this time, and one more when it completes the document."""


def record_delivery(deps: Dependencies, content: Content, start: int, stop: int, at: datetime | None = None) -> None:
    """Write the receipts of bytes [start, stop), which were handed on, and an event if one is due.

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
        locked = tx.shares.lock(share.id)
        if locked is None or locked.erased_at is not None:
            return
        subject_id = subject_of(tx, share.audit_key_id, key, access.person)
        now = at or deps.clock.now()
        documents = size = whole = due = 0
        for page in _pages(chain([first], had)):
            documents += len(page)
            size += sum(stop - start for ranges in page.values() for start, stop in ranges)
            completed, without_event = _record_receipts(tx, content, access, subject_id, now, page)
            whole += completed
            due += without_event
        details: dict[str, str | int] = {
            "documents": documents,
            "bytes": size,
            "whole": whole,
            "document": content.sources.id(first[0]) if documents == 1 else "",
            "ground": ",".join(access.codes),
        }
        if due and not already_recorded(tx, share, subject_id, now, details):
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
) -> tuple[int, int]:
    """Save the receipts of some documents.

    Returns how many of them the person has completed just now, and for how many an event is due. A document counts
    once, however many recipients the person acts for.
    """
    share_id = access.share.id
    ids = {number: content.sources.id(number) for number in by_number}
    earlier = {(r.document_id, r.recipient_id): r for r in tx.receipts.of_subject(share_id, subject_id, ids.values())}
    receipts, completed, due = list[Receipt](), 0, 0
    for number, ranges in by_number.items():
        known = {one: earlier.get((ids[number], one)) for one in access.recipient_ids}
        grown = [
            merge_receipt(
                before,
                Receipt(share_id, ids[number], recipient_id, subject_id, now, now),
                ranges,
                content.sources.lengths[number],
            )
            for recipient_id, before in known.items()
        ]
        is_complete = any(receipt.completed_at == now for receipt in grown)
        event_at = max((one.event_at for one in known.values() if one and one.event_at), default=None)
        is_due = is_complete or event_at is None or now - event_at >= EVENT_INTERVAL
        receipts += [replace(receipt, event_at=now if is_due else event_at) for receipt in grown]
        completed += is_complete
        due += is_due
    tx.receipts.save_all(receipts)
    return completed, due


def merge_receipt(earlier: Receipt | None, fresh: Receipt, ranges: list[tuple[int, int]], length: int) -> Receipt:
    """Return the receipt with the ranges added to those of the earlier one, if there is one."""
    covered = largest_ranges(merge_ranges([*(earlier.covered if earlier else ()), *ranges]), MAX_RANGES)
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
