"""Uploads, their parts, and the objects that have become garbage."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, UniqueConstraint

from deldokument.domain.shares.upload import CopyFailure
from deldokument.store.engine.column_types import EnumText, StoredBigInteger, StoredBytes, UtcMicros
from deldokument.store.engine.schema import Id, metadata, optional, partial, primary, reference, tag

upload = Table(
    "upload",
    metadata,
    primary(),
    Column("document_id", Id, ForeignKey("document.id"), nullable=False, index=True),
    Column("share_id", Id, ForeignKey("share.id"), nullable=False, index=True),
    optional("member_id", "member"),
    optional("integration_id", "integration"),
    Column("length", StoredBigInteger, nullable=False),
    Column("offset", StoredBigInteger, nullable=False),
    Column("token_hash", StoredBytes, unique=True),
    Column("deadline", UtcMicros, nullable=False),
    Column("finished_at", UtcMicros),
    optional("partial_of", "upload"),
    Column("start", StoredBigInteger),
    Column("sealed_metadata", StoredBytes),
    Column("sealed_source", StoredBytes),
    Column("copy_failure", EnumText(CopyFailure)),
    # Not in the domain: the end of a worker's claim of the copy.
    Column("copying_until", UtcMicros),
    tag(),
    CheckConstraint('"offset" BETWEEN 0 AND length', "offset"),
    CheckConstraint('finished_at IS NULL OR "offset" = length', "finished"),
    CheckConstraint("(member_id IS NULL) <> (integration_id IS NULL)", "sharer"),
    CheckConstraint("(partial_of IS NULL) <> (token_hash IS NULL)", "token"),
)
is_partial = upload.c.partial_of.is_not(None)
partial("ix_upload_partial", is_partial, upload.c.partial_of)
is_copying = upload.c.sealed_source.is_not(None) & upload.c.finished_at.is_(None)
partial("ix_upload_copying", is_copying, upload.c.deadline)

part = Table(
    "part",
    metadata,
    primary(),
    reference("upload_id", "upload"),
    Column("offset", StoredBigInteger, nullable=False),
    Column("length", StoredBigInteger, nullable=False),
    Column("header", StoredBytes, nullable=False),
    UniqueConstraint("upload_id", "offset"),
    CheckConstraint('"offset" >= 0 AND length >= 0', "extent"),
)

garbage = Table(
    "garbage",
    metadata,
    Column("name", Id, primary_key=True),
    Column("since", UtcMicros, nullable=False),
    Column("tenant_id", Id, nullable=False),
)
