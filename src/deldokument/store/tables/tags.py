"""Tags of the rows that decide about access: the columns of each table that its tag covers.

Shares have cards instead; see `shares.share_cards`.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Integer, Table, case, func, literal_column, select

from deldokument.store.engine.authenticated_rows import row_tags
from deldokument.store.engine.column_types import AsDetail
from deldokument.store.tables.audit import (
    about_row,
    audit_event,
    is_removal,
    is_tenant_revision,
)
from deldokument.store.tables.notification_addresses import notice_address
from deldokument.store.tables.shares import document, receipt
from deldokument.store.tables.tenancy import account, administrator, integration, member, operator, tenant
from deldokument.store.tables.uploads import upload
from deldokument.store.tables.webhooks import webhook

_REMOVED = literal_column("2147483647", Integer)
"""Revision of a removed row: greater than any other, since nothing changes it any more."""


def _newest_about(table: Table) -> ColumnElement[Any]:
    """Return the greatest revision in the events about a row, as a subquery.

    So row and events are read at the same instant.
    """
    revision = func.max(case((is_removal, _REMOVED), else_=audit_event.c.revision))
    about = select(revision).where(about_row == AsDetail(table.c.id))
    return about.correlate(table).scalar_subquery()


_newest_about_tenant = select(func.max(audit_event.c.revision)).where(
    is_tenant_revision, audit_event.c.chain == tenant.c.id
)


_PERSON = "lookup_hash sealed_identifier sealed_name role_hash"

TENANT_TAGS = row_tags(
    tenant,
    "organization_number name contact_telephone contact_email contact_hours period_shortest period_standard "
    "period_longest ask_archived retention activated_at frozen_at ended_at on_behalf_of breach_contact scan_policy "
    "revision",
    _newest_about_tenant.correlate(tenant).scalar_subquery(),
)
ACCOUNT_TAGS = row_tags(
    account,
    "tenant_id name contact_telephone contact_email contact_hours period_standard period_longest confidential quota "
    "four_eyes notify sms_sender sms_cost_code full_numbers name_tenant notice_channel undo_window revision closed_at "
    "deleted_at frozen_at ended_at",
    _newest_about(account),
)
MEMBER_TAGS = row_tags(
    member, f"account_id {_PERSON} added_at removed_at erased_at absent_since acts_from revision", _newest_about(member)
)
ADMINISTRATOR_TAGS = row_tags(administrator, f"tenant_id {_PERSON} acts_from", _newest_about(administrator))
OPERATOR_TAGS = row_tags(operator, _PERSON, _newest_about(operator))
INTEGRATION_TAGS = row_tags(
    integration,
    "account_id organization_number name added_at removed_at rights password_hash archive_confirmed_at revision",
    _newest_about(integration),
)
UPLOAD_TAGS = row_tags(upload, "document_id share_id member_id integration_id token_hash deadline partial_of")
WEBHOOK_TAGS = row_tags(
    webhook,
    "integration_id sealed_url sealed_secret events created_at failing_since disabled_at disabled_for revision",
    _newest_about(webhook),
)
# A name is encrypted for its document. The tag covers its share, whether it is pending, and the number of bytes to
# send.
DOCUMENT_TAGS = row_tags(document, "share_id pending_since length manifest_hash")
ADDRESS_TAGS = row_tags(
    notice_address, "lookup_hash sealed_address confirmed_at sealed_unconfirmed challenge_id challenged_at"
)
RECEIPT_TAGS = replace(
    row_tags(
        receipt,
        "document_id recipient_id subject_id first_at last_at completed_at event_at direct confirmed_at covered_hash",
    ),
    key="share_id",
)
