"""A row that decides about access is what the service wrote, or it counts as damaged."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, select, update
from sqlalchemy.types import TypeDecorator

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Broken, NotFound
from deldokument.domain.messages.email_addresses import NoticeAddress
from deldokument.domain.messages.webhook import DisabledFor, Webhook, WebhookEvent
from deldokument.domain.tenants.tenancy import Account, Administrator, Integration, IntegrationRights, Operator
from deldokument.store.database import Database
from deldokument.store.engine.authenticated_rows import stored_value
from deldokument.store.engine.column_types import DurationMicros, EnumSet, EnumText, UtcMicros
from deldokument.store.engine.engines import open_engines
from deldokument.store.engine.integrity import MAX_REMEMBERED, DamagedRow, DamageReports
from deldokument.store.engine.schema import metadata
from deldokument.store.transaction import Transaction
from tests.contract.records import ACCOUNT, DAY, KARI, NOW, TENANT, document_of, draft, settle, upload_of
from tests.fakes.integrity import tagging
from tests.support.tables import EVERY_TAG

FORMAT = Path(__file__).parents[4] / "docs" / "format.md"
ANNE = Administrator("anne", TENANT.id, b"hash of anne", b"number", b"name")
DRIFT = Operator("drift", b"hash of siv", b"number", b"name")
SYSTEM = Integration("system", ACCOUNT.id, "991825827", "Fagsystem AS", NOW)
HOOK = Webhook("hook", SYSTEM.id, b"url", b"secret", frozenset({WebhookEvent.DOWNLOADED}), NOW)
SHARE, OTHER_SHARE = draft(), draft(id="other share")
ADDRESS = NoticeAddress("address", KARI.lookup_hash)
DOCUMENT = document_of(SHARE)
UPLOAD = upload_of(DOCUMENT, token_hash=b"hash of token")
PARTIAL = replace(UPLOAD, id="partial", token_hash=None, partial_of=UPLOAD.id, start=0)
UNBOUND = {
    "member": {"used_at"},
    "integration": {"used_at"},
    "upload": {
        *("length", "offset", "finished_at", "start", "sealed_metadata", "sealed_source", "copy_failure"),
        "copying_until",
    },
    "document": {
        *("sealed_name", "position", "modified_at", "completed_at", "sealed_manifest", "sealed_inspection"),
        *("inspected_at", "inspecting_until", "sealed_scan", "rescan_at", "sealed_release", "sealed_sha256"),
        "verdict_hash",
    },
    "notice_address": {
        *("tries", "codes", "codes_since", "downloaded", "ending", "approval", "signature", "language"),
    },
    # Its hash is bound.
    "receipt": {"covered"},
}
"""Columns that decide nothing, or that a compare-and-set changes; bytes and names are encrypted for their document."""
IDS = {
    "tenant": TENANT.id,
    "account": ACCOUNT.id,
    "member": KARI.id,
    "administrator": ANNE.id,
    "operator": DRIFT.id,
    "integration": SYSTEM.id,
    "upload": UPLOAD.id,
    "webhook": HOOK.id,
    "document": DOCUMENT.id,
    "notice_address": ADDRESS.id,
}
FORGERIES = [
    ("tenant", {"activated_at": None}),
    ("tenant", {"frozen_at": NOW}),
    ("tenant", {"on_behalf_of": "mallory"}),
    ("tenant", {"contact_telephone": "99 99 99 99"}),
    ("tenant", {"retention": DAY}),
    ("account", {"tenant_id": "other"}),
    ("account", {"four_eyes": True}),
    ("account", {"deleted_at": NOW}),
    ("account", {"quota": 1}),
    ("member", {"account_id": "other"}),
    ("member", {"added_at": NOW + DAY}),
    ("member", {"sealed_name": b""}),
    ("administrator", {"tenant_id": "other"}),
    ("administrator", {"sealed_identifier": b""}),
    ("operator", {"sealed_name": b"another"}),
    ("integration", {"rights": IntegrationRights.READ}),
    ("integration", {"password_hash": b"hash of a password"}),
    ("upload", {"member_id": None, "integration_id": "system"}),
    ("upload", {"deadline": NOW + 2 * DAY}),
    ("webhook", {"sealed_url": b"another"}),
    ("webhook", {"events": frozenset({WebhookEvent.OPENED})}),
    ("webhook", {"events": frozenset()}),
    ("document", {"share_id": OTHER_SHARE.id}),
    ("document", {"pending_since": NOW}),
    ("document", {"length": 1}),
    ("notice_address", {"lookup_hash": b"hash of siv"}),
    ("notice_address", {"sealed_address": b"another", "confirmed_at": NOW}),
    *((kind, {"tag": tag}) for kind in IDS for tag in (b"", bytes(32))),
]
OTHER_TENANT = replace(TENANT, id="other", organization_number="983544622")


@pytest.fixture
def damage() -> DamageReports:
    return DamageReports()


@pytest.fixture
def database(database: Database, damage: DamageReports) -> Database:
    """The port, with one row of each kind."""
    ours = tagging(database, damage=damage)
    settle(ours)
    with ours.write() as tx:
        tx.tenants.add(OTHER_TENANT)
        tx.accounts.add(Account("other", OTHER_TENANT.id, "Skole"))
        tx.staff.add_administrator(ANNE)
        tx.staff.add_operator(DRIFT)
        tx.integrations.add(SYSTEM)
        tx.webhooks.add(HOOK)
        tx.shares.add(SHARE)
        tx.shares.add(OTHER_SHARE)
        tx.notification_addresses.save(ADDRESS)
        tx.shares.add_document(DOCUMENT)
        tx.uploads.add(UPLOAD)
        tx.uploads.add(PARTIAL)
    return ours


def tamper(database_url: str, table: Table, row_id: str, **values: Any) -> None:
    """Change columns past the service."""
    engines = open_engines(database_url)
    with engines.write() as connection:
        connection.execute(update(table).where(table.c.id == row_id).values(values))
    engines.close()


def readings(tx: Transaction) -> dict[str, list[Any]]:
    """What each way of reading a row returns."""
    return {
        "tenant": [
            tx.tenants.get(TENANT.id),
            tx.tenants.by_number(TENANT.organization_number),
            *tx.tenants.by_ids([TENANT.id]).values(),
            *(one for one in tx.tenants.all() if one.id == TENANT.id),
        ],
        "account": [tx.accounts.get(ACCOUNT.id), *tx.accounts.of_tenant(TENANT.id)],
        "member": [
            tx.members.get(KARI.id),
            tx.members.by_hash(ACCOUNT.id, KARI.lookup_hash),
            *tx.members.by_hashes(ACCOUNT.id, [KARI.lookup_hash]),
            *tx.members.of_account(ACCOUNT.id),
            *(member for member, _ in tx.members.of_person(KARI.lookup_hash)),
        ],
        "administrator": [*tx.staff.administrators(TENANT.id), *tx.staff.administrators_by_hash(ANNE.lookup_hash)],
        "operator": [*tx.staff.operators(), tx.staff.operator_by_hash(DRIFT.lookup_hash)],
        "integration": [
            tx.integrations.get(SYSTEM.id),
            *tx.integrations.of_account(ACCOUNT.id),
            *(one for one, _ in tx.integrations.of_organization(SYSTEM.organization_number)),
        ],
        "upload": [
            tx.uploads.get(UPLOAD.id),
            tx.uploads.by_token(b"hash of token"),
            *(one for one in tx.uploads.of_documents([DOCUMENT.id]) if one.id == UPLOAD.id),
        ],
        "webhook": [
            tx.webhooks.get(HOOK.id),
            *tx.webhooks.of_integrations([SYSTEM.id]),
            *tx.webhooks.of_account(ACCOUNT.id),
            *tx.webhooks.of_tenant(TENANT.id),
        ],
        "document": [
            tx.shares.document(DOCUMENT.id),
            *tx.shares.documents([SHARE.id, OTHER_SHARE.id]),
            tx.additions.document(DOCUMENT.id),
            *tx.additions.with_documents([SHARE.id, OTHER_SHARE.id]),
            *tx.additions.pending([SHARE.id, OTHER_SHARE.id]),
        ],
        "notice_address": [
            tx.notification_addresses.get(ADDRESS.id),
            tx.notification_addresses.of_person(KARI.lookup_hash),
            *tx.notification_addresses.of_persons([KARI.lookup_hash, b"hash of siv"]),
        ],
    }


def test_every_column_of_an_authenticated_table_is_bound_or_decides_nothing() -> None:
    for tags in EVERY_TAG:
        every = {column.name for column in tags.table.c} - {tags.key, "tag"}
        assert set(tags.bound) == every - UNBOUND.get(tags.kind, set()), tags.kind
    tagged = {table for table in metadata.tables.values() if "tag" in table.c}
    # An event's tag covers its hash, which covers the rest (docs/audit.md).
    assert {tags.table for tags in EVERY_TAG} == tagged - {metadata.tables["audit_event"]}


def test_the_format_names_the_bound_columns_in_their_order() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([a-z_, ]+) \|$", FORMAT.read_text(encoding="utf-8"), re.M))
    assert {tags.kind: ", ".join(tags.bound) for tags in EVERY_TAG}.items() <= rows.items()


@pytest.mark.parametrize(
    "value", [NOW, DAY, WebhookEvent.ENDED, frozenset(WebhookEvent), True, 17, "text", b"bytes", None]
)
def test_a_value_is_bound_as_it_is_stored(value: Any) -> None:
    kinds: dict[type, TypeDecorator[Any]] = {
        type(NOW): UtcMicros(),
        type(DAY): DurationMicros(),
        WebhookEvent: EnumText(WebhookEvent),
        frozenset: EnumSet(WebhookEvent),
    }
    kind = kinds.get(type(value))
    assert stored_value(value) == (kind.process_bind_param(value, None) if kind else value)  # type: ignore[arg-type]


def test_a_set_is_read_without_unknown_texts() -> None:
    kind = EnumSet(WebhookEvent)
    read = kind.process_result_value(f"forged,{WebhookEvent.OPENED.value}", None)  # type: ignore[arg-type]
    assert read == {WebhookEvent.OPENED}


def test_rows_that_the_service_wrote_are_intact(database: Database, damage: DamageReports) -> None:
    with database.read() as tx:
        assert all(None not in rows for rows in readings(tx).values())
    assert damage.is_empty


@pytest.mark.parametrize(("kind", "changes"), FORGERIES)
def test_a_changed_row_is_damaged_however_it_is_found(
    database: Database, database_url: str, damage: DamageReports, kind: str, changes: dict[str, Any]
) -> None:
    tamper(database_url, metadata.tables[kind], IDS[kind], **changes)
    with database.read() as tx:
        found = readings(tx)[kind]
    assert not [one for one in found if one is not None and getattr(one, "intact", True)]
    assert DamagedRow(kind, IDS[kind]) in damage.take()


def test_no_archive_goes_without_a_damaged_document(database: Database, database_url: str) -> None:
    tamper(database_url, metadata.tables["document"], DOCUMENT.id, length=1)
    with database.read() as tx, pytest.raises(Broken):
        tx.shares.documents_after(SHARE.id, None, 10)


def test_an_inserted_row_gives_no_role(database: Database, database_url: str) -> None:
    engines = open_engines(database_url)
    with engines.write() as connection:
        tag = connection.execute(select(metadata.tables["operator"].c.tag)).scalar_one()
        sealed = {"sealed_identifier": b"", "sealed_name": b"", "role_hash": b"", "tag": tag}
        person = {"id": "mallory", "lookup_hash": KARI.lookup_hash, **sealed}
        connection.execute(insert(metadata.tables["operator"]).values(person))
        row = {"tenant_id": TENANT.id, **person}
        connection.execute(insert(metadata.tables["administrator"]).values(row))
    engines.close()
    with database.read() as tx:
        assert tx.staff.operator_by_hash(KARI.lookup_hash) is None
        assert tx.staff.administrators_by_hash(KARI.lookup_hash) == []
        assert tx.staff.operators() == [DRIFT]
        assert tx.staff.administrators(TENANT.id) == [ANNE]


def test_a_damaged_tenant_or_account_is_not_written_and_nobody_shares_from_it(
    database: Database, database_url: str
) -> None:
    tamper(database_url, metadata.tables["account"], ACCOUNT.id, frozen_at=NOW)
    with database.read() as tx:
        damaged = tx.accounts.get(ACCOUNT.id)
        assert tx.members.of_person(KARI.lookup_hash) == []
        assert tx.integrations.of_organization(SYSTEM.organization_number) == []
    assert damaged is not None
    with database.write() as tx:
        assert tx.accounts.lock(ACCOUNT.id) is None
    with pytest.raises(Broken, match="damaged"), database.write() as tx:
        tx.accounts.save(replace(damaged, frozen_at=None))
    tamper(database_url, metadata.tables["account"], ACCOUNT.id, frozen_at=None)
    tamper(database_url, metadata.tables["tenant"], TENANT.id, name="Storevik kommune")
    with database.write() as tx:
        assert tx.tenants.lock(TENANT.id) is None
        tenant = tx.tenants.get(TENANT.id)
        assert tx.members.of_person(KARI.lookup_hash) == []
        assert tenant is not None
        with pytest.raises(Broken, match="damaged"):
            tx.tenants.save(replace(tenant, name=TENANT.name))


def test_a_damaged_account_does_not_keep_others_from_ending(database: Database, database_url: str) -> None:
    other = replace(ACCOUNT, id="third", name="Havn", deleted_at=NOW + DAY)
    with database.write() as tx:
        tx.accounts.save(replace(ACCOUNT, deleted_at=NOW))
        tx.accounts.add(other)
    tamper(database_url, metadata.tables["account"], ACCOUNT.id, quota=1)
    with database.write() as tx:
        assert tx.accounts.accounts_to_end(NOW + DAY, 1) == [other]


Taking = Callable[[Transaction], object]
OUTDATED: list[tuple[str, Taking, EventKind]] = [
    ("tenant", lambda tx: tx.tenants.save(replace(TENANT, frozen_at=NOW)), EventKind.TENANT_FROZEN),
    ("account", lambda tx: tx.accounts.save(replace(ACCOUNT, deleted_at=NOW)), EventKind.ACCOUNT_DELETED),
    ("member", lambda tx: tx.members.remove(KARI.id, NOW), EventKind.MEMBER_REMOVED),
    ("member", lambda tx: tx.members.mark_absent(KARI.id, NOW), EventKind.MEMBER_ABSENT),
    ("administrator", lambda tx: tx.staff.remove_administrator(ANNE.id), EventKind.ADMINISTRATOR_REMOVED),
    ("operator", lambda tx: tx.staff.remove_operator(DRIFT.id), EventKind.OPERATOR_REMOVED),
    ("integration", lambda tx: tx.integrations.remove(SYSTEM.id, NOW), EventKind.INTEGRATION_REMOVED),
    (
        "integration",
        lambda tx: tx.integrations.save(replace(SYSTEM, rights=IntegrationRights.READ)),
        EventKind.INTEGRATION_CHANGED,
    ),
    ("tenant", lambda tx: tx.tenants.save(replace(TENANT, name="")), EventKind.TENANT_FORGOTTEN),
    ("account", lambda tx: tx.accounts.save(replace(ACCOUNT, name="Havn")), EventKind.ACCOUNT_RENAMED),
    (
        "webhook",
        lambda tx: tx.webhooks.save(HOOK.disable(NOW, DisabledFor.GONE)),
        EventKind.WEBHOOK_DISABLED,
    ),
    ("webhook", lambda tx: tx.webhooks.remove(HOOK.id), EventKind.WEBHOOK_REMOVED),
]


def event_about(kind: str, event: EventKind) -> AuditEvent:
    """The event of a change of the row of a kind."""
    chain = None if kind == "operator" else TENANT.id
    return AuditEvent(NOW, event, chain, details=None if kind == "tenant" else {kind: IDS[kind]})


@pytest.mark.parametrize(("kind", "change", "event"), OUTDATED)
def test_an_older_row_that_is_put_back_with_its_tag_is_damaged(
    database: Database, database_url: str, damage: DamageReports, kind: str, change: Taking, event: EventKind
) -> None:
    older = stored(database_url, metadata.tables[kind], IDS[kind])
    with database.write() as tx:
        change(tx)
        tx.audit.append(event_about(kind, event))
    with database.read() as tx:
        readings(tx)
    assert damage.is_empty
    put_back(database_url, metadata.tables[kind], older)
    with database.write() as tx:
        # Appending to the log as well gains nothing: the greatest revision counts, not the last one.
        tx.audit.append(replace(event_about(kind, event), details={**(event_about(kind, event).details or {}), "n": 1}))
    with database.read() as tx:
        found = readings(tx)[kind]
    assert not [one for one in found if one is not None and getattr(one, "intact", True)]
    assert damage.take() == [DamagedRow(kind, IDS[kind])]


def test_an_older_row_is_found_although_nobody_uses_it(
    database: Database, database_url: str, damage: DamageReports
) -> None:
    older = stored(database_url, metadata.tables["operator"], DRIFT.id)
    with database.write() as tx:
        tx.staff.remove_operator(DRIFT.id)
        tx.audit.append(event_about("operator", EventKind.OPERATOR_REMOVED))
    put_back(database_url, metadata.tables["operator"], older)
    with database.read() as tx:
        assert [tx.damage.look_at(kind, "", 100) for kind in tx.damage.kinds()] == [None] * len(tx.damage.kinds())
        assert tx.damage.look_at("tenant", "", 1) == min(TENANT.id, OTHER_TENANT.id)
        assert tx.damage.look_at("tenant", TENANT.id, 1) is None
    assert damage.take() == [DamagedRow("operator", DRIFT.id)]


def test_a_change_that_no_event_records_leaves_the_row_intact(database: Database, damage: DamageReports) -> None:
    with database.write() as tx:
        tx.integrations.save(replace(SYSTEM, rights=IntegrationRights.READ))
        tx.audit.append(event_about("integration", EventKind.INTEGRATION_CHANGED))
    with database.write() as tx:
        changed = tx.integrations.get(SYSTEM.id)
        assert changed is not None
        tx.integrations.save(changed)
        [(_, recorded)] = tx.audit.events()
    with database.read() as tx:
        assert tx.integrations.get(SYSTEM.id) == changed
    assert recorded.details == {"integration": SYSTEM.id, "revision": 2}
    assert damage.is_empty


def stored(database_url: str, table: Table, row_id: str) -> dict[str, Any]:
    """A row as it is in the database."""
    engines = open_engines(database_url)
    with engines.read() as connection:
        row = connection.execute(select(table).where(table.c.id == row_id)).one()._asdict()
    engines.close()
    return row


def put_back(database_url: str, table: Table, row: dict[str, Any]) -> None:
    """Write an older row past the service, in its own place."""
    engines = open_engines(database_url)
    with engines.write() as connection:
        if connection.execute(update(table).where(table.c.id == row["id"]).values(row)).rowcount == 0:
            connection.execute(insert(table).values(row))
    engines.close()


@pytest.mark.parametrize(
    ("kind", "take"),
    [
        ("member", lambda tx: tx.members.remove(KARI.id, NOW)),
        ("member", lambda tx: tx.members.remove_all(ACCOUNT.id, NOW)),
        ("member", lambda tx: tx.retention.erase_member(KARI.id, NOW)),
        ("member", lambda tx: tx.tenant_lifecycle.forget_people(TENANT.id, NOW)),
        ("account", lambda tx: tx.tenant_lifecycle.forget_people(TENANT.id, NOW)),
        ("member", lambda tx: tx.tenant_lifecycle.remove_everybody(TENANT.id, NOW)),
        ("integration", lambda tx: tx.tenant_lifecycle.remove_everybody(TENANT.id, NOW)),
        ("integration", lambda tx: tx.integrations.remove(SYSTEM.id, NOW)),
        ("upload", lambda tx: tx.uploads.renew_token(replace(UPLOAD, token_hash=b"next", deadline=NOW + 2 * DAY))),
    ],
)
@pytest.mark.parametrize("is_damaged", [False, True])
def test_changes_of_many_rows_keep_intact_rows_intact_and_damaged_ones_damaged(
    database: Database, database_url: str, damage: DamageReports, kind: str, take: Taking, *, is_damaged: bool
) -> None:
    table = metadata.tables[kind]
    if is_damaged:
        tamper(database_url, table, IDS[kind], tag=bytes(32))
    with database.write() as tx:
        take(tx)
    with database.read() as tx:
        one = {"member": tx.members.get, "integration": tx.integrations.get, "account": tx.accounts.get}.get(
            kind, tx.uploads.get
        )(IDS[kind])
        partial = tx.uploads.get(PARTIAL.id)
    assert partial is not None
    assert (one is not None and getattr(one, "intact", True)) is not is_damaged
    assert (DamagedRow(kind, IDS[kind]) in damage.take()) is is_damaged


def test_a_token_is_renewed_with_its_owner_and_the_partial_uploads_follow(database: Database) -> None:
    renewed = replace(UPLOAD, token_hash=b"next", deadline=NOW + 2 * DAY)
    with database.write() as tx:
        tx.uploads.renew_token(renewed)
        assert tx.uploads.by_token(b"next") == renewed
        assert tx.uploads.partials(UPLOAD.id) == [replace(PARTIAL, deadline=renewed.deadline)]
        with pytest.raises(NotFound):
            tx.uploads.renew_token(replace(renewed, id="nothing"))


@pytest.mark.usefixtures("database")
def test_a_database_without_keys_reads_no_authenticated_row(database_url: str) -> None:
    bare = Database(database_url)
    with pytest.raises(Broken, match="no integrity key"), bare.read() as tx:
        tx.tenants.get(TENANT.id)
    bare.close()


def test_a_damaged_row_is_reported_once_until_it_is_given_back() -> None:
    reports, row = DamageReports(), DamagedRow("member", "kari")
    reports.report(row)
    reports.report(row)
    assert reports.take() == [row]
    assert reports.is_empty
    reports.report(row)
    assert reports.is_empty
    reports.give_back([row])
    assert reports.take() == [row]
    for number in range(2 * MAX_REMEMBERED):
        reports.report(DamagedRow("member", str(number)))
    assert len(reports.take()) == MAX_REMEMBERED - 1
