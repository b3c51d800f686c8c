"""Repository contract: receipts of recipients who opened a share or downloaded a document.

A receipt that the service did not write, or not like this, is not returned. Its share is reported.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from deldokument.domain.share import Receipt

ReceiptPlace = tuple[datetime, str, str, str]
"""A receipt's place among those of its share: first time, document (empty for none), recipient, subject."""


class Receipts(Protocol):
    """Receipts, one per share, document, recipient and subject."""

    def save(self, receipt: Receipt) -> None:
        """Insert, or replace the one of the same share, document, recipient and subject.

        For the statistics, the share keeps the times of its first receipt, first sent document and first confirmation.
        """
        ...

    def save_all(self, receipts: Sequence[Receipt]) -> None:
        """Write at least one, all of the same share, as ``save``."""
        ...

    def get(self, share_id: str, document_id: str | None, recipient_id: str, subject_id: str) -> Receipt | None: ...
    def of_subject(self, share_id: str, subject_id: str, document_ids: Collection[str]) -> list[Receipt]:
        """Return a subject's receipts for these documents. To update them, hold the share's lock."""
        ...

    def of_shares(self, share_ids: Collection[str]) -> list[Receipt]:
        """Return the receipts share by share, the oldest first. Without their ranges, which no list shows."""
        ...

    def of_person(self, share_ids: Collection[str], lookup_hashes: Collection[bytes]) -> list[Receipt]:
        """Return the receipts of the subjects with these hashes, as ``of_shares``."""
        ...

    def of_share(self, share_id: str, after: ReceiptPlace | None, limit: int) -> list[Receipt]:
        """Return the receipts of one share, the oldest first; ``after`` continues after that place.

        Without their ranges.
        """
        ...
