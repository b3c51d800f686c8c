"""Uploads, parts and garbage in tables.

Guarantees:
- Every change of an upload's parts locks the upload's row. So appending, merging, joining, finishing and removing are
  serialised.
- A stored object is a part or garbage until its row is deleted.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)

from deldokument.domain.errors import NotFound
from deldokument.domain.shares.upload import Part, Upload
from deldokument.store.engine.authenticated_rows import AuthenticatedMapper
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.statements import Repository, RowMapper, Statements, batches, param
from deldokument.store.tables.shares import document, is_draft, is_pending, may_have_key, share
from deldokument.store.tables.tags import UPLOAD_TAGS
from deldokument.store.tables.uploads import garbage, part, upload

UPLOAD = AuthenticatedMapper(Upload, UPLOAD_TAGS)
_PART = RowMapper(Part, part)

_by_id = select(*UPLOAD.columns).where(upload.c.id == param("key"))
_by_token = select(*UPLOAD.columns).where(upload.c.token_hash == param("token_hash"))
_of_documents = select(*UPLOAD.columns).where(InList(upload.c.document_id, "keys")).order_by(upload.c.id)
_add = insert(upload)
_its_partials = select(*UPLOAD.columns).where(upload.c.partial_of == param("key"))
_advance = (
    update(upload)
    .where(upload.c.id == param("key"), upload.c.offset == param("old"), upload.c.finished_at.is_(None))
    .values(offset=param("new"))
)
_join = (
    update(upload)
    .where(
        upload.c.id == param("key"),
        upload.c.partial_of == param("whole"),
        upload.c.offset == upload.c.length,
        upload.c.finished_at.is_(None),
    )
    .values(finished_at=param("now"), start=param("begins"))
)
_move_parts = (
    update(part)
    .where(part.c.upload_id == param("key"))
    .values(upload_id=param("whole"), offset=part.c.offset + param("begins"))
)
_insert_part = insert(part)
_shorten = (
    update(upload).where(upload.c.id == param("key"), upload.c.finished_at.is_(None)).values(length=upload.c.offset)
)
_save_metadata = update(upload).where(upload.c.id == param("key")).values(sealed_metadata=param("sealed"))
_finish = update(upload).where(upload.c.id == param("key")).values(finished_at=param("now"))
_of_whole = select(*UPLOAD.columns).where(upload.c.partial_of == param("key")).order_by(upload.c.start, upload.c.id)
_unfinished = select(upload.c.id).where(upload.c.id == param("key"), upload.c.finished_at.is_(None))
_is_unfinished_of = and_(
    upload.c.finished_at.is_(None),
    upload.c.partial_of.is_(None),
    or_(upload.c.member_id == param("sharer"), upload.c.integration_id == param("sharer")),
)
_is_of_account = and_(share.c.account_id == param("key"), may_have_key)
_unfinished_in_drafts = (
    select(upload.c.id).join_from(share, upload).where(is_draft, _is_of_account, _is_unfinished_of)
).limit(param("most"))
# From the documents, which are few, because the account may have many open shares.
_unfinished_beside = (
    select(upload.c.id)
    .join_from(document, upload, upload.c.document_id == document.c.id)
    .where(is_pending, _is_unfinished_of, exists().where(share.c.id == document.c.share_id, _is_of_account))
    .limit(param("most"))
)
_unfinished_of = union_all(select(_unfinished_in_drafts.subquery()), select(_unfinished_beside.subquery()))
_count_unfinished = select(func.count()).select_from(_unfinished_of.limit(param("most")).subquery())
_parts = select(*_PART.columns).where(part.c.upload_id == param("key")).order_by(part.c.offset)
_existing = select(part.c.id, part.c.upload_id).where(part.c.upload_id == param("key"), InList(part.c.id, "ids"))
_remove_parts = delete(part).where(InList(part.c.id, "ids"))


def _giving_up(which: ColumnElement[bool]) -> Insert:
    """Return an INSERT that makes the parts garbage, each with its tenant."""
    named = (
        select(part.c.id, bindparam("now", type_=UtcMicros()), share.c.tenant_id)
        .join_from(part, upload, part.c.upload_id == upload.c.id)
        .join(share, upload.c.share_id == share.c.id)
        .where(which)
    )
    return insert(garbage).from_select(["name", "since", "tenant_id"], named)


_give_up = _giving_up(InList(part.c.id, "ids"))
_give_up_all = _giving_up(InList(part.c.upload_id, "keys"))
_remove_all_parts = delete(part).where(InList(part.c.upload_id, "keys"))
_remove_uploads = delete(upload).where(InList(upload.c.id, "keys"))
_ids = select(upload.c.id).order_by(upload.c.partial_of.is_(None))
_itself = _ids.where(upload.c.id == param("key"))
_partials_of = _ids.where(upload.c.partial_of == param("key"), upload.c.finished_at.is_(None))
of_document = _ids.where(upload.c.document_id == param("key"))
of_shares = _ids.where(InList(upload.c.share_id, "keys"))
of_documents_of_shares = _ids.where(
    upload.c.document_id.in_(select(document.c.id).where(InList(document.c.share_id, "keys")))
)
"""Queries for `discard_uploads`."""
_known = union_all(
    select(part.c.id).where(InList(part.c.id, "names")), select(garbage.c.name).where(InList(garbage.c.name, "names"))
)
_garbage = select(garbage.c.name).order_by(garbage.c.name).limit(param("most"))
_garbage_from = _garbage.where(garbage.c.name >= param("start"))
_garbage_before = _garbage.where(garbage.c.name < param("start"))
_forget = delete(garbage).where(InList(garbage.c.name, "names"))


class Uploads(Repository):
    """Repository of uploads, their parts, and garbage: objects to delete, each with the time ``now`` of the removal."""

    def add(self, upload: Upload) -> None:
        """Insert an upload.

        Raises: Conflict if the document does not exist.
        """
        self._work.run(_add, UPLOAD.columns_of(self._work, upload))

    def get(self, upload_id: str) -> Upload | None:
        """Return the upload with the id."""
        return UPLOAD.intact(self._work, self._work.first(_by_id, {"key": upload_id}))

    def by_token(self, token_hash: bytes) -> Upload | None:
        """Return the upload with the hash of its token."""
        return UPLOAD.intact(self._work, self._work.first(_by_token, {"token_hash": token_hash}))

    def of_documents(self, document_ids: Collection[str]) -> list[Upload]:
        """Return the uploads of the documents, including partial ones."""
        return UPLOAD.all_intact(self._work, self._work.rows_in_batches(_of_documents, "keys", document_ids))

    def count_unfinished(self, account_id: str, sharer_id: str, at_most: int) -> int:
        """Count a member's or an integration's unfinished uploads to shares of the account, up to ``at_most``.

        Partial uploads are not counted.
        """
        values = {"key": account_id, "sharer": sharer_id, "most": at_most}
        return int(self._work.rows(_count_unfinished, values)[0][0])

    def renew_token(self, renewed: Upload) -> None:
        """Write the upload's ``token_hash``, ``deadline`` and owner; the old token is no longer valid.

        Its partial uploads get the same deadline and owner.

        Raises: NotFound.
        """

        def follow(one: Upload) -> Upload:
            return replace(
                one,
                member_id=renewed.member_id,
                integration_id=renewed.integration_id,
                deadline=renewed.deadline,
            )

        def renew(one: Upload) -> Upload:
            return replace(follow(one), token_hash=renewed.token_hash)

        if not UPLOAD.rewrite(self._work, _by_id, renew, key=renewed.id):
            raise NotFound("upload")
        UPLOAD.rewrite(self._work, _its_partials, follow, key=renewed.id)

    def advance(self, upload_id: str, old: int, new: int, parts: Sequence[Part]) -> bool:
        """Move the offset by compare-and-set, with the part rows; False, with no change, if it was not ``old``."""
        if self._work.count(_advance, {"key": upload_id, "old": old, "new": new}) != 1:
            return False
        if parts:
            self._work.run(_insert_part, [_PART.values(one) for one in parts])
        return True

    def partials(self, upload_id: str) -> list[Upload]:
        """Return the partial uploads, ordered by start; those without a known start are unordered."""
        return UPLOAD.all_intact(self._work, self._work.rows(_of_whole, {"key": upload_id}))

    def join(self, whole: Upload, partials: Sequence[Upload], now: datetime) -> None:
        """Complete ``whole`` with the parts of ``partials``, each placed at its ``start``.

        Its other partial uploads are discarded.

        Raises: NotFound if a partial upload lacks bytes or has been joined, or if ``whole`` has bytes of its own.
        """
        self._work.change(_advance, {"key": whole.id, "old": 0, "new": whole.length}, "upload")
        for partial in partials:
            values = {"key": partial.id, "whole": whole.id, "begins": partial.start}
            self._work.change(_join, values | {"now": now}, "partial upload")
            self._work.run(_move_parts, values)
        self.discard_partials(whole.id, now)

    def discard_partials(self, upload_id: str, now: datetime) -> None:
        """Remove the partial uploads that were not joined; their parts become garbage."""
        discard_uploads(self._work, _partials_of, {"key": upload_id}, now)

    def remove(self, upload_id: str, now: datetime) -> None:
        """Remove the upload; its parts become garbage."""
        discard_uploads(self._work, _itself, {"key": upload_id}, now)

    def shorten(self, upload_id: str) -> None:
        """Set the length to the current offset. Raises: NotFound, also if the upload is finished."""
        self._work.change(_shorten, {"key": upload_id}, "upload")

    def save_metadata(self, upload_id: str, sealed: bytes) -> None:
        """Replace the metadata, if the upload still exists."""
        self._work.run(_save_metadata, {"key": upload_id, "sealed": sealed})

    def finish(self, upload_id: str, now: datetime) -> None:
        """Finish the upload: afterwards no bytes are appended and no parts merged.

        Raises: NotFound.
        """
        self._work.change(_finish, {"key": upload_id, "now": now}, "upload")

    def parts(self, upload_id: str) -> list[Part]:
        """Return the parts in the order of their offsets."""
        return _PART.all(self._work.rows(_parts, {"key": upload_id}))

    def merge(self, upload_id: str, old: Sequence[Part], new: Part, now: datetime) -> bool:
        """Replace ``old`` by ``new``; the old parts become garbage.

        Returns False, with no change, if one of them is gone or the upload is finished.
        """
        if self._work.first(self._work.with_row_locks(_unfinished), {"key": upload_id}) is None:
            return False
        ids = [one.id for one in old]
        if len(self._work.rows_in_batches(_existing, "ids", ids, key=upload_id)) != len(ids):
            return False
        for batch in batches(ids):
            self._work.run(_give_up, {"ids": batch, "now": now})
            self._work.run(_remove_parts, {"ids": batch})
        self._work.run(_insert_part, _PART.values(new))
        return True

    def known_blobs(self, names: Collection[str]) -> set[str]:
        """Return the names that are parts or garbage."""
        return {row[0] for row in self._work.rows_in_batches(_known, "names", names)}

    def garbage(self, limit: int, *, start: str = "") -> list[str]:
        """Return names of objects to delete, in order from ``start`` on, then from the beginning."""
        names = self._work.rows(_garbage_from, {"most": limit, "start": start})
        rest = limit - len(names)
        again = self._work.rows(_garbage_before, {"most": rest, "start": start}) if start and rest else ()
        return [row[0] for row in (*names, *again)]

    def forget_garbage(self, names: Collection[str]) -> None:
        """Delete the rows of garbage whose objects have been deleted."""
        for batch in batches(names):
            self._work.run(_forget, {"names": batch})


def discard_uploads(work: Statements, which: Select[Any], values: Mapping[str, Any], now: datetime) -> None:
    """Remove the uploads that a query finds with ``values``, partial ones first; their parts become garbage."""
    for batch in batches([row.id for row in work.rows(work.with_row_locks(which), values)]):
        work.run(_give_up_all, {"keys": batch, "now": now})
        work.run(_remove_all_parts, {"keys": batch})
        work.run(_remove_uploads, {"keys": batch})
