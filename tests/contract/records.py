"""Records for the database suites, complete and valid, of which a test says only what it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from deldokument.domain.shares.share import Document, Recipient, Share, ShareState, new_document_id, new_id
from deldokument.domain.shares.upload import Part, Upload
from deldokument.domain.tenants.tenancy import Account, Contact, Member, PeriodRule, Tenant
from deldokument.store.database import Database

NOW = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

TENANT = Tenant(
    id="tenant",
    organization_number="974760673",
    name="Lillevik kommune",
    contact=Contact("22 00 00 00", "post@lillevik.example", "9-15"),
    period=PeriodRule(),
    ask_archived=True,
    retention=timedelta(days=365),
    activated_at=NOW,
    breach_contact="Personvernombudet, 22 00 00 01",
)
ACCOUNT = Account("account", TENANT.id, "Byggesak")
KARI = Member("kari", ACCOUNT.id, b"hash of kari", b"sealed number", b"sealed name", NOW)


def settle(database: Database) -> None:
    """A tenant with one account, of which Kari is a member."""
    with database.write() as tx:
        tx.tenants.add(TENANT)
        tx.accounts.add(ACCOUNT)
        tx.members.add(KARI)


def draft(**changes: Any) -> Share:
    """A draft of Kari's."""
    base = Share(
        id=new_id(),
        tenant_id=TENANT.id,
        account_id=ACCOUNT.id,
        member_id=KARI.id,
        state=ShareState.DRAFT,
        created_at=NOW,
        changed_at=NOW,
        audit_key_id="audit:tenant:2026-03",
        sealed_audit_texts=b"title",
        sealed_share_texts=b"message",
        reference_hash=b"hash of reference",
    )
    return replace(base, **changes)


def available(**changes: Any) -> Share:
    """A published share that ends in a day."""
    base = draft(state=ShareState.AVAILABLE, published_at=NOW, expires_at=NOW + DAY)
    return replace(base, **changes)


def ended(**changes: Any) -> Share:
    """A share whose time is over and has been noted."""
    return replace(
        available(state=ShareState.ENDED, closed_at=NOW + DAY, sealed_change=b"change", sealed_return_note=b"note"),
        **changes,
    )


def recipient_of(share: Share, **changes: Any) -> Recipient:
    """A person whom the share names."""
    base = Recipient(new_id(), share.id, "person", b"hash of ola", b"sealed number", b"sealed name", b"label", True, 1)
    return replace(base, **changes)


def document_of(share: Share, **changes: Any) -> Document:
    """A document of 100 bytes, no byte received."""
    return replace(Document(new_document_id(), share.id, b"sealed name", 100, 1, 1700000000000), **changes)


def complete_document_of(share: Share, **changes: Any) -> Document:
    """A document with manifest, not inspected."""
    return replace(document_of(share).complete(b"manifest", NOW), **changes)


def upload_of(document: Document, **changes: Any) -> Upload:
    """An upload of the document that has not begun."""
    base = Upload(
        id=new_id(),
        document_id=document.id,
        share_id=document.share_id,
        member_id=KARI.id,
        length=document.length,
        offset=0,
        token_hash=new_id().encode(),
        deadline=NOW + DAY,
    )
    return replace(base, **changes)


def part_of(upload: Upload, offset: int, length: int) -> Part:
    """A stored object with some bytes of the upload."""
    return Part(new_document_id(), upload.id, offset, length, b"header")


def keep(database: Database, *shares: Share) -> None:
    """Put shares into the database."""
    with database.write() as tx:
        for share in shares:
            tx.shares.add(share)


def begin_upload(database: Database, share: Share, **changes: Any) -> Upload:
    """Put a document with an upload into a share that is there."""
    document = document_of(share, **changes)
    upload = upload_of(document)
    with database.write() as tx:
        tx.shares.add_document(document)
        tx.uploads.add(upload)
    return upload


def append(database: Database, upload: Upload, *lengths: int) -> list[Part]:
    """Parts of these lengths from the beginning."""
    parts, offset = [], 0
    for length in lengths:
        parts.append(part_of(upload, offset, length))
        offset += length
    with database.write() as tx:
        assert tx.uploads.advance(upload.id, 0, offset, parts)
    return parts
