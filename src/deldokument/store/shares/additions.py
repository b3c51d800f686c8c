"""Documents that are uploaded beside a published share, in tables."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, select

from deldokument.domain.shares.share import Document
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.expressions import InList, is_current
from deldokument.store.engine.statements import Repository, param
from deldokument.store.shares.shares import DOCUMENT
from deldokument.store.tables.shares import document, is_available, is_pending, share

_by_id = select(*DOCUMENT.columns).where(document.c.id == param("key"))
_all = (
    select(*DOCUMENT.columns)
    .where(InList(document.c.share_id, "keys"))
    .order_by(document.c.share_id, document.c.position, document.c.id)
)
_pending = _all.where(is_pending)
_before = bindparam("before", type_=UtcMicros())
_stale = (
    select(*DOCUMENT.columns)
    .join(share)
    .where(is_pending, document.c.pending_since < _before, is_available, is_current(share.c.tenant_id))
    .limit(param("most"))
)


class Additions(Repository):
    """Repository of pending documents. The repository Shares returns none of them, so recipients cannot get one."""

    def document(self, document_id: str) -> Document | None:
        """Return the document with the id, pending or not."""
        return DOCUMENT.intact(self._work, self._work.first(_by_id, {"key": document_id}))

    def with_documents(self, share_ids: Collection[str]) -> list[Document]:
        """Return the documents, pending or not, in the order of ``Shares.documents``."""
        return DOCUMENT.all_intact(self._work, self._work.rows_in_batches(_all, "keys", share_ids))

    def pending(self, share_ids: Collection[str]) -> list[Document]:
        """Return the pending documents, in the order of ``Shares.documents``."""
        return DOCUMENT.all_intact(self._work, self._work.rows_in_batches(_pending, "keys", share_ids))

    def stale(self, pending_before: datetime, limit: int) -> list[Document]:
        """Return documents that are pending beside available shares since before ``pending_before``. Locks nothing."""
        query = self._work.with_keys(_stale, document)
        return DOCUMENT.first_intact(self._work, query, {"before": pending_before, "most": limit} | self._work.held)
