"""A tenant's life cycle in tables: assessments, activation, offboarding, and the deletion afterwards.

Guarantees:
- The totals at offboarding are counted in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Delete,
    ForeignKey,
    Index,
    Row,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)

from deldokument.domain.shares.share import ShareState
from deldokument.domain.tenants.impact_assessment import ImpactAssessment, ResidualRisk
from deldokument.domain.tenants.offboarding import TenantLifecycle, TenantTotals
from deldokument.domain.tenants.tenancy import Integration, Member
from deldokument.store.engine.authenticated_rows import AuthenticatedMapper
from deldokument.store.engine.column_types import EnumText, StoredBigInteger, StoredDate, StoredText, UtcMicros
from deldokument.store.engine.expressions import is_current, total
from deldokument.store.engine.schema import Id, metadata, primary, reference, sealed
from deldokument.store.engine.statements import Repository, RowMapper, param
from deldokument.store.tables.shares import document, is_available, is_draft, is_unerased, share
from deldokument.store.tables.tags import INTEGRATION_TAGS, MEMBER_TAGS
from deldokument.store.tables.tenancy import (
    account,
    administrator,
    integration,
    is_living,
    is_living_integration,
    member,
    tenant,
)
from deldokument.store.tables.uploads import garbage, upload
from deldokument.store.tenancy.accounts import erase_contacts
from deldokument.store.tenancy.agreements import (
    main_agreement,
    main_agreement_paper,
    service_agreement,
    service_agreement_paper,
)

impact_assessment = Table(
    "impact_assessment",
    metadata,
    primary(),
    reference("tenant_id", "tenant"),
    Column("done_on", StoredDate, nullable=False),
    Column("risk", EnumText(ResidualRisk), nullable=False),
    Column("consulted", Boolean, nullable=False),
    Column("recorded_at", UtcMicros, nullable=False),
    sealed("sealed_assessor"),
    sealed("sealed_role"),
    sealed("sealed_recorder"),
    Column("media_type", StoredText, nullable=False),
    Column("length", StoredBigInteger, nullable=False),
    sealed("sealed_file_name"),
    CheckConstraint("risk IN ('low', 'medium', 'high')", "risk"),
    CheckConstraint("risk <> 'high' OR consulted", "consulted"),
    CheckConstraint("(media_type = '') = (length = 0)", "file"),
    Index(None, "tenant_id", "recorded_at", "id"),
)

# In a separate table, so that lists of assessments do not read the files.
assessment_file = Table(
    "assessment_file",
    metadata,
    Column("assessment_id", Id, ForeignKey("impact_assessment.id"), primary_key=True),
    sealed("sealed_file"),
)

tenure = Table(
    "tenure",
    metadata,
    Column("tenant_id", Id, ForeignKey("tenant.id"), primary_key=True),
    sealed("sealed_activated_by"),
    sealed("sealed_ended_by"),
    Column("contents_deleted_at", UtcMicros),
    Column("names_erased_at", UtcMicros),
    CheckConstraint("names_erased_at IS NULL OR contents_deleted_at IS NOT NULL", "order"),
)

_ASSESSMENT = RowMapper(ImpactAssessment, impact_assessment)
_MEMBER = AuthenticatedMapper(Member, MEMBER_TAGS)
_INTEGRATION = AuthenticatedMapper(Integration, INTEGRATION_TAGS)

_key = param("key")
_now = bindparam("now", type_=UtcMicros())
_most = param("most")
_assessments = (
    select(*_ASSESSMENT.columns)
    .where(impact_assessment.c.tenant_id == _key)
    .order_by(impact_assessment.c.recorded_at.desc(), impact_assessment.c.id.desc())
)
_file = select(assessment_file.c.sealed_file, assessment_file.c.assessment_id).where(
    assessment_file.c.assessment_id == _key
)
_tenure = select(*tenure.c).where(tenure.c.tenant_id == _key)

# By account, because the indexes of shares begin with the account.
_own_accounts = select(account.c.id).where(account.c.tenant_id == _key)
_is_own = and_(share.c.account_id.in_(_own_accounts), is_unerased)
_may_hold = and_(_is_own, share.c.key_destroyed_at.is_(None))
_stored = select(total(document.c.length)).join_from(document, share)


def _number(column: Any, *where: Any) -> Any:
    return select(func.count(column)).where(*where).scalar_subquery()


_living_accounts = _own_accounts.where(account.c.deleted_at.is_(None))
_totals = select(
    _number(account.c.id, account.c.tenant_id == _key, account.c.deleted_at.is_(None)),
    _number(member.c.id, member.c.account_id.in_(_living_accounts), is_living),
    _number(share.c.id, _is_own, is_draft),
    _number(share.c.id, _is_own, is_available, share.c.expires_at > _now),
    select(func.count(document.c.id)).join_from(document, share).where(_may_hold).scalar_subquery(),
    _stored.where(_may_hold).scalar_subquery(),
)


def _close(state: ShareState, *where: ColumnElement[bool]) -> Update:
    return update(share).where(_is_own, *where).values(state=state, closed_at=_now, changed_at=_now)


_abandon = _close(ShareState.ABANDONED, is_draft)
_end = _close(ShareState.ENDED, is_available, share.c.expires_at <= _now)
_withdraw = _close(ShareState.WITHDRAWN, is_available)
_members = select(*_MEMBER.columns).where(member.c.account_id.in_(_own_accounts))
_integrations = select(*_INTEGRATION.columns).where(integration.c.account_id.in_(_own_accounts), is_living_integration)
_shares = select(share.c.id, share.c.tenant_id).where(share.c.account_id.in_(_own_accounts), share.c.tenant_id == _key)

# The shares of the tenure in the enclosing query. A join, because it uses the indexes of accounts and of their shares.
_share_of_it = and_(account.c.tenant_id == tenure.c.tenant_id, share.c.account_id == account.c.id, is_unerased)
_is_left = exists().where(
    _share_of_it, or_(share.c.key_destroyed_at.is_(None), exists().where(upload.c.share_id == share.c.id))
)
_ended = (
    select(tenure.c.tenant_id)
    .join(tenant)
    .where(tenant.c.ended_at.is_not(None), is_current(tenure.c.tenant_id))
    .limit(_most)
)
_has_garbage = exists().where(garbage.c.tenant_id == tenure.c.tenant_id)
_emptied = _ended.where(tenure.c.contents_deleted_at.is_(None), ~_is_left, ~_has_garbage)
_forgotten_at = type_coerce(tenant.c.ended_at, BigInteger) + type_coerce(tenant.c.retention, BigInteger)
_forgettable = _ended.where(
    tenure.c.contents_deleted_at.is_not(None),
    tenure.c.names_erased_at.is_(None),
    _forgotten_at <= _now,
    ~exists().where(_share_of_it),
)
_forget_administrators = delete(administrator).where(administrator.c.tenant_id == _key)
_forget_files = delete(assessment_file).where(
    assessment_file.c.assessment_id.in_(select(impact_assessment.c.id).where(impact_assessment.c.tenant_id == _key))
)
_forget_assessments = delete(impact_assessment).where(impact_assessment.c.tenant_id == _key)


def _forget_papers(paper: Table, agreement: Table) -> Delete:
    own = select(agreement.c.id).where(agreement.c.tenant_id == _key)
    return delete(paper).where(paper.c.agreement_id.in_(own))


_FORGET = (
    _forget_administrators,
    _forget_files,
    _forget_assessments,
    _forget_papers(main_agreement_paper, main_agreement),
    _forget_papers(service_agreement_paper, service_agreement),
)


class TenantLifecycleRepository(Repository):
    """Repository for impact assessments, activation, offboarding, and the deletion afterwards."""

    def add_assessment(self, assessment: ImpactAssessment, sealed_file: bytes) -> None:
        """Insert the assessment; ``sealed_file`` is empty if it has no file."""
        self._work.run(insert(impact_assessment), _ASSESSMENT.values(assessment))
        if sealed_file:
            values = {"assessment_id": assessment.id, "sealed_file": sealed_file}
            self._work.run(insert(assessment_file), values)

    def assessments(self, tenant_id: str) -> list[ImpactAssessment]:
        """Return the tenant's assessments, last recorded first."""
        return _ASSESSMENT.all(self._work.rows(_assessments, {"key": tenant_id}))

    def assessment_file(self, assessment_id: str) -> bytes | None:
        """Return the encrypted file; None if there is none."""
        row = self._work.first(_file, {"key": assessment_id})
        # The schema's owner can admit NULL.
        return bytes(row.sealed_file or b"") if row else None

    def get(self, tenant_id: str) -> TenantLifecycle:
        """Return the tenant's record; an empty one if none is stored."""
        row = self._work.first(_tenure, {"key": tenant_id})
        return TenantLifecycle(*row) if row else TenantLifecycle(tenant_id)

    def save(self, lifecycle: TenantLifecycle) -> None:
        """Write all fields of the record."""
        self._work.insert_or_replace(tenure, asdict(lifecycle))

    def totals(self, tenant_id: str, now: datetime) -> TenantTotals:
        """Return the tenant's present totals; open shares are those open at ``now``.

        Documents and bytes are those that are readable, or will be when their uploads are complete.
        """
        return TenantTotals(*list(self._work.rows(_totals, {"key": tenant_id, "now": now})[0]))

    def close_shares(self, tenant_id: str, now: datetime) -> None:
        """Withdraw every open share and abandon every draft; end shares that have expired unrecorded.

        Drafts come first, so that a draft that is published concurrently is then found as an open share.
        """
        for statement in (_abandon, _end, _withdraw):
            self._work.run(statement, {"key": tenant_id, "now": now})

    def remove_everybody(self, tenant_id: str, now: datetime) -> None:
        """End every membership and every integration's rights."""
        _MEMBER.rewrite(self._work, _members.where(is_living), lambda one: replace(one, removed_at=now), key=tenant_id)
        _INTEGRATION.rewrite(self._work, _integrations, lambda one: replace(one, removed_at=now), key=tenant_id)

    def share_ids(self, tenant_id: str) -> list[str]:
        """Return the ids of all shares and drafts of the tenant, including erased ones."""
        return [row.id for row in self._work.rows(_shares, {"key": tenant_id})]

    def emptied_tenants(self, limit: int) -> list[str]:
        """Return ended tenants without keys and objects for which that is not yet recorded."""
        return self._ids(_emptied, {"most": limit})

    def forgettable(self, now: datetime, limit: int) -> list[str]:
        """Return emptied tenants past their retention period, without unerased shares, whose names are not erased."""
        return self._ids(_forgettable, {"now": now, "most": limit})

    def forget_people(self, tenant_id: str, now: datetime) -> None:
        """Erase members, administrators, assessments, signed documents and the accounts' contact details.

        Remaining memberships are ended.
        """
        _MEMBER.rewrite(self._work, _members, lambda one: _forget(one, now), key=tenant_id)
        erase_contacts(self._work, tenant_id)
        for statement in _FORGET:
            self._work.run(statement, {"key": tenant_id})

    def _ids(self, query: Select[Any], values: dict[str, Any]) -> list[str]:
        query, values = self._work.skip_locked(query, tenure), values | self._work.held
        rows: Sequence[Row[Any]] = self._work.rows(query, values)
        return [row.tenant_id for row in rows]


def _forget(member: Member, now: datetime) -> Member:
    return replace(member.forget_name(), removed_at=member.removed_at or now)
