"""Shares by ids that may be unknown, and by hashes of recipients, in tables."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Select, Table, bindparam, exists, func, select

from deldokument.domain.shares.share import Document, Share, ShareState
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.statements import Statements, distinct_values, param
from deldokument.store.shares.share_cards import CARD_COLUMNS, CARD_WIDTH, ShareCards
from deldokument.store.shares.shares import DOCUMENT
from deldokument.store.tables.shares import (
    document,
    is_answering,
    is_available,
    is_named,
    is_pending,
    is_published,
    is_unerased,
    recipient,
    share,
)
from deldokument.store.tables.tags import DOCUMENT_TAGS
from deldokument.store.tables.tenancy import (
    account,
    integration,
    is_living,
    is_living_integration,
    member,
    tenant,
)
from deldokument.store.tenancy.accounts import ACCOUNT_COLUMNS, Accounts

_key = param("key")


def _id_at_or_after(table: Table) -> ColumnElement[str]:
    near = table.alias("near")
    first = select(func.min(near.c.id))
    if table is document:
        first = first.where(near.c.pending_since.is_(None))
    return func.coalesce(first.where(near.c.id >= _key).scalar_subquery(), first.scalar_subquery())


def _first_look(sharer: Table, *where: ColumnElement[bool]) -> Select[tuple[str, ShareState, bool]]:
    """Return the query for the share at or after ``key``, and whether ``sharer`` belongs to its account."""
    is_own = exists().where(sharer.c.account_id == share.c.account_id, *where).correlate(share)
    return select(share.c.id, share.c.state, is_own.label("is_own")).where(share.c.id == _id_at_or_after(share))


_at_or_after = (
    select(*CARD_COLUMNS, *ACCOUNT_COLUMNS)
    .join_from(share, account, isouter=True)
    .join(tenant, tenant.c.id == account.c.tenant_id, isouter=True)
    .where(share.c.id == _id_at_or_after(share))
)
_for_member = _first_look(member, member.c.lookup_hash == param("lookup_hash"), is_living)
_for_organization = _first_look(
    integration, integration.c.organization_number == param("number"), is_living_integration
)
_document_at_or_after = select(*DOCUMENT.columns).where(document.c.id == _id_at_or_after(document))
# Among the account's newest shares, because an index has that order: the member may have shared nothing for years.
_newest_of_account = (
    select(share.c.id, share.c.member_id, share.c.created_at)
    .where(is_unerased, share.c.account_id == param("account"), is_published)
    .order_by(share.c.created_at.desc(), share.c.id.desc())
    .limit(param("among"))
    .subquery()
)
_newest_of_member = (
    select(_newest_of_account.c.id)
    .where(_newest_of_account.c.member_id == param("member"))
    .order_by(_newest_of_account.c.created_at.desc(), _newest_of_account.c.id.desc())
    .limit(param("most"))
)
_shared_lately = (
    select(*CARD_COLUMNS)
    .where(share.c.id.in_(_newest_of_member))
    .order_by(share.c.created_at.desc(), share.c.id.desc())
)
_of_member = select(*CARD_COLUMNS).where(share.c.account_id == param("account"), share.c.member_id == param("member"))
"""Only compared with rows that subqueries have chosen."""
_document_ids = select(document.c.id, *(document.c[name] for name in DOCUMENT_TAGS.bound), document.c.tag).where(
    InList(document.c.share_id, "keys"), ~is_pending
)
_audit_key_ids_available = distinct_values(share.c.audit_key_id, is_available)
# Two queries instead of a join: PostgreSQL expects a share for each hash, and a person has a hash for each audit key.
# Although few match, it read the whole table of some ten thousand shares.
_shares_for = select(recipient.c.share_id, recipient.c.lookup_hash).where(
    InList(recipient.c.lookup_hash, "keys"), is_named
)
_open = select(*CARD_COLUMNS).where(
    InList(share.c.id, "keys"), is_available, share.c.expires_at > bindparam("now", type_=share.c.expires_at.type)
)
_answering = select(*CARD_COLUMNS).where(InList(share.c.answers, "keys"), is_answering)


class ShareLookup:
    """Repository for looking up shares and documents by ids that may be unknown, and by hashes of recipients."""

    def __init__(self, work: Statements, cards: ShareCards) -> None:
        self._work = work
        self._cards = cards
        self._accounts = Accounts(work)

    def share_at_or_after(self, share_id: str) -> Share | None:
        """Return the share with the id, else the next share in the order of ids, or the first.

        Both cases take one query, so that timing does not reveal which it was. It also reads account and tenant, which
        the following decision about the share needs.
        """
        row = self._work.first(_at_or_after, {"key": share_id})
        if row is None:
            return None
        [found] = self._cards.read([row])
        self._accounts.keep(row[CARD_WIDTH:])
        return found

    def document_at_or_after(self, document_id: str) -> Document | None:
        """Return the document with the id, else the next document in the order of ids, or the first.

        Timing does not reveal which it was. A pending document is not found by its id.
        """
        return DOCUMENT.intact(self._work, self._work.first(_document_at_or_after, {"key": document_id}))

    def state_for_member(self, share_id: str, lookup_hash: bytes) -> ShareState | None:
        """Return the share's state, if the person is a living member of its account; otherwise None.

        The result is not verified, so it must not grant access. For an unknown id another share is read, as by
        ``share_at_or_after``.
        """
        return self._state(_for_member, share_id, lookup_hash=lookup_hash)

    def state_for_organization(self, share_id: str, organization_number: str) -> ShareState | None:
        """Return the state as ``state_for_member``, if the organisation's system is integrated with the account."""
        return self._state(_for_organization, share_id, number=organization_number)

    def _state(
        self, query: Select[tuple[str, ShareState, bool]], share_id: str, **sharer: str | bytes
    ) -> ShareState | None:
        found = self._work.first(query, {"key": share_id, **sharer})
        return found.state if found and found.id == share_id and found.is_own else None

    def audit_key_ids_available(self) -> list[str]:
        """Return the ids of the audit keys of shares that are marked as available, even past their end."""
        return [row[0] for row in self._work.rows(_audit_key_ids_available)]

    def open_for(self, lookup_hashes: Collection[bytes], now: datetime) -> list[Share]:
        """Return shares open at ``now`` with a recipient that has one of these hashes, earliest end first."""
        ids = {row.share_id for row in self._work.rows_in_batches(_shares_for, "keys", lookup_hashes)}
        found = self._cards.read(self._work.rows_in_batches(_open, "keys", ids, now=now))
        return sorted(found, key=lambda one: (one.expires_at or now, one.id))

    def shared_lately(self, member_id: str, account_id: str, among: int, limit: int) -> list[Share]:
        """Return the member's published shares among the account's ``among`` newest ones, newest first."""
        values = {"member": member_id, "account": account_id, "among": among, "most": limit}
        rows = self._work.rows(_shared_lately, values)
        return self._cards.read(self._work.asked_for(_of_member, values, rows))

    def answering(self, share_ids: Collection[str]) -> list[Share]:
        """Return the intact drafts that will answer requests about these shares, the most recent first."""
        found = self._cards.read(self._work.rows_in_batches(_answering, "keys", share_ids))
        return sorted((one for one in found if one.intact), key=lambda one: one.created_at, reverse=True)

    def document_ids(self, share_ids: Collection[str]) -> dict[str, list[str]]:
        """Return the ids of each share's documents, without pending ones."""
        found: dict[str, list[str]] = {share_id: [] for share_id in share_ids}
        for row in self._work.rows_in_batches(_document_ids, "keys", share_ids):
            if DOCUMENT_TAGS.is_intact(self._work, row._asdict(), row.tag, None):
                found[row.share_id].append(row.id)
        return found
