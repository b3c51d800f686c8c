"""Repository contract: documents that are uploaded beside a published share, and not part of it yet."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from deldokument.domain.share import Document


class Additions(Protocol):
    """Pending documents. The contract Shares returns none of them, so recipients get nothing of one."""

    def document(self, document_id: str) -> Document | None:
        """Return the document with the id, pending or not."""
        ...

    def with_documents(self, share_ids: Collection[str]) -> list[Document]:
        """Return the documents, pending or not, in the order of ``Shares.documents``."""
        ...

    def pending(self, share_ids: Collection[str]) -> list[Document]:
        """Return the pending documents, in the order of ``Shares.documents``."""
        ...

    def stale(self, pending_before: datetime, limit: int) -> list[Document]:
        """Return documents that are pending beside available shares since before that time; locks nothing."""
        ...
