"""The first tables: tenants, shares, bytes in parts, the audit trail, logins.

Frozen: describes the tables as of this revision and imports nothing of the program. There is no downgrade,
because an older program could not keep today's guarantees. To go back, restore a backup.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the first tables."""
    _who_shares()
    _shares()
    _what_belongs_to_shares()
    _bytes()
    _audit()
    _logins_and_deployment()
    _rows()
    _append_only()


def _partial(name: str, table: str, columns: Sequence[str], where: str, *, unique: bool = False) -> None:
    predicate = sa.text(where)
    op.create_index(name, table, columns, unique=unique, postgresql_where=predicate, sqlite_where=predicate)


def _who_shares() -> None:
    op.create_table(
        "tenant",
        sa.Column("id", Id, nullable=False),
        sa.Column("organization_number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("contact_telephone", sa.Text(), nullable=False),
        sa.Column("contact_email", sa.Text(), nullable=False),
        sa.Column("contact_hours", sa.Text(), nullable=False),
        sa.Column("period_shortest", sa.BigInteger(), nullable=False),
        sa.Column("period_standard", sa.BigInteger(), nullable=False),
        sa.Column("period_longest", sa.BigInteger(), nullable=False),
        sa.Column("ask_archived", sa.Boolean(), nullable=False),
        sa.Column("retention", sa.BigInteger(), nullable=False),
        sa.Column("activated_at", sa.BigInteger()),
        sa.CheckConstraint("period_shortest > 0 AND period_longest >= period_shortest", name="ck_tenant_period"),
        sa.CheckConstraint("retention >= 0", name="ck_tenant_retention"),
        sa.PrimaryKeyConstraint("id", name="pk_tenant"),
        sa.UniqueConstraint("organization_number", name="uq_tenant_organization_number"),
    )
    op.create_table(
        "account",
        sa.Column("id", Id, nullable=False),
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_account_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_account_tenant_id_name"),
    )
    op.create_table(
        "member",
        sa.Column("id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("lookup_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_identifier", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("removed_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_member_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_member"),
    )
    _partial("ix_member_living", "member", ["lookup_hash"], "removed_at IS NULL")
    _partial("uq_member_living", "member", ["account_id", "lookup_hash"], "removed_at IS NULL", unique=True)
    op.create_table(
        "administrator",
        sa.Column("id", Id, nullable=False),
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("lookup_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_identifier", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_administrator_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_administrator"),
        sa.UniqueConstraint("tenant_id", "lookup_hash", name="uq_administrator_tenant_id_lookup_hash"),
    )
    op.create_index("ix_administrator_lookup_hash", "administrator", ["lookup_hash"])


def _shares() -> None:
    op.create_table(
        "share",
        sa.Column("id", Id, nullable=False),
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("member_id", Id, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("audit_key_id", Id, nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("published_at", sa.BigInteger()),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("sealed_title", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_message", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_reference", sa.LargeBinary(), nullable=False),
        sa.Column("reference_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_destroyed_at", sa.BigInteger()),
        sa.Column("erased_at", sa.BigInteger()),
        sa.Column("blobs_released", sa.Boolean(), nullable=False),
        sa.CheckConstraint("(state IN ('draft', 'abandoned')) = (published_at IS NULL)", name="ck_share_published"),
        sa.CheckConstraint("(state IN ('draft', 'available')) = (closed_at IS NULL)", name="ck_share_closed"),
        sa.CheckConstraint("state IN ('draft', 'available', 'withdrawn', 'ended', 'abandoned')", name="ck_share_state"),
        sa.CheckConstraint("erased_at IS NULL OR closed_at IS NOT NULL", name="ck_share_erased"),
        sa.CheckConstraint("key_destroyed_at IS NULL OR closed_at IS NOT NULL", name="ck_share_key_destroyed"),
        sa.CheckConstraint("published_at IS NULL OR expires_at IS NOT NULL", name="ck_share_period"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_share_account_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_share_member_id"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_share_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_share"),
    )
    _partial("ix_share_account", "share", ["account_id", "created_at", "id"], "erased_at IS NULL")
    _partial("ix_share_audit_key", "share", ["audit_key_id"], "erased_at IS NULL")
    _partial("ix_share_available", "share", ["expires_at", "audit_key_id"], "state = 'available'")
    _partial("ix_share_blobs", "share", ["key_destroyed_at"], "key_destroyed_at IS NOT NULL AND NOT blobs_released")
    _partial("ix_share_draft", "share", ["changed_at"], "state = 'draft'")
    _partial("ix_share_key", "share", ["closed_at"], "closed_at IS NOT NULL AND key_destroyed_at IS NULL")
    _partial("ix_share_spent", "share", ["tenant_id", "closed_at"], "closed_at IS NOT NULL AND erased_at IS NULL")


def _what_belongs_to_shares() -> None:
    op.create_table(
        "recipient",
        sa.Column("id", Id, nullable=False),
        sa.Column("share_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lookup_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_identifier", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_label", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('person', 'organization')", name="ck_recipient_kind"),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_recipient_share_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recipient"),
        sa.UniqueConstraint("share_id", "lookup_hash", name="uq_recipient_share_id_lookup_hash"),
    )
    op.create_index("ix_recipient_lookup_hash", "recipient", ["lookup_hash"])
    op.create_table(
        "document",
        sa.Column("id", Id, nullable=False),
        sa.Column("share_id", Id, nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("modified_at", sa.BigInteger()),
        sa.Column("completed_at", sa.BigInteger()),
        sa.Column("sealed_manifest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_inspection", sa.LargeBinary(), nullable=False),
        sa.Column("inspected_at", sa.BigInteger()),
        sa.CheckConstraint("inspected_at IS NULL OR completed_at IS NOT NULL", name="ck_document_inspected"),
        sa.CheckConstraint("length >= 0", name="ck_document_length"),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_document_share_id"),
        sa.PrimaryKeyConstraint("id", name="pk_document"),
    )
    op.create_index("ix_document_share_id_position", "document", ["share_id", "position"])
    _partial(
        "ix_document_uninspected", "document", ["completed_at"], "completed_at IS NOT NULL AND inspected_at IS NULL"
    )
    op.create_table(
        "receipt",
        sa.Column("share_id", Id, nullable=False),
        sa.Column("document_id", Id, nullable=False),
        sa.Column("recipient_id", Id, nullable=False),
        sa.Column("subject_id", Id, nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("covered", sa.Text(), nullable=False),
        sa.Column("completed_at", sa.BigInteger()),
        sa.CheckConstraint("first_at <= last_at", name="ck_receipt_order"),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"], name="fk_receipt_recipient_id"),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_receipt_share_id"),
        sa.PrimaryKeyConstraint("share_id", "document_id", "recipient_id", "subject_id", name="pk_receipt"),
    )
    op.create_index("ix_receipt_recipient_id", "receipt", ["recipient_id"])


def _bytes() -> None:
    op.create_table(
        "upload",
        sa.Column("id", Id, nullable=False),
        sa.Column("document_id", Id, nullable=False),
        sa.Column("share_id", Id, nullable=False),
        sa.Column("member_id", Id, nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.CheckConstraint('"offset" BETWEEN 0 AND length', name="ck_upload_offset"),
        sa.CheckConstraint('finished_at IS NULL OR "offset" = length', name="ck_upload_finished"),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_upload_document_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_upload_member_id"),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_upload_share_id"),
        sa.PrimaryKeyConstraint("id", name="pk_upload"),
        sa.UniqueConstraint("token_hash", name="uq_upload_token_hash"),
    )
    op.create_index("ix_upload_document_id", "upload", ["document_id"])
    op.create_index("ix_upload_share_id", "upload", ["share_id"])
    op.create_table(
        "part",
        sa.Column("id", Id, nullable=False),
        sa.Column("upload_id", Id, nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint('"offset" >= 0 AND length >= 0', name="ck_part_extent"),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name="fk_part_upload_id"),
        sa.PrimaryKeyConstraint("id", name="pk_part"),
        sa.UniqueConstraint("upload_id", "offset", name="uq_part_upload_id_offset"),
    )
    op.create_table(
        "garbage", sa.Column("name", Id, nullable=False), sa.PrimaryKeyConstraint("name", name="pk_garbage")
    )


def _audit() -> None:
    op.create_table(
        "audit_event",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tenant_id", Id),
        sa.Column("share_id", Id),
        sa.Column("subject_id", Id),
        sa.Column("details", sa.Text()),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(hash) = 32", name="ck_audit_event_hash"),
        sa.CheckConstraint("sequence > 0", name="ck_audit_event_sequence"),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_event"),
    )
    op.create_index("ix_audit_event_share_id_sequence", "audit_event", ["share_id", "sequence"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_audit_head_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.create_table(
        "audit_subject",
        sa.Column("id", Id, nullable=False),
        sa.Column("audit_key_id", Id, nullable=False),
        sa.Column("lookup_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_identifier", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_subject"),
        sa.UniqueConstraint("audit_key_id", "lookup_hash", name="uq_audit_subject_audit_key_id_lookup_hash"),
    )


def _logins_and_deployment() -> None:
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("csrf_token", sa.Text(), nullable=False),
        sa.Column("sealed_identity", sa.LargeBinary(), nullable=False),
        sa.Column("provider_session_id", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_session"),
    )
    op.create_index("ix_session_provider_session_id", "session", ["provider_session_id"])
    op.create_index("ix_session_seen_at", "session", ["seen_at"])
    op.create_table(
        "pending_login",
        sa.Column("state", Id, nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("code_verifier", sa.Text(), nullable=False),
        sa.Column("return_to", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state", name="pk_pending_login"),
    )
    op.create_index("ix_pending_login_created_at", "pending_login", ["created_at"])
    op.create_table(
        "deployment",
        sa.Column("singleton", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("heartbeat_at", sa.BigInteger()),
        sa.Column("halted_at", sa.BigInteger()),
        sa.CheckConstraint("singleton = 1", name="ck_deployment_one_row"),
        sa.PrimaryKeyConstraint("singleton", name="pk_deployment"),
    )


def _rows() -> None:
    head = sa.table("audit_head", sa.column("id"), sa.column("sequence"), sa.column("hash", sa.LargeBinary))
    op.bulk_insert(head, [{"id": 1, "sequence": 0, "hash": bytes(32)}])
    deployment = sa.table("deployment", sa.column("singleton"), sa.column("id"))
    op.bulk_insert(deployment, [{"singleton": 1, "id": secrets.token_urlsafe(16)}])


def _append_only() -> None:
    """Have the database itself refuse to change or remove events."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'audit_event is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_event_no_{verb.lower()} BEFORE {verb} ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END"
        )
