"""A writer of the database who links the event log anew, as anybody can who knows SHA-256: it is never signed."""

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, insert, select, update

from deldokument.adapters.documents.signing import verify_signature
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.chain import BEGINNING, Fault, Flaw, Mark
from deldokument.domain.errors import Broken, Conflict, Unavailable
from deldokument.ports.documents import RenderedDocument
from deldokument.services.accounts import lifecycle
from deldokument.services.audit import checkpoints, export, heads
from deldokument.services.audit.verification import verify_trail
from deldokument.services.downloads.access import authorize
from deldokument.services.shares.display import report
from deldokument.services.shares.published import changes
from deldokument.store.audit.audit import EventFilter
from deldokument.store.audit.event_rows import event_of
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.tables.audit import audit_checkpoint, audit_event, audit_head
from deldokument.store.tables.shares import recipient, share
from deldokument.store.tables.tenancy import account
from tests.support.stage.stage import KARI, OLA, SIV, Stage, person
from tests.support.stored_data import as_owner

Change = dict[str, Any]
Older = dict[Table, list[Change]]


def chain_of(connection: Connection, stage: Stage) -> list[Change]:
    """The rows of the tenant's events, in order."""
    asked = select(audit_event).where(audit_event.c.chain == stage.tenant.id).order_by(audit_event.c.number)
    return [dict(row._mapping) for row in connection.execute(asked)]


def relink(connection: Connection, stage: Stage, number: int, change: Change) -> None:
    """Overwrite an event, and link all events and the head anew, with hashes that fit."""
    is_it = (audit_event.c.chain == stage.tenant.id) & (audit_event.c.number == number)
    connection.execute(update(audit_event).where(is_it).values(change))
    link_anew(connection, stage.tenant.id)


def link_anew(connection: Connection, chain: str) -> None:
    """Link the events that a chain has and its head with hashes that fit, and number them without a gap."""
    is_own, last = audit_event.c.chain == chain, BEGINNING
    for row in connection.execute(select(audit_event).where(is_own).order_by(audit_event.c.number)).all():
        link = event_of(SimpleNamespace(**row._mapping)).link(last.number + 1, last.hash)  # type: ignore[arg-type]
        linked = {"number": last.number + 1, "previous": last.hash, "hash": link}
        connection.execute(update(audit_event).where(is_own, audit_event.c.number == row.number).values(linked))
        last = Mark(last.number + 1, link)
    end = {"number": last.number, "hash": last.hash}
    connection.execute(update(audit_head).where(audit_head.c.chain == chain).values(end))


def append(connection: Connection, stage: Stage, *events: AuditEvent) -> None:
    """Add events to the chain as the service does, but for the tags: those of the last event."""
    last = chain_of(connection, stage)[-1]
    mark = Mark(last["number"], last["hash"])
    for event in events:
        link = event.link(mark.number + 1, mark.hash)
        columns = {"at": event.at, "kind": event.kind.value, "share_id": event.share_id, "details": None}
        place = {"number": mark.number + 1, "previous": mark.hash, "hash": link, "subject_id": event.subject_id}
        if event.details:
            columns["details"] = json.dumps(dict(event.details))
        connection.execute(insert(audit_event).values(last | {"revision": None} | columns | place))
        mark = Mark(mark.number + 1, link)
    moved = {"number": mark.number, "hash": mark.hash}
    connection.execute(update(audit_head).where(audit_head.c.chain == stage.tenant.id).values(moved))


def verified(stage: Stage) -> Fault | None:
    return verify_trail(stage.deps, certificates=(), is_signed=verify_signature).fault


def refuse_to_sign(stage: Stage, forged: int) -> None:
    """The worker seals nothing more, and raises an alarm that names the event."""
    stage.clock.advance(hours=2)
    with pytest.raises(Broken, match=f"event {forged} of {stage.tenant.id}"):
        checkpoints.sign_checkpoints(stage.deps)
    with stage.deps.database.read() as tx:
        sealed = tx.checkpoints.last(stage.tenant.id)
    assert sealed is None or sealed.number < forged
    assert DamagedRow("audit_event", f"{stage.tenant.id}_{forged}") in stage.deps.damage.take()


def remove_siv(stage: Stage) -> tuple[str, Older]:
    """A share from which Siv was removed, and its rows of before."""
    share_id = stage.publish(OLA, SIV)
    with as_owner(stage.database_url) as connection:
        older = {t: [dict(row._mapping) for row in connection.execute(select(t))] for t in (share, recipient)}
    [siv] = [one for one in older[recipient] if one["share_id"] == share_id and one["position"] == 2]
    changes.remove_recipient(stage.deps, person(KARI), share_id, siv["id"])
    return share_id, older


def put_back(connection: Connection, stage: Stage, older: Older) -> Change:
    """Put the older rows back; return the event of the removal, which is to be overwritten."""
    for table, rows in older.items():
        for row in rows:
            connection.execute(update(table).where(table.c.id == row["id"]).values(row))
    [removal] = [one for one in chain_of(connection, stage) if one["kind"] == EventKind.RECIPIENT_REMOVED]
    return removal


HARMLESS: Change = {"kind": EventKind.SHARE_OPENED.value, "details": None, "revision": None}


@pytest.mark.parametrize("is_sealed", [False, True], ids=["unsealed", "seals-removed"])
def test_a_removal_that_was_overwritten_in_a_chain_linked_anew_is_found(stage: Stage, is_sealed: bool) -> None:
    _, older = remove_siv(stage)
    if is_sealed:
        checkpoints.sign_checkpoints(stage.deps)
    assert verified(stage) is None
    with as_owner(stage.database_url) as connection:
        removal = put_back(connection, stage, older)
        relink(connection, stage, removal["number"], HARMLESS)
        connection.execute(delete(audit_checkpoint))
    assert verified(stage) == Fault(stage.tenant.id, removal["number"], Flaw.FORGED)
    refuse_to_sign(stage, removal["number"])


@pytest.mark.parametrize("how", ["overwritten", "unreadable", "without-revision", "deleted"])
def test_a_removal_that_was_overwritten_in_its_place_raises_an_alarm(stage: Stage, how: str) -> None:
    _, older = remove_siv(stage)
    stage.publish(OLA)
    heads.keep_heads(stage.deps)
    heads.patrol_removals(stage.deps)
    assert stage.deps.damage.take() == []
    with as_owner(stage.database_url) as connection:
        removal = put_back(connection, stage, older)
        is_it = (audit_event.c.chain == stage.tenant.id) & (audit_event.c.number == removal["number"])
        kind = {"kind": "x"} if how == "unreadable" else {}
        change = {"revision": None} if how == "without-revision" else HARMLESS | kind
        deed = delete(audit_event) if how == "deleted" else update(audit_event).values(change)
        connection.execute(deed.where(is_it))
    heads.keep_heads(stage.deps)
    heads.patrol_removals(stage.deps)
    assert stage.deps.damage.take() == [DamagedRow("audit_event", f"{stage.tenant.id}_{removal['number']}")]


def test_four_eyes_that_were_undone_with_their_event_raise_an_alarm(stage: Stage) -> None:
    rules, where = stage.byggesak.rules, {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    with as_owner(stage.database_url) as connection:
        older = [dict(row._mapping) for row in connection.execute(select(account))]
    stricter = replace(rules, four_eyes=True)
    lifecycle.change_account_rules(stage.deps, **where, rules=stricter, revision=stage.byggesak.revision)
    heads.keep_heads(stage.deps)
    with as_owner(stage.database_url) as connection:
        for row in older:
            connection.execute(update(account).where(account.c.id == row["id"]).values(row))
        [event] = [one for one in chain_of(connection, stage) if one["kind"] == EventKind.ACCOUNT_RULES_CHANGED]
        is_it = (audit_event.c.chain == stage.tenant.id) & (audit_event.c.number == event["number"])
        connection.execute(update(audit_event).where(is_it).values(HARMLESS))
    heads.patrol_removals(stage.deps)
    assert stage.deps.damage.take() == [DamagedRow("audit_event", f"{stage.tenant.id}_{event['number']}")]


def test_a_chain_that_was_linked_anew_lacks_the_head_that_was_kept(stage: Stage) -> None:
    share_id, older = remove_siv(stage)
    heads.keep_heads(stage.deps)
    with as_owner(stage.database_url) as connection:
        relink(connection, stage, put_back(connection, stage, older)["number"], HARMLESS)
    heads.compare_heads(stage.deps)
    with pytest.raises(Unavailable, match="database_restored"):
        authorize(stage.deps, person(SIV), share_id)


@pytest.fixture
def forged(stage: Stage) -> tuple[str, int]:
    """A share with three events of a recipient who never logged in; the number of the first."""
    share_id = stage.publish(OLA)
    with stage.deps.database.read() as tx:
        first = tx.audit.head(stage.tenant.id).number + 1
    at = stage.clock.now() + timedelta(minutes=1)
    kinds = (EventKind.SHARE_OPENED, EventKind.DOCUMENT_DOWNLOADED, EventKind.DOCUMENTS_CONFIRMED)
    with as_owner(stage.database_url) as connection:
        events = [AuditEvent(at, kind, stage.tenant.id, share_id, "p", {"documents": 1}) for kind in kinds]
        append(connection, stage, *events)
    return share_id, first


def test_appended_events_are_found(stage: Stage, forged: tuple[str, int]) -> None:
    assert verified(stage) == Fault(stage.tenant.id, forged[1], Flaw.FORGED)
    refuse_to_sign(stage, forged[1])


def test_a_forged_seal_does_not_hide_appended_events(stage: Stage, forged: tuple[str, int]) -> None:
    with stage.deps.database.read() as tx:
        head = tx.audit.head(stage.tenant.id)
    with as_owner(stage.database_url) as connection:
        seal = {"hash": head.hash, "signed_at": stage.clock.now(), "certificate": "x", "signature": b"x"}
        connection.execute(insert(audit_checkpoint).values(chain=stage.tenant.id, number=head.number, **seal))
    stage.publish(OLA)
    stage.clock.advance(hours=2)
    with pytest.raises(Broken, match=f"event {head.number} of {stage.tenant.id}"):
        checkpoints.sign_checkpoints(stage.deps)
    assert verified(stage) == Fault(stage.tenant.id, forged[1], Flaw.FORGED)


def test_no_report_with_appended_events_is_signed(stage: Stage, forged: tuple[str, int]) -> None:
    forged_report = report.share_report(stage.deps, person(KARI), forged[0])
    refuse_report(stage, forged_report)
    assert {row.kind for row in stage.deps.damage.take()} == {"audit_event"}


def refuse_report(stage: Stage, forged_report: report.ShareReport) -> None:
    """Neither form of the report is signed."""
    with pytest.raises(Conflict, match="records_unproven"):
        report.report_file(stage.deps, forged_report)
    with pytest.raises(Conflict, match="records_unproven"):
        report.sealed_report(
            stage.deps, forged_report, RenderedDocument("Rapport", "Rapport", "1.0", forged_report.made_at)
        )


def test_no_report_of_a_chain_with_another_end_is_signed(stage: Stage) -> None:
    share_id, other = stage.publish(OLA), stage.publish(OLA)
    with as_owner(stage.database_url) as connection:
        append(connection, stage, AuditEvent(stage.clock.now(), EventKind.SHARE_OPENED, stage.tenant.id, other))
    refuse_report(stage, report.share_report(stage.deps, person(KARI), share_id))


@pytest.mark.usefixtures("forged")
def test_appended_events_are_in_no_export(stage: Stage) -> None:
    begun = export.begin_event_export(stage.deps, wanted=EventFilter(stage.tenant.id), form="json")
    with pytest.raises(Broken, match="did not write"):
        list(export.export_lines(stage.deps, begun))
