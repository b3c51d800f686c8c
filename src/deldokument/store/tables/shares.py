"""Shares with their recipients and documents, and the receipts."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    UniqueConstraint,
    and_,
    literal_column,
    text,
)

from deldokument.domain.shares.share import ShareState
from deldokument.store.engine.column_types import (
    ByteRanges,
    EnumText,
    StoredBigInteger,
    StoredBytes,
    StoredInteger,
    StoredText,
    UtcMicros,
)
from deldokument.store.engine.schema import Id, metadata, optional, partial, primary, reference, sealed, tag

share = Table(
    "share",
    metadata,
    primary(),
    reference("tenant_id", "tenant"),
    reference("account_id", "account"),
    optional("member_id", "member"),
    optional("integration_id", "integration"),
    Column("state", EnumText(ShareState), nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("changed_at", UtcMicros, nullable=False),
    Column("audit_key_id", Id, nullable=False),
    Column("expires_at", UtcMicros),
    Column("published_at", UtcMicros),
    Column("closed_at", UtcMicros),
    Column("confidential", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("notify", Boolean, nullable=False),
    sealed("sealed_audit_texts"),
    sealed("sealed_share_texts"),
    Column("reference_hash", StoredBytes, nullable=False),
    Column("key_destroyed_at", UtcMicros),
    Column("erased_at", UtcMicros),
    Column("frozen_at", UtcMicros),
    Column("proposed_by", Id),
    Column("undo_until", UtcMicros),
    Column("undo_by", Id),
    # Written by `share_cards`.
    Column("card", StoredBytes, nullable=False),
    Column("exposed_to", Id),
    Column("sealed_change", StoredBytes),
    Column("sealed_return_note", StoredBytes),
    Column("answers", Id),
    Column("invites", Boolean, nullable=False),
    # Not in the domain: set when the blobs have become garbage, so that the share is not queried again.
    Column("blobs_released", Boolean, nullable=False, default=False),
    # Not in the domain either: kept for statistics after documents and receipts are erased.
    Column("document_count", StoredInteger, nullable=False, default=0),
    Column("byte_count", StoredBigInteger, nullable=False, default=0),
    Column("opened_at", UtcMicros),
    Column("downloaded_at", UtcMicros),
    Column("received_at", UtcMicros),
    CheckConstraint("state IN ('draft', 'available', 'withdrawn', 'ended', 'abandoned')", "state"),
    CheckConstraint("(state IN ('draft', 'abandoned')) = (published_at IS NULL)", "published"),
    CheckConstraint("(state IN ('draft', 'available')) = (closed_at IS NULL)", "closed"),
    CheckConstraint("published_at IS NULL OR expires_at IS NOT NULL", "period"),
    CheckConstraint("key_destroyed_at IS NULL OR closed_at IS NOT NULL", "key_destroyed"),
    CheckConstraint("erased_at IS NULL OR closed_at IS NOT NULL", "erased"),
    CheckConstraint("(member_id IS NULL) <> (integration_id IS NULL)", "sharer"),
)

is_available = share.c.state == literal_column("'available'")
is_draft = share.c.state == literal_column("'draft'")
is_system_draft = share.c.integration_id.is_not(None) & share.c.proposed_by.is_(None)
is_answering = is_draft & share.c.answers.is_not(None)
is_unread = is_available & share.c.downloaded_at.is_(None)
has_change = is_available & share.c.sealed_change.is_not(None)
is_closed = share.c.closed_at.is_not(None)
is_unerased = share.c.erased_at.is_(None)
may_have_key = share.c.key_destroyed_at.is_(None)
has_key = is_closed & may_have_key
is_published = share.c.published_at.is_not(None)
# As text: SQLAlchemy would compare the Boolean with 0 on SQLite, which then uses no index on its negation.
may_have_blobs = and_(share.c.key_destroyed_at.is_not(None), text("NOT blobs_released"))
is_closed_unerased = is_closed & is_unerased
partial("ix_share_available", is_available, share.c.expires_at, share.c.audit_key_id)
partial("ix_share_available_key", is_available, share.c.audit_key_id)
partial("ix_share_unread", is_unread, share.c.account_id, share.c.expires_at)
partial("ix_share_change", has_change, share.c.account_id, share.c.expires_at)
partial("ix_share_draft", is_draft, share.c.changed_at)
partial("ix_share_answering", is_answering, share.c.answers)
partial("ix_share_account", is_unerased, share.c.account_id, share.c.created_at, share.c.id)
partial("ix_share_audit_key", is_unerased, share.c.audit_key_id)
partial("ix_share_key", has_key, share.c.closed_at)
partial("ix_share_blobs", may_have_blobs, share.c.key_destroyed_at)
partial("ix_share_kept", may_have_key, share.c.account_id, share.c.state)
partial("ix_share_bytes", may_have_key, share.c.account_id, share.c.erased_at, share.c.byte_count)
partial("ix_share_account_published", is_published, share.c.account_id, share.c.published_at)
partial("ix_share_tenant_published", is_published, share.c.tenant_id, share.c.published_at)
partial("ix_share_spent", is_closed_unerased, share.c.tenant_id, share.c.closed_at)

recipient = Table(
    "recipient",
    metadata,
    primary(),
    reference("share_id", "share"),
    Column("kind", StoredText, nullable=False),
    Column("lookup_hash", StoredBytes, nullable=False, index=True),
    sealed("sealed_identifier"),
    sealed("sealed_name"),
    sealed("sealed_label"),
    Column("confirmed", Boolean, nullable=False),
    Column("position", StoredInteger, nullable=False),
    sealed("sealed_grant"),
    sealed("sealed_audit_grant"),
    Column("removed_at", UtcMicros),
    Column("requested_at", UtcMicros),
    Column("answered_at", UtcMicros),
    Column("sealed_refusal", StoredBytes),
    UniqueConstraint("share_id", "lookup_hash"),
    CheckConstraint("kind IN ('person', 'organization')", "kind"),
)

is_named = recipient.c.removed_at.is_(None)
is_asking = recipient.c.requested_at.is_not(None) & recipient.c.answered_at.is_(None) & is_named
partial("ix_recipient_asking", is_asking, recipient.c.share_id)

document = Table(
    "document",
    metadata,
    primary(),
    reference("share_id", "share"),
    sealed("sealed_name"),
    Column("length", StoredBigInteger, nullable=False),
    Column("position", StoredInteger, nullable=False),
    Column("modified_at", StoredBigInteger),
    Column("completed_at", UtcMicros),
    sealed("sealed_manifest"),
    sealed("sealed_inspection"),
    Column("inspected_at", UtcMicros),
    # Not in the domain: the end of a worker's lease of the inspection.
    Column("inspecting_until", UtcMicros),
    Column("sealed_scan", StoredBytes),
    Column("rescan_at", UtcMicros),
    Column("sealed_release", StoredBytes),
    Column("pending_since", UtcMicros),
    sealed("sealed_sha256"),
    Column("manifest_hash", StoredText),
    Column("verdict_hash", StoredText),
    tag(),
    CheckConstraint("length >= 0", "length"),
    CheckConstraint("inspected_at IS NULL OR completed_at IS NOT NULL", "inspected"),
    Index(None, "share_id", "position"),
)

is_uninspected = document.c.completed_at.is_not(None) & document.c.inspected_at.is_(None)
partial("ix_document_uninspected", is_uninspected, document.c.completed_at)
is_pending = document.c.pending_since.is_not(None)
partial("ix_document_pending", is_pending, document.c.share_id)
has_rescan = document.c.rescan_at.is_not(None)
partial("ix_document_rescan", has_rescan, document.c.rescan_at)

removed_document = Table(
    "removed_document",
    metadata,
    primary(),
    reference("share_id", "share"),
    sealed("sealed_name"),
    Column("length", StoredBigInteger, nullable=False),
    Column("position", StoredInteger, nullable=False),
    Column("removed_at", UtcMicros, nullable=False),
    sealed("sealed_sha256"),
    Index(None, "share_id"),
)

receipt = Table(
    "receipt",
    metadata,
    Column("share_id", Id, ForeignKey("share.id"), primary_key=True),
    # Empty for the share as a whole: a key column cannot be NULL.
    Column("document_id", Id, primary_key=True),
    Column("recipient_id", Id, ForeignKey("recipient.id"), primary_key=True, index=True),
    Column("subject_id", Id, primary_key=True),
    Column("first_at", UtcMicros, nullable=False),
    Column("last_at", UtcMicros, nullable=False),
    Column("covered", ByteRanges, nullable=False),
    Column("completed_at", UtcMicros),
    Column("event_at", UtcMicros),
    Column("direct", Boolean, nullable=False),
    Column("confirmed_at", UtcMicros),
    # With the hash, lists can verify a receipt without reading its ranges.
    Column("covered_hash", StoredBytes, nullable=False),
    tag(),
    CheckConstraint("first_at <= last_at", "order"),
)
