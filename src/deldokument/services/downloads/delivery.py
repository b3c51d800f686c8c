"""Records of delivered bytes: receipts per document, and download events.

Guarantees:
- A receipt contains only sent bytes. The byte routes count those that the client's machine or a proxy has acknowledged.
- After a reset, a document is not complete if the client may not have read its end.
- A receipt is bounded. A person who fetches more than MAX_RANGES separate ranges loses the smallest ones: those bytes
  must be fetched again before the document counts as downloaded.
- A system's reading back is not a download by a recipient, but an event of its own.
- An event is recorded when a person completes a document, and otherwise once in ten minutes per person and document.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice

from deldokument.domain.audit import EventKind
from deldokument.domain.shares.byte_ranges import covers, largest_ranges, merge_ranges
from deldokument.domain.shares.share import MAX_RANGES, Receipt, Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_at, subject_of
from deldokument.services.downloads.access import Access
from deldokument.services.downloads.content import PAGE_SIZE, Content, Ranges, pieces_within
from deldokument.services.downloads.system_access import SystemAccess
from deldokument.services.downloads.zip_archive import Slice
from deldokument.services.encryption import existing_key
from deldokument.store.audit.audit import EventFilter
from deldokument.store.transaction import Transaction

EVENT_INTERVAL = timedelta(minutes=10)
"""A download in many ranges is one event in this time, and one more when it completes the document."""


MAX_UNREAD = 2**25
"""Bytes that a client's machine may have acknowledged before the client reads them."""


def record_delivery(
    deps: Dependencies,
    content: Content,
    start: int,
    stop: int,
    at: datetime | None = None,
    *,
    is_clean: bool = True,
    is_direct: bool = False,
) -> None:
    """Write the receipts of the sent bytes [start, stop), and an event if one is due.

    ``is_clean``: the transfer did not end in a reset. ``is_direct``: the person's own machine acknowledged the bytes,
    not a proxy. ``at`` is the time of the delivery. A retry passes the same ``at``: if only the response to the commit
    was lost, nothing is written twice.
    """
    access, share = content.access, content.access.share
    if isinstance(access, SystemAccess):
        _record_read_back(deps, content, access, start, stop, at)
        return
    had = delivered_ranges(content, start, stop, unread=0 if is_clean else MAX_UNREAD)
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
            completed, without_event = _record_receipts(tx, content, access, subject_id, now, page, is_direct)
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
        # Recorded even if the rights have just ended.
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


def delivered_ranges(content: Content, start: int, stop: int, *, unread: int = 0) -> Iterator[tuple[int, Ranges]]:
    """Yield the documents in bytes [start, stop) with their ranges.

    A document that ends within the last ``unread`` bytes lacks its last byte, which the client may not have read. A
    range up to the end of the content includes the empty documents.
    """
    position = start
    for piece, first, last in pieces_within(content, start, stop):
        position += last - first
        if isinstance(piece, Slice):
            is_unread = last == piece.length and position > stop - unread
            yield piece.number, [(first, last - is_unread)]
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
    is_direct: bool,
) -> tuple[int, int]:
    """Save the receipts of some documents.

    Returns the number of documents that are now complete for the person, and the number for which an event is due. A
    document counts once, however many recipients the person acts for.
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
                Receipt(share_id, ids[number], recipient_id, subject_id, now, now, direct=is_direct),
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
    """Return the receipt with the ranges added to those of the earlier one, if there is one.

    It is direct if all ranges were direct, or if one direct transfer covered the whole document.
    """
    before = earlier or fresh
    is_whole = covers(merge_ranges(ranges), length)
    covered = largest_ranges(merge_ranges([*before.covered, *ranges]), MAX_RANGES)
    return replace(
        before,
        last_at=max(fresh.last_at, before.last_at),
        covered=covered,
        completed_at=before.completed_at or (fresh.last_at if covers(covered, length) else None),
        direct=before.is_whole or (fresh.direct and (before.direct or not before.covered or is_whole)),
    )
