"""A share is what its card, its recipients and its events say, or it is damaged."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Row, delete, insert, select, text, update

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.chain import Flaw
from deldokument.domain.errors import Broken, NotFound
from deldokument.domain.shares.share import RemovedDocument, Share, ShareState, new_id
from deldokument.domain.tenants.tenancy import Account
from deldokument.store.database import Database, Transaction
from deldokument.store.engine.engines import Engines, open_engines
from deldokument.store.engine.integrity import DamagedRow, DamageReports
from deldokument.store.shares.shares import ShareFilter
from deldokument.store.tables.shares import document, recipient, removed_document, share
from tests.contract.records import (
    ACCOUNT,
    DAY,
    HOUR,
    KARI,
    NOW,
    TENANT,
    available,
    document_of,
    draft,
    recipient_of,
    settle,
)
from tests.fakes.integrity import tagging
from tests.support.query_plans import statements
from tests.support.stored_data import admit_every_type, do_as_owner

OPEN = available(id="open")
OLA = recipient_of(OPEN, id="ola")
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For rows with bytes in a column of texts, which PostgreSQL refuses."""
FORGERIES: list[dict[str, Any]] = [
    {"tenant_id": "other"},
    {"account_id": "other"},
    {"audit_key_id": "audit:other:2026-03"},
    {"member_id": None, "integration_id": None},
    {"state": ShareState.DRAFT, "published_at": None},
    {"changed_at": NOW + HOUR},
    {"expires_at": NOW + 9 * DAY},
    {"published_at": NOW + HOUR},
    {"confidential": False},
    {"frozen_at": NOW},
    {"proposed_by": KARI.id},
    {"undo_until": NOW + DAY},
    {"undo_by": KARI.id},
    {"sealed_change": b"change"},
    {"exposed_to": "integration"},
    {"card": b""},
]


@pytest.fixture
def damage() -> DamageReports:
    return DamageReports()


@pytest.fixture
def database(database: Database, damage: DamageReports) -> Database:
    """The port, with an open share of one recipient, published by an event."""
    ours = tagging(database, damage=damage)
    settle(ours)
    with ours.write() as tx:
        tx.tenants.add(replace(TENANT, id="other", organization_number="983544622"))
        tx.accounts.add(Account("other", "other", "Skole"))
        tx.shares.add(OPEN)
        tx.shares.add_recipient(OLA)
        record(tx, OPEN, EventKind.SHARE_PUBLISHED)
    return ours


@pytest.fixture
def owner(database_url: str) -> Iterator[Engines]:
    """The owner of the database."""
    engines = open_engines(database_url)
    yield engines
    engines.close()


def record(tx: Transaction, about: Share, kind: EventKind) -> None:
    tx.audit.append(AuditEvent(NOW, kind, about.tenant_id, about.id))


def forge(owner: Engines, share_id: str = OPEN.id, **values: Any) -> None:
    with owner.write() as connection:
        connection.execute(update(share).where(share.c.id == share_id).values(values))


def row_of(owner: Engines, share_id: str = OPEN.id) -> Row[Any]:
    with owner.read() as connection:
        return connection.execute(select(share).where(share.c.id == share_id)).one()


def readings(database: Database) -> list[Share]:
    """The open share, by each way of reading it."""
    with database.read() as tx:
        every = [
            tx.shares.get(OPEN.id),
            *tx.shares.find(ShareFilter((ACCOUNT.id, "other"))),
            *tx.shares.needing([ACCOUNT.id, "other"], NOW, NOW + 10 * DAY, 10),
            *tx.share_lookup.open_for([OLA.lookup_hash], NOW),
        ]
    return [one for one in every if one is not None and one.id == OPEN.id]


def is_intact(database: Database) -> bool:
    """Whether every reading says so; all say the same."""
    [verdict] = {one.intact for one in readings(database)}
    with database.write() as tx:
        assert (tx.shares.lock(OPEN.id) is not None) is verdict
    return verdict


def found_intact(database: Database) -> bool:
    with database.read() as tx:
        found = tx.shares.get(OPEN.id)
    assert found is not None
    return found.intact


def revisions(database: Database, share_id: str = OPEN.id) -> list[int | None]:
    with database.read() as tx:
        return [(event.details or {}).get("revision") for _, event in tx.audit.events(share_id=share_id)]  # type: ignore[misc]


def test_a_share_that_the_service_wrote_is_intact(database: Database, damage: DamageReports) -> None:
    assert is_intact(database)
    assert len(readings(database)) == 4
    assert damage.is_empty


@pytest.mark.parametrize("values", FORGERIES, ids=lambda values: next(iter(values)))
def test_a_changed_share_is_damaged_however_it_is_found(
    database: Database, owner: Engines, damage: DamageReports, values: dict[str, Any]
) -> None:
    if values == FORGERIES[3]:
        values = {"member_id": "odd"}
        with database.write() as tx:
            tx.members.add(replace(KARI, id="odd", lookup_hash=b"hash of odd"))
    forge(owner, **values)
    assert not is_intact(database)
    assert damage.take() == [DamagedRow("share", OPEN.id)]
    with pytest.raises(Broken, match="damaged"), database.write() as tx:
        tx.shares.save(OPEN)
    with pytest.raises(Broken, match="damaged"), database.write() as tx:
        tx.shares.add_recipient(recipient_of(OPEN, lookup_hash=b"hash of siv"))
    with pytest.raises(Broken, match="damaged"), database.write() as tx:
        tx.shares.remove_recipient(OPEN.id, OLA.id)


def test_a_record_that_was_read_as_damaged_is_not_written(database: Database) -> None:
    with pytest.raises(Broken, match="damaged"), database.write() as tx:
        tx.shares.save(replace(OPEN, intact=False))


def test_an_inserted_or_removed_recipient_makes_the_share_damaged(database: Database, owner: Engines) -> None:
    with owner.write() as connection:
        row = connection.execute(select(recipient)).one()._asdict()
        connection.execute(insert(recipient).values(row | {"id": "mallory", "lookup_hash": b"hash of mallory"}))
    assert not is_intact(database)
    with owner.write() as connection:
        connection.execute(delete(recipient).where(recipient.c.id == "mallory"))
    assert is_intact(database)
    with owner.write() as connection:
        connection.execute(delete(recipient))
    with database.read() as tx:
        found = tx.shares.get(OPEN.id)
    assert found is not None
    assert not found.intact


def test_a_recipient_with_an_id_like_those_of_others_makes_the_share_damaged(
    database: Database, owner: Engines
) -> None:
    with database.write() as tx:
        tx.shares.add_recipient(recipient_of(OPEN, id="per", lookup_hash=b"hash of per"))
    assert is_intact(database)
    with owner.write() as connection:
        row = connection.execute(select(recipient).where(recipient.c.id == "per")).one()._asdict()
    for forged, removed in (("ola,per", ()), ("ola,per", ("ola", "per")), ("per,per", ())):
        with owner.write() as connection:
            connection.execute(delete(recipient).where(recipient.c.id.in_(removed)))
            connection.execute(insert(recipient).values(row | {"id": forged, "lookup_hash": b"hash of mallory"}))
        assert not is_intact(database)
        with owner.write() as connection:
            connection.execute(delete(recipient).where(recipient.c.id == forged))


@ON_SQLITE
def test_a_recipient_with_the_id_of_another_as_bytes_makes_the_share_damaged(
    database: Database, database_url: str, owner: Engines
) -> None:
    admit_every_type(database_url)
    with owner.write() as connection:
        row = connection.execute(select(recipient)).one()._asdict()
        connection.execute(insert(recipient).values(row | {"id": "twin", "lookup_hash": b"hash of mallory"}))
        connection.execute(text("UPDATE recipient SET id = CAST('ola' AS BLOB) WHERE id = 'twin'"))
    assert not is_intact(database)


def test_the_removed_recipients_old_row_does_not_come_back(database: Database, owner: Engines) -> None:
    begun = draft(id="begun")
    with database.write() as tx:
        tx.shares.add(begun)
        tx.shares.add_recipient(recipient_of(begun, id="siv"))
    with owner.write() as connection:
        row = connection.execute(select(recipient).where(recipient.c.id == "siv")).one()._asdict()
    with database.write() as tx:
        tx.shares.remove_recipient(begun.id, "siv")
    with database.read() as tx:
        assert tx.shares.get(begun.id) == begun
    with owner.write() as connection:
        connection.execute(insert(recipient).values(row))
    with database.write() as tx:
        assert tx.shares.lock(begun.id) is None


def remove_and_put_back(database: Database, owner: Engines) -> None:
    """Remove a document of the share; then, as the owner, insert its row again."""
    gone = document_of(OPEN)
    with database.write() as tx:
        tx.shares.add_document(gone)
    with owner.write() as connection:
        row = connection.execute(select(document)).one()._asdict()
    with database.write() as tx:
        tx.shares.remove_document(gone.id, NOW, RemovedDocument(gone.id, OPEN.id, b"name", 100, 1, NOW))
        record(tx, OPEN, EventKind.DOCUMENT_REMOVED)
    assert is_intact(database)
    with owner.write() as connection:
        connection.execute(insert(document).values(row))


def test_the_removed_documents_old_row_does_not_come_back(database: Database, owner: Engines) -> None:
    remove_and_put_back(database, owner)
    assert not is_intact(database)
    with owner.write() as connection:
        connection.execute(delete(removed_document))
    assert not is_intact(database)


@ON_SQLITE
def test_a_removed_document_does_not_come_back_beside_its_tombstone_as_bytes(
    database: Database, database_url: str, owner: Engines
) -> None:
    admit_every_type(database_url)
    remove_and_put_back(database, owner)
    with owner.write() as connection:
        connection.execute(text("UPDATE removed_document SET id = CAST(id AS BLOB)"))
    assert not is_intact(database)


def test_another_shares_card_and_a_renamed_draft_are_damaged(database: Database, owner: Engines) -> None:
    other = available(id="other share")
    with database.write() as tx:
        tx.shares.add(other)
        tx.shares.add_recipient(recipient_of(other))
        record(tx, other, EventKind.SHARE_PUBLISHED)
    forge(owner, card=row_of(owner, other.id).card)
    assert not is_intact(database)


def test_an_older_card_with_its_older_row_is_damaged(database: Database, database_url: str, owner: Engines) -> None:
    old = row_of(owner)._asdict()
    with database.write() as tx:
        found = tx.shares.lock(OPEN.id)
        assert found is not None
        tx.shares.save(replace(found, expires_at=NOW + HOUR))
        record(tx, OPEN, EventKind.EXPIRY_CHANGED)
    assert is_intact(database)
    forge(owner, **old)
    assert not is_intact(database)
    do_as_owner(database_url, "UPDATE audit_event SET revision = NULL WHERE kind = 'expiry_changed'")
    assert is_intact(database)
    with database.read() as tx:
        fault = tx.audit.verify()
    assert fault is not None
    assert (fault.number, fault.flaw) == (2, Flaw.ALTERED)


def test_only_events_that_change_what_decides_carry_the_next_revision(database: Database) -> None:
    with database.write() as tx:
        found = tx.shares.lock(OPEN.id)
        assert found is not None
        record(tx, OPEN, EventKind.SHARE_OPENED)
        tx.shares.save(replace(found, frozen_at=NOW))
        record(tx, OPEN, EventKind.SHARE_FROZEN)
    with database.write() as tx:
        record(tx, OPEN, EventKind.SHARE_ENDED)
    assert revisions(database) == [1, None, 2, None]
    with database.write() as tx:
        tx.shares.save(replace(found, frozen_at=None))
    with database.read() as tx:
        assert tx.shares.get(OPEN.id) == found


@pytest.mark.parametrize("state", [ShareState.ENDED, ShareState.WITHDRAWN])
def test_an_end_without_a_card_counts_and_cannot_be_taken_back(
    database: Database, owner: Engines, state: ShareState
) -> None:
    with database.write() as tx:
        tx.retention.close([OPEN.id], state, NOW + HOUR)
    ended = replace(OPEN, state=state, closed_at=NOW + HOUR, changed_at=NOW + HOUR)
    with database.read() as tx:
        assert tx.shares.get(OPEN.id) == ended
    forge(owner, expires_at=NOW + 9 * DAY)
    with database.read() as tx:
        found = tx.shares.get(OPEN.id)
    assert found is not None
    assert not found.intact


def test_a_withdrawn_share_does_not_open_again(database: Database, owner: Engines) -> None:
    with database.write() as tx:
        tx.shares.save(replace(OPEN, state=ShareState.WITHDRAWN, closed_at=NOW))
        record(tx, OPEN, EventKind.SHARE_WITHDRAWN)
    forge(owner, state=ShareState.AVAILABLE, closed_at=None)
    assert not is_intact(database)


def test_a_transaction_reads_its_own_changes(database: Database) -> None:
    begun = draft()
    with database.write() as tx:
        tx.shares.add(begun)
        assert tx.shares.get(begun.id) == begun
        assert tx.shares.add_recipient(recipient_of(begun))
        assert not tx.shares.add_recipient(recipient_of(begun))
        assert tx.shares.lock(begun.id) == begun
        changed = replace(begun, changed_at=NOW + HOUR)
        tx.shares.save(changed)
        assert tx.shares.lock(begun.id) == changed
    with database.read() as tx:
        assert tx.shares.get(begun.id) == changed
    with database.write() as tx:
        assert tx.shares.lock(begun.id) == changed
        assert tx.shares.lock(begun.id) == changed
        with pytest.raises(NotFound):
            tx.shares.remove_recipient("nothing", "nobody")


def test_a_row_is_saved_with_its_card_and_gets_another_one_only_for_what_changes_later(database: Database) -> None:
    def updates(*changes: Callable[[Transaction], object]) -> int:
        with statements("UPDATE share") as sent, database.write() as tx:
            for change in changes:
                change(tx)
        assert is_intact(database)
        return len(sent)

    def save(tx: Transaction) -> None:
        tx.shares.save(replace(OPEN, confidential=not OPEN.confidential))

    def correct(tx: Transaction) -> None:
        tx.shares.save(replace(OPEN, sealed_audit_texts=b"corrected"))

    def add(tx: Transaction) -> None:
        tx.shares.add_recipient(recipient_of(OPEN, lookup_hash=new_id().encode()))

    assert updates(correct) == 1
    assert updates(add, save) == 2
    assert updates(save, add) == 2
    assert updates(add) == 1


def test_an_erased_share_is_intact_if_it_is_closed_and_is_as_its_card_says(database: Database, owner: Engines) -> None:
    with database.write() as tx:
        tx.retention.close([OPEN.id], ShareState.ENDED, NOW)
        tx.retention.erase_shares([OPEN.id], NOW)
    assert found_intact(database)
    forge(owner, expires_at=NOW + 9 * DAY)
    assert not found_intact(database)


def test_an_open_share_that_is_marked_as_erased_is_damaged(database: Database, owner: Engines) -> None:
    with owner.write() as connection:
        # As the owner of the schema can: the constraint would refuse the row.
        if owner.is_postgres:
            connection.execute(text("ALTER TABLE share DROP CONSTRAINT ck_share_erased"))
        else:
            connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.execute(update(share).values(erased_at=NOW, expires_at=NOW + 9 * DAY))
    try:
        assert not found_intact(database)
    finally:
        if owner.is_postgres:
            condition = "erased_at IS NULL OR closed_at IS NOT NULL"
            with owner.write() as connection:
                connection.execute(update(share).values(erased_at=None))
                connection.execute(text(f"ALTER TABLE share ADD CONSTRAINT ck_share_erased CHECK ({condition})"))


def test_the_patrol_finds_shares_that_are_over_by_their_cards(database: Database, owner: Engines) -> None:
    with database.write() as tx:
        for number in range(3):
            tx.shares.add(available(id=f"later {number}", expires_at=NOW + 3 * DAY))
        tx.shares.save(replace(OPEN, expires_at=NOW + HOUR))
        tx.shares.add(available(id="withdrawn", state=ShareState.WITHDRAWN, closed_at=NOW))
        tx.shares.add(available(id="torn"))
    forge(owner, expires_at=NOW + 9 * DAY, tenant_id="other")
    forge(owner, "withdrawn", state=ShareState.AVAILABLE, closed_at=None)
    forge(owner, "torn", card=b"")
    place, overdue, slices = None, list[Share](), 0
    while place is not None or not slices:
        with database.write() as tx:
            seen = tx.retention.patrol(place, NOW + 2 * HOUR, 2)
        place, overdue, slices = seen.last, [*overdue, *seen.overdue], slices + 1
    assert {(one.id, one.tenant_id) for one in overdue} == {(OPEN.id, TENANT.id), ("withdrawn", TENANT.id)}
    assert slices == 4
    with database.read() as tx:
        assert tx.retention.patrol(None, NOW, 100).last is None
