"""What decides about a share changes with an event, or not at all; so no older row of it counts."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields, replace
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from deldokument.crypto.share_cards import ShareCard
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Broken, existing
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.tenants.tenancy import Account
from deldokument.store.database import Database, Transaction
from deldokument.store.tables.shares import document, recipient, share
from tests.contract.records import (
    DAY,
    HOUR,
    KARI,
    NOW,
    TENANT,
    available,
    complete_document_of,
    draft,
    recipient_of,
    settle,
)
from tests.contract.store.tenancy.test_integrations import FAGSYSTEM
from tests.fakes.integrity import tagging
from tests.support.stored_data import as_owner

OPEN, DRAFT = available(id="open"), draft(id="draft")
Change = Callable[[Transaction], object]


def saving(**values: Any) -> Change:
    return lambda tx: tx.shares.save(replace(existing(tx.shares.lock(OPEN.id)), **values))


CHANGES: dict[str, Change] = {
    "tenant_id": saving(tenant_id="other"),
    "account_id": saving(account_id="other"),
    "audit_key_id": saving(audit_key_id="audit:tenant:2026-04"),
    "member_id": saving(member_id="odd"),
    "integration_id": saving(member_id=None, integration_id=FAGSYSTEM.id),
    "state": saving(state=ShareState.WITHDRAWN, closed_at=NOW),
    "changed_at": saving(changed_at=NOW + HOUR),
    "expires_at": saving(expires_at=NOW + HOUR),
    "published_at": saving(published_at=NOW - HOUR),
    "confidential": saving(confidential=not OPEN.confidential),
    "frozen_at": saving(frozen_at=NOW),
    "proposed_by": saving(proposed_by=KARI.id),
    "undo_until": saving(undo_until=NOW + HOUR),
    "undo_by": saving(undo_by=KARI.id),
    "exposed_to": saving(exposed_to=FAGSYSTEM.id),
    "sealed_change": saving(sealed_change=b"change"),
    "recipients": lambda tx: tx.shares.add_recipient(recipient_of(OPEN)),
    "documents": lambda tx: tx.shares.add_document(complete_document_of(OPEN)),
    "verdicts": lambda tx: tx.shares.save_document(
        replace(tx.shares.documents([OPEN.id])[0], sealed_inspection=b"record", inspected_at=NOW)
    ),
}
OF_EACH_FIELD = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The port, with an open share and a draft."""
    with closing(tagging(Database(database_url))) as opened:
        settle(opened)
        with opened.write() as tx:
            tx.tenants.add(replace(TENANT, id="other", organization_number="983544622"))
            tx.accounts.add(Account("other", "other", "Skole"))
            tx.members.add(replace(KARI, id="odd", lookup_hash=b"hash of odd"))
            tx.integrations.add(FAGSYSTEM)
            tx.shares.add(OPEN)
            tx.shares.add_document(complete_document_of(OPEN))
            tx.shares.add(DRAFT)
        yield opened


def record(tx: Transaction, about: Share, kind: EventKind = EventKind.SHARE_CORRECTED) -> None:
    tx.audit.append(AuditEvent(NOW, kind, about.tenant_id, about.id))


def opened(tx: Transaction) -> None:
    record(tx, OPEN, EventKind.SHARE_OPENED)


def about_the_draft(tx: Transaction) -> None:
    record(tx, DRAFT)


def write(database: Database, *changes: Change) -> None:
    with database.write() as tx:
        for change in changes:
            change(tx)


def stored(database: Database, share_id: str = OPEN.id) -> Share:
    with database.read() as tx:
        return existing(tx.shares.get(share_id))


def test_each_field_of_the_card_is_tried() -> None:
    assert CHANGES.keys() == {field.name for field in fields(ShareCard)} - {"revision"}


@OF_EACH_FIELD
def test_what_decides_does_not_change_without_an_event(database: Database, change: Change) -> None:
    before = stored(database)
    with pytest.raises(Broken, match="without an event"):
        write(database, change, opened, about_the_draft)
    assert stored(database) == before


@OF_EACH_FIELD
def test_the_row_of_before_does_not_count_after_a_change(database: Database, database_url: str, change: Change) -> None:
    with as_owner(database_url) as connection:
        older = connection.execute(select(share).where(share.c.id == OPEN.id)).one()._asdict()
    with database.write() as tx:
        change(tx)
        assert tx.share_cards.without_event() == [OPEN.id]
        record(tx, OPEN)
        assert tx.share_cards.without_event() == []
    assert stored(database).intact
    with as_owner(database_url) as connection:
        connection.execute(delete(recipient))
        connection.execute(delete(document))
        connection.execute(update(share).where(share.c.id == OPEN.id).values(older))
    assert not stored(database).intact


def test_a_new_share_and_the_time_of_a_drafts_last_change_take_no_event(database: Database) -> None:
    new, touched = draft(), replace(DRAFT, changed_at=NOW + DAY, sealed_audit_texts=b"other")
    with database.write() as tx:
        tx.shares.add(new)
        tx.shares.add_recipient(recipient_of(new))
        tx.shares.save(touched)
        assert tx.share_cards.without_event() == []
    assert (stored(database, new.id), stored(database, DRAFT.id)) == (new, touched)


def test_what_is_changed_and_changed_back_takes_no_event(database: Database) -> None:
    with database.write() as tx:
        tx.shares.save(replace(OPEN, frozen_at=NOW))
        tx.shares.save(OPEN)
    assert stored(database) == OPEN


def test_whom_a_draft_names_changes_with_an_event(database: Database) -> None:
    with pytest.raises(Broken, match="without an event"), database.write() as tx:
        tx.shares.add_recipient(recipient_of(DRAFT))
