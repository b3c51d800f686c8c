"""Writing to the database gains nothing and hinders nobody else, and the operator gets one alarm."""

import logging
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from deldokument import worker
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import NotFound, ServiceError, Unavailable
from deldokument.domain.identifiers import mask_person
from deldokument.domain.shares.policy import Reason
from deldokument.domain.shares.share import ShareState
from deldokument.services.accounts import deletion
from deldokument.services.audit import browsing, damage
from deldokument.services.audit.actors import FORGOTTEN, Actor
from deldokument.services.auth.roles import roles_of
from deldokument.services.downloads import access, content, offers
from deldokument.services.encryption import identifier_hash
from deldokument.services.maintenance import lag, retention
from deldokument.services.notifications import email_addresses
from deldokument.services.people import directory_key
from deldokument.services.shares.display import queries, receipts
from deldokument.services.shares.drafts import discarding, drafts
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import administrators, export, freezing, offboarding, operators
from deldokument.services.uploads import append
from deldokument.store.engine.engines import open_engines
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.schema import metadata
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.changes import change_expiry
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, NOON, ODD, OLA, SIV, VIGDIS, Stage, person, run_all

tables = metadata.tables


def forge(stage: Stage, table: str, row_id: str, **values: Any) -> None:
    """Change a row as its owner can."""
    engines = open_engines(stage.database_url)
    with closing(engines), engines.write() as connection:
        connection.execute(update(tables[table]).where(tables[table].c.id == row_id).values(values))


def exchange_ids(stage: Stage, one: str, other: str) -> None:
    """Give each of two persons of the event log the other's id."""
    for old, new in ((one, "between"), (other, one), ("between", other)):
        forge(stage, "audit_subject", old, id=new)


def put(stage: Stage, table: str, **values: Any) -> None:
    """Insert a row as its owner can."""
    engines = open_engines(stage.database_url)
    with closing(engines), engines.write() as connection:
        connection.execute(insert(tables[table]).values(values))


def rows(stage: Stage, table: str) -> list[dict[str, Any]]:
    engines = open_engines(stage.database_url)
    with closing(engines), engines.read() as connection:
        return [row._asdict() for row in connection.execute(select(tables[table]))]


def patrol(stage: Stage) -> None:
    """A whole patrol of the worker."""
    walk = worker.Patrol()
    while walk(stage.deps):
        pass


def alarms(stage: Stage) -> list[AuditEvent]:
    damage.record_damage(stage.deps)
    return [event for _, event in stage.trail() if event.kind is EventKind.ROW_DAMAGED]


def sees(stage: Stage, number: str, share_id: str) -> bool:
    """Whether the person opens the share by its link; a refusal is a stranger's."""
    try:
        offers.open_share(stage.deps, person(number), share_id)
    except NotFound:
        offered = offers.list_offers(stage.deps, person(number)).offers
        assert share_id not in {offer.id for offer in offered}
        return False
    return True


def test_the_hash_of_a_refusal_opens_nothing(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    assert not sees(stage, SIV, share_id)
    [subject] = [
        one for one in rows(stage, "audit_subject") if one["audit_key_id"].startswith("audit:" + stage.tenant.id)
    ][-1:]
    [named] = rows(stage, "recipient")
    mine = {"id": "mallory", "sealed_identifier": b"", "sealed_name": b"", "sealed_label": b"", "position": 2}
    put(stage, "recipient", **named | mine | {"lookup_hash": subject["lookup_hash"]})
    assert not sees(stage, SIV, share_id)
    assert [event.details for event in alarms(stage)] == [{"row": "share", "id": share_id}]


def test_another_audit_key_opens_nothing(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    forge(stage, "share", share_id, audit_key_id="audit:" + stage.tenant.id + ":2026-10")
    assert not sees(stage, OLA, share_id)
    assert [event.details for event in alarms(stage)] == [{"row": "share", "id": share_id}]


def test_a_share_moved_to_another_account_has_no_sharers(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    forge(stage, "share", share_id, account_id=stage.barnevern.id, tenant_id=stage.barnevern.tenant_id)
    for number in (VIGDIS, KARI):
        with pytest.raises(NotFound):
            queries.show_share(stage.deps, person(number), share_id)
        with pytest.raises(NotFound):
            change_expiry(stage.deps, person(number), share_id, NOON)
        with pytest.raises(NotFound):
            publishing.copy_share(stage.deps, person(number), share_id)
    listed = queries.list_shares(stage.deps, person(VIGDIS))
    assert (listed.shares, [one.id for one in listed.damaged]) == ((), [share_id])
    assert not list(export.exported_shares(stage.deps, tenant_id=stage.tenant.id))


def test_a_share_marked_as_erased_is_not_restored_as_a_draft_of_another_account(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    [own] = [one["id"] for one in rows(stage, "member") if one["account_id"] == stage.barnevern.id]
    as_discarded = {"state": ShareState.ABANDONED, "published_at": None, "closed_at": stage.clock.now()}
    undoable = {"undo_until": stage.clock.now() + timedelta(seconds=10), "undo_by": own, "erased_at": stage.clock.now()}
    there = {"account_id": stage.barnevern.id, "tenant_id": stage.barnevern.tenant_id}
    forge(stage, "share", share_id, **as_discarded, **undoable, **there)
    with pytest.raises(NotFound):
        discarding.restore_draft(stage.deps, person(VIGDIS), share_id)
    with pytest.raises(NotFound):
        queries.show_share(stage.deps, person(VIGDIS), share_id)


def test_a_draft_renamed_to_a_shares_id_makes_no_card_for_it(stage: Stage) -> None:
    own = stage.draft()
    forge(stage, "share", own.id, id="x" * 22)
    with pytest.raises(NotFound):
        stage.add_recipients("x" * 22, SIV)


def test_inserted_roles_are_none(stage: Stage) -> None:
    [kari] = [one for one in rows(stage, "member") if one["id"] == stage.members["kari"]]
    same = {name: kari[name] for name in ("lookup_hash", "sealed_identifier", "sealed_name", "role_hash", "tag")}
    put(stage, "operator", id="mallory", **same)
    put(stage, "administrator", id="mallory", tenant_id=stage.tenant.id, **same)
    put(stage, "member", **kari | {"id": "mallory", "account_id": stage.barnevern.id})
    roles = roles_of(stage.deps, person(KARI))
    assert not roles.operates
    assert not roles.administered
    assert {one.account.id for one in roles.memberships} == {stage.byggesak.id, stage.avtaler.id}
    assert operators.list_operators(stage.deps) == []
    assert {(e.details or {})["row"] for e in alarms(stage)} == {"operator", "administrator", "member"}


def test_a_moved_member_shares_from_nowhere_and_uploads_nothing(stage: Stage) -> None:
    share = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), share.id, name="a", length=3, modified_at=None)
    forge(stage, "member", stage.members["kari"], account_id=stage.barnevern.id)
    assert stage.barnevern.id not in {m.account.id for m in roles_of(stage.deps, person(KARI)).memberships}
    with pytest.raises(NotFound):
        append.find_upload(stage.deps, ticket.token)
    with pytest.raises(NotFound):
        append.terminate_upload(stage.deps, ticket.token, ticket.upload_id)


def test_an_upload_changed_in_the_database_takes_no_bytes(stage: Stage) -> None:
    share, ola = stage.draft(), stage.draft(ODD, stage.avtaler)
    ticket = drafts.add_document(stage.deps, person(KARI), share.id, name="a", length=3, modified_at=None)
    forge(stage, "upload", ticket.upload_id, share_id=ola.id)
    with pytest.raises(NotFound):
        append.find_upload(stage.deps, ticket.token)


def test_a_draft_that_is_damaged_while_it_is_filled_in_takes_no_bytes(stage: Stage) -> None:
    share = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), share.id, name="a", length=3, modified_at=None)
    forge(stage, "share", share.id, confidential=False)
    with pytest.raises(NotFound):
        append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=3)
    with pytest.raises(NotFound), stage.deps.database.write() as tx:
        append.locked_share(stage.deps, tx, replace(upload_of(stage, ticket.upload_id)))
    assert discarding.find_discarded(stage.deps, person(KARI), share.id) is None


def upload_of(stage: Stage, upload_id: str) -> Any:
    with stage.deps.database.read() as tx:
        return tx.uploads.get(upload_id)


@pytest.mark.parametrize("table", ["tenant", "account"])
def test_nothing_of_a_damaged_tenant_or_account_opens_or_is_shared(stage: Stage, table: str) -> None:
    share_id = stage.publish(OLA)
    row_id = stage.tenant.id if table == "tenant" else stage.byggesak.id
    forge(stage, table, row_id, name="Storevik")
    assert not sees(stage, OLA, share_id)
    with pytest.raises(NotFound):
        stage.draft()
    with pytest.raises(NotFound):
        queries.show_share(stage.deps, person(KARI), share_id)
    set_freeze = freezing.set_tenant_freeze if table == "tenant" else freezing.set_account_freeze
    with pytest.raises(NotFound):
        set_freeze(stage.deps, row_id, None, None)
    assert (alarms(stage)[0].details or {})["row"] == table
    denied = [event.details for _, event in stage.trail() if event.kind is EventKind.SHARE_DENIED]
    assert denied == [{"reason": Reason.DAMAGED.value}]


def test_a_running_response_ends_when_its_share_is_damaged(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    granted = access.authorize(stage.deps, person(OLA), share_id)
    document = content.open_document(stage.deps, person(OLA), share_id, stage.document_ids(share_id)[0])
    forge(stage, "share", share_id, expires_at=NOON)
    assert not access.still_authorized(stage.deps, granted)
    stage.rights.down = True
    assert not access.still_authorized(stage.deps, granted)
    assert document.length


def test_one_damaged_share_does_not_spoil_the_list(stage: Stage) -> None:
    torn, forged, good = stage.publish(OLA), stage.publish(OLA), stage.publish(OLA)
    forge(stage, "share", torn, sealed_audit_texts=b"\x01" * 93)
    forge(stage, "share", forged, frozen_at=NOON)
    listed = queries.list_shares(stage.deps, person(KARI))
    assert [view.share.id for view in listed.shares] == [good]
    assert {one.id for one in listed.damaged} == {torn, forged}
    for share_id in (torn, forged):
        assert not sees(stage, OLA, share_id)
        with pytest.raises(NotFound):
            queries.view_share(stage.deps, person(KARI), share_id)
    assert sees(stage, OLA, good)
    assert {(event.details or {})["id"] for event in alarms(stage)} == {torn, forged}


def test_an_emptied_identifier_is_damage_and_no_crash(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    [named] = rows(stage, "recipient")
    forge(stage, "recipient", named["id"], sealed_identifier=b"")
    assert [one.id for one in queries.list_shares(stage.deps, person(KARI)).damaged] == [share_id]


def test_a_share_with_a_damaged_sharer_is_shown_without_the_name(stage: Stage) -> None:
    share = stage.draft(KARI, stage.avtaler)
    forge(stage, "member", stage.members["kari-avtaler"], sealed_name=b"")
    [view] = queries.list_shares(stage.deps, person(ODD)).shares
    assert (view.share.id, view.sharer) == (share.id, "")
    assert [one.sharer for one in export.exported_shares(stage.deps, tenant_id=stage.tenant.id)] == [""]


def test_a_damaged_account_exports_nothing(stage: Stage) -> None:
    stage.publish(OLA)
    forge(stage, "account", stage.byggesak.id, quota=1)
    assert not list(export.exported_shares(stage.deps, tenant_id=stage.tenant.id))


def test_the_event_log_shows_no_title_of_a_damaged_share(stage: Stage) -> None:
    share_id = stage.publish(OLA, title="Vedtak")
    forge(stage, "share", share_id, expires_at=NOON)
    page = browsing.open_log(stage.deps, tenant_id=stage.tenant.id, person=person(KARI))
    assert {entry.title for entry in page.entries} == {""}


def test_a_damaged_share_ends_with_its_account_and_its_tenant(stage: Stage) -> None:
    share_id, draft = stage.publish(OLA), stage.draft()
    for one in (share_id, draft.id):
        forge(stage, "share", one, confidential=False)
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    deletion.delete_account(stage.deps, **where, typed_name="Byggesak")
    stage.clock.advance(hours=25)
    run_all(stage.deps)
    states = {one["id"]: ShareState(one["state"]) for one in rows(stage, "share")}
    assert states == {share_id: ShareState.WITHDRAWN, draft.id: ShareState.ABANDONED}
    assert not [entry for entry in stage.deps.keyring.ids("share:")]


def test_a_damaged_tenant_does_not_stop_the_forgetting_of_others(stage: Stage) -> None:
    for tenant_id, name in ((stage.tenant.id, "Eksempel kommune"), (stage.barnevern.tenant_id, "Prøve kommune")):
        offboarding.offboard_tenant(stage.deps, tenant_id=tenant_id, typed_name=name)
    run_all(stage.deps)
    forge(stage, "tenant", stage.tenant.id, name="Storevik")
    stage.clock.advance(days=400)
    while offboarding.forget_tenants(stage.deps):
        pass
    forgotten = {one["tenant_id"] for one in rows(stage, "tenure") if one["names_erased_at"] is not None}
    assert forgotten == {stage.barnevern.tenant_id}
    assert retention.destroy_audit_keys(stage.deps) >= 0


def test_a_share_with_its_end_moved_later_ends_on_time(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    with stage.deps.database.read() as tx:
        share = tx.shares.get(share_id)
    assert share is not None
    assert share.expires_at is not None
    forge(stage, "share", share_id, expires_at=share.expires_at.replace(year=2030))
    patrol(stage)
    stage.clock.advance(days=11)
    retention.record_heartbeat(stage.deps)
    with stage.deps.database.write() as tx:
        tx.deployment.resume(stage.clock.now())
    run_all(stage.deps)
    assert stage.deps.keyring.ids("share:")
    patrol(stage)
    run_all(stage.deps)
    assert not stage.deps.keyring.ids("share:")
    assert [event.kind for _, event in stage.trail()].count(EventKind.SHARE_ENDED) == 1


@pytest.mark.parametrize("column", ["sealed_grant", "sealed_audit_grant", "lookup_hash"])
def test_a_recipient_that_was_changed_alone_has_one_alarm(stage: Stage, column: str) -> None:
    share_id = stage.publish(OLA)
    with stage.deps.database.read() as tx:
        [recipient] = tx.shares.recipients([share_id])
    patrol(stage)
    assert stage.deps.damage.is_empty
    forge(stage, "recipient", recipient.id, **{column: b"forged"})
    for _ in range(2):
        patrol(stage)
        if column != "sealed_audit_grant":
            with pytest.raises(NotFound):
                offers.open_share(stage.deps, person(OLA), share_id)
    assert [event.details for event in alarms(stage)] == [{"row": "recipient", "id": recipient.id}]


def test_a_stranger_raises_no_alarm_at_a_share_of_others(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(SIV), share_id)
    assert stage.deps.damage.is_empty


def test_an_administrator_who_was_removed_and_put_back_raises_an_alarm_unseen(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "_BATCH", 1)
    for number, name in ((VIGDIS, "Vigdis Myhre"), (ODD, "Odd Vik")):
        add_administrator(stage.deps, tenant_id=stage.tenant.id, number=number, name=name)
    removed = administrators.administrator_of(stage.deps, tenant_id=stage.tenant.id, person=person(VIGDIS))
    assert removed is not None
    older = next(row for row in rows(stage, "administrator") if row["id"] == removed)
    administrators.remove_administrator(stage.deps, tenant_id=stage.tenant.id, administrator_id=removed)
    patrol(stage)
    assert alarms(stage) == []
    put(stage, "administrator", **older)
    patrol(stage)
    assert [event.details for event in alarms(stage)] == [{"row": "administrator", "id": removed}]
    assert administrators.administrator_of(stage.deps, tenant_id=stage.tenant.id, person=person(VIGDIS)) is None


def test_each_damaged_row_has_one_alarm_however_often_and_wherever_it_is_found(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    assert damage.record_damage(stage.deps) == 0
    row, forged = DamagedRow("share", "a" * 22), DamagedRow("member", "Kari Lunde\nroot: ok")
    with caplog.at_level(logging.WARNING, "deldokument"):
        for one in (row, forged):
            stage.deps.damage.report(one)
        assert damage.record_damage(stage.deps) == 2
    assert [record.message for record in caplog.records] == [f"damaged row: share {row.id}", "damaged row: member ?"]
    elsewhere = replace(stage.deps, damage=type(stage.deps.damage)())
    elsewhere.damage.report(row)
    assert damage.record_damage(elsewhere) == 0
    assert [event.details for event in alarms(stage)] == [
        {"row": "share", "id": row.id},
        {"row": "member", "id": "?"},
    ]
    assert lag.measure_lag(stage.deps).damaged_rows == 2
    assert damage.record_damage in [loop.round for loop in worker.loops()]


def test_damage_that_cannot_be_recorded_now_is_recorded_later(stage: Stage) -> None:
    broken = replace(stage.deps, database=FaultyDatabase(stage.deps.database, fail=Unavailable("database")))
    stage.deps.damage.report(DamagedRow("share", "a" * 22))
    with pytest.raises(ServiceError):
        damage.record_damage(broken)
    assert damage.record_damage(stage.deps) == 1


def test_a_document_moved_to_another_share_makes_both_damaged(stage: Stage) -> None:
    secret, own = stage.publish(OLA), stage.publish(SIV)
    [document_id] = stage.document_ids(secret)
    forge(stage, "document", document_id, share_id=own)
    for share_id in (secret, own):
        assert document_id not in stage.document_ids(share_id)
        assert not sees(stage, SIV, share_id)
        assert not sees(stage, OLA, share_id)
    found = {tuple((event.details or {}).values()) for event in alarms(stage)}
    assert found == {("document", document_id), ("share", secret), ("share", own)}


def test_an_address_moved_to_another_person_is_shown_to_nobody(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), "kari@eksempel.example")
    vigdis = identifier_hash(directory_key(stage.deps), person(VIGDIS))
    [kept] = rows(stage, "notice_address")
    forge(stage, "notice_address", kept["id"], lookup_hash=vigdis)
    assert email_addresses.show_address(stage.deps, person(VIGDIS)).unconfirmed == ""
    assert [event.details for event in alarms(stage)] == [{"row": "notice_address", "id": kept["id"]}]


@pytest.mark.parametrize("key_id", ["", "directory", "share:" + "x" * 22])
def test_a_refusal_creates_no_key_that_a_row_names(stage: Stage, key_id: str) -> None:
    share_id, before = stage.publish(OLA), set(stage.deps.keyring.ids(""))
    forge(stage, "share", share_id, audit_key_id=key_id)
    assert not sees(stage, SIV, share_id)
    created = set(stage.deps.keyring.ids("")) - before
    assert all(entry.startswith("audit:-:") for entry in created)
    assert [event.tenant_id for _, event in stage.trail() if event.kind is EventKind.SHARE_DENIED] == [None]


def test_a_receipt_without_its_person_damages_one_share_alone(stage: Stage) -> None:
    opened, good = stage.publish(OLA), stage.publish(OLA)
    assert sees(stage, OLA, opened)
    for receipt in rows(stage, "receipt"):
        forge(stage, "audit_subject", receipt["subject_id"], id="nobody")
    listed = queries.list_shares(stage.deps, person(KARI))
    assert ([view.share.id for view in listed.shares], [one.id for one in listed.damaged]) == ([good], [opened])


def test_the_receipts_of_exchanged_persons_are_shown_to_nobody(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    assert sees(stage, OLA, share_id)
    assert sees(stage, SIV, share_id)
    exchange_ids(stage, *{receipt["subject_id"] for receipt in rows(stage, "receipt")})
    with pytest.raises(NotFound):
        receipts.list_receipts(stage.deps, person(KARI), share_id)
    with pytest.raises(NotFound):
        queries.show_share(stage.deps, person(KARI), share_id)
    assert stage.deps.damage.take() == [DamagedRow("share", share_id)]


def test_a_person_of_an_event_who_was_exchanged_is_unknown_and_raises_an_alarm(stage: Stage) -> None:
    first, second = stage.draft(KARI, stage.avtaler), stage.draft(ODD, stage.avtaler)
    started = {event.share_id: event.subject_id for _, event in stage.trail() if event.kind is EventKind.DRAFT_STARTED}
    exchange_ids(stage, str(started[first.id]), str(started[second.id]))
    _, events = queries.show_share(stage.deps, person(KARI), first.id)
    assert [actor for event, actor in events if event.kind is EventKind.DRAFT_STARTED] == [FORGOTTEN]
    assert stage.deps.damage.take() == [DamagedRow("audit_subject", str(started[first.id]))]


def test_a_person_of_an_event_with_an_emptied_number_is_unknown_and_raises_an_alarm(stage: Stage) -> None:
    draft = stage.draft(KARI, stage.avtaler)
    [started] = [event for _, event in stage.trail() if event.kind is EventKind.DRAFT_STARTED]
    forge(stage, "audit_subject", str(started.subject_id), sealed_identifier=b"")
    _, events = queries.show_share(stage.deps, person(KARI), draft.id)
    assert [actor for event, actor in events if event.kind is EventKind.DRAFT_STARTED] == [FORGOTTEN]
    assert stage.deps.damage.take() == [DamagedRow("audit_subject", str(started.subject_id))]


def test_a_name_that_was_changed_is_not_shown_and_raises_an_alarm(stage: Stage) -> None:
    draft = stage.draft(ODD, stage.avtaler)
    forge(stage, "member", stage.members["odd"], sealed_name=b"forged")
    _, events = queries.show_share(stage.deps, person(KARI), draft.id)
    [actor] = [actor for event, actor in events if event.kind is EventKind.DRAFT_STARTED]
    assert actor == Actor(masked=mask_person(ODD))
    assert DamagedRow("member", stage.members["odd"]) in stage.deps.damage.take()
