"""Tenants with their accounts, members, administrators and integrations, and the operators."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Table,
    UniqueConstraint,
)

from deldokument.domain.tenants.tenancy import IntegrationRights, NoticeChannel
from deldokument.store.engine.column_types import (
    DurationMicros,
    EnumText,
    StoredBigInteger,
    StoredBytes,
    StoredInteger,
    StoredText,
    UtcMicros,
)
from deldokument.store.engine.schema import metadata, partial, primary, reference, sealed, tag

tenant = Table(
    "tenant",
    metadata,
    primary(),
    Column("organization_number", StoredText, nullable=False, unique=True),
    Column("name", StoredText, nullable=False),
    Column("contact_telephone", StoredText, nullable=False),
    Column("contact_email", StoredText, nullable=False),
    Column("contact_hours", StoredText, nullable=False),
    Column("period_shortest", DurationMicros, nullable=False),
    Column("period_standard", DurationMicros, nullable=False),
    Column("period_longest", DurationMicros, nullable=False),
    Column("ask_archived", Boolean, nullable=False),
    Column("retention", DurationMicros, nullable=False),
    Column("activated_at", UtcMicros),
    Column("frozen_at", UtcMicros),
    Column("ended_at", UtcMicros),
    Column("on_behalf_of", StoredText, nullable=False),
    Column("breach_contact", StoredText, nullable=False),
    Column("scan_policy", StoredText, nullable=False),
    Column("revision", StoredInteger, nullable=False),
    tag(),
    CheckConstraint("period_shortest > 0 AND period_longest >= period_shortest", "period"),
    CheckConstraint("retention >= 0", "retention"),
)

account = Table(
    "account",
    metadata,
    primary(),
    reference("tenant_id", "tenant"),
    Column("name", StoredText, nullable=False),
    Column("contact_telephone", StoredText, nullable=False),
    Column("contact_email", StoredText, nullable=False),
    Column("contact_hours", StoredText, nullable=False),
    Column("period_standard", DurationMicros),
    Column("period_longest", DurationMicros),
    Column("confidential", Boolean, nullable=False),
    Column("quota", StoredBigInteger),
    Column("four_eyes", Boolean, nullable=False),
    Column("notify", Boolean, nullable=False),
    Column("sms_sender", StoredText, nullable=False),
    Column("sms_cost_code", StoredText, nullable=False),
    Column("full_numbers", Boolean, nullable=False),
    Column("name_tenant", Boolean, nullable=False),
    Column("notice_channel", EnumText(NoticeChannel), nullable=False),
    Column("undo_window", DurationMicros),
    Column("revision", StoredInteger, nullable=False),
    Column("closed_at", UtcMicros),
    Column("deleted_at", UtcMicros),
    Column("frozen_at", UtcMicros),
    Column("ended_at", UtcMicros),
    tag(),
    UniqueConstraint("tenant_id", "name"),
)

member = Table(
    "member",
    metadata,
    primary(),
    reference("account_id", "account"),
    Column("lookup_hash", StoredBytes, nullable=False),
    sealed("sealed_identifier"),
    sealed("sealed_name"),
    Column("role_hash", StoredBytes, nullable=False),
    Column("added_at", UtcMicros, nullable=False),
    Column("used_at", UtcMicros),
    Column("removed_at", UtcMicros),
    Column("erased_at", UtcMicros),
    Column("absent_since", UtcMicros),
    Column("acts_from", UtcMicros),
    Column("revision", StoredInteger, nullable=False),
    tag(),
)

administrator = Table(
    "administrator",
    metadata,
    primary(),
    reference("tenant_id", "tenant"),
    Column("lookup_hash", StoredBytes, nullable=False, index=True),
    sealed("sealed_identifier"),
    sealed("sealed_name"),
    Column("role_hash", StoredBytes, nullable=False),
    Column("acts_from", UtcMicros),
    tag(),
    UniqueConstraint("tenant_id", "lookup_hash"),
)

is_to_be_ended = account.c.deleted_at.is_not(None) & account.c.ended_at.is_(None)
is_living = member.c.removed_at.is_(None)
is_absent = member.c.absent_since.is_not(None)
is_waiting = is_living & member.c.acts_from.is_(None)
is_removed_unerased = member.c.removed_at.is_not(None) & member.c.erased_at.is_(None)
partial("uq_member_living", is_living, member.c.account_id, member.c.lookup_hash, unique=True)
partial("ix_member_living", is_living, member.c.lookup_hash)
partial("ix_member_account", is_living, member.c.account_id, member.c.added_at, member.c.id)
partial("ix_member_waiting", is_waiting, member.c.account_id, member.c.added_at, member.c.id)
partial("ix_member_removed", is_removed_unerased, member.c.removed_at)
partial("ix_account_deleted", is_to_be_ended, account.c.deleted_at)

integration = Table(
    "integration",
    metadata,
    primary(),
    reference("account_id", "account"),
    Column("organization_number", StoredText, nullable=False),
    Column("name", StoredText, nullable=False),
    Column("added_at", UtcMicros, nullable=False),
    Column("removed_at", UtcMicros),
    Column("rights", EnumText(IntegrationRights), nullable=False),
    Column("used_at", UtcMicros),
    Column("password_hash", StoredBytes),
    Column("archive_confirmed_at", UtcMicros),
    Column("revision", StoredInteger, nullable=False),
    tag(),
    CheckConstraint("rights IN ('read', 'share')", "rights"),
)

is_living_integration = integration.c.removed_at.is_(None)
partial(
    "uq_integration_living",
    is_living_integration,
    integration.c.account_id,
    integration.c.organization_number,
    unique=True,
)
partial("ix_integration_living", is_living_integration, integration.c.organization_number)

operator = Table(
    "operator",
    metadata,
    primary(),
    Column("lookup_hash", StoredBytes, nullable=False, unique=True),
    sealed("sealed_identifier"),
    sealed("sealed_name"),
    Column("role_hash", StoredBytes, nullable=False),
    tag(),
)
