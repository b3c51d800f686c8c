"""After an upgrade rows get tags if the event log supports them; what an attacker wrote before it never does."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import insert, make_url, select, update

from deldokument.adapters.sql.presence import OLDER_NAME
from deldokument.adapters.sql.tables.base import metadata
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, Conflict, NotFound
from deldokument.domain.row_evidence import Doubt
from deldokument.domain.share import Share, new_id
from deldokument.domain.tenancy import AccountRules, IntegrationRights
from deldokument.ports.integrity import DamageReports
from deldokument.services.accounts import lifecycle
from deldokument.services.audit.recording import record_event
from deldokument.services.auth.roles import roles_of
from deldokument.services.downloads import offers
from deldokument.services.encryption import INTEGRITY_ENFORCED, CachedDeploymentKeys
from deldokument.services.maintenance import row_tagging
from deldokument.services.maintenance.row_tagging import RowTagger
from deldokument.services.notifications import email_addresses, webhooks
from deldokument.services.shares import drafts, publishing
from deldokument.services.tenants import administrators, operators
from tests.support.query_plans import statements
from tests.support.server import wait_until
from tests.support.stored_data import as_owner
from tests.support.systems import SYSTEM, integrate
from tests.support.world import FJELL, KARI, NOON, ODD, OLA, PER, SIV, Stage, person, run_all

tables = metadata.tables
_CONNECTED = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
_MARKS = ("tag", "card", "role_hash", "sealed_grant", "sealed_audit_grant")


def upgraded(stage: Stage) -> Stage:
    """The deployment as 0.2.0 has left it, with the nodes of this version."""
    change(stage, dict.fromkeys(_MARKS))
    return lenient(stage)


def lenient(stage: Stage) -> Stage:
    """A node of this version before tags are enforced."""
    stage.deps.keyring.destroy([INTEGRITY_ENFORCED])
    keys, damage = CachedDeploymentKeys(stage.deps.keyring), DamageReports()
    database = stage.deps.database.authenticated(keys, damage)  # type: ignore[attr-defined]
    return replace(stage, deps=replace(stage.deps, integrity=keys, damage=damage, database=database))


def enforcing(stage: Stage) -> Stage:
    """A node that has learnt that tags are enforced."""
    keys, damage = CachedDeploymentKeys(stage.deps.keyring), DamageReports()
    assert keys.is_enforced()
    database = stage.deps.database.authenticated(keys, damage)  # type: ignore[attr-defined]
    return replace(stage, deps=replace(stage.deps, integrity=keys, damage=damage, database=database))


def change(stage: Stage, values: dict[str, Any], table: str | None = None, row_id: str | None = None) -> None:
    """Write columns as the owner of the database can: of one row, or wherever they exist."""
    with as_owner(stage.database_url) as connection:
        for one in [tables[table]] if table else tables.values():
            known = {name: value for name, value in values.items() if name in one.c}
            if known:
                chosen = update(one).values(known)
                connection.execute(chosen.where(one.c.id == row_id) if row_id else chosen)


def put(stage: Stage, table: str, **values: Any) -> None:
    with as_owner(stage.database_url) as connection:
        connection.execute(insert(tables[table]).values(values))


def row(stage: Stage, table: str, row_id: str) -> dict[str, Any]:
    with as_owner(stage.database_url) as connection:
        found = connection.execute(select(tables[table]).where(tables[table].c.id == row_id)).one()
        return found._asdict()


def walk(stage: Stage, sealer: RowTagger | None = None) -> None:
    """One whole pass."""
    sealer = sealer or RowTagger()
    while sealer(stage.deps):
        pass


def is_enforced(stage: Stage) -> bool:
    return bool(stage.deps.keyring.get([INTEGRITY_ENFORCED]))


def listed(stage: Stage) -> dict[str, Doubt]:
    return {one.id: one.doubt for one in row_tagging.list_doubtful(stage.deps)}


def share_of(stage: Stage, share_id: str) -> Share:
    with stage.deps.database.read() as tx:
        share = tx.shares.get(share_id)
    assert share is not None
    return share


def opens(stage: Stage, number: str, share_id: str) -> bool:
    try:
        offers.open_share(stage.deps, person(number), share_id)
    except NotFound:
        return False
    return True


def everything(stage: Stage) -> dict[str, str]:
    """Rows of every kind, in every state that they can have."""
    anne = administrators.add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Anne Vik")
    siv = operators.add_operator(stage.deps, number=SIV, name="Siv Drift")
    integrate(stage)
    webhooks.add_webhook(
        stage.deps, SYSTEM, account_id=stage.byggesak.id, url="https://fagsystem.example/krok", events=["share.opened"]
    )
    rules = AccountRules(four_eyes=True, notify=True)
    where = {"tenant_id": stage.tenant.id, "account_id": stage.avtaler.id}
    lifecycle.change_account_rules(stage.deps, **where, rules=rules, revision=1)
    withdrawn, ended, moved = stage.publish(), stage.publish(OLA, FJELL), stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), withdrawn)
    gone = stage.draft()
    drafts.discard_draft(stage.deps, person(KARI), gone.id)
    stage.clock.advance(days=11)
    run_all(stage.deps)
    published, draft = stage.publish(OLA, FJELL), stage.draft()
    stage.add_recipients(draft.id, OLA)
    drafts.add_document(stage.deps, person(KARI), draft.id, name="a.txt", length=9, modified_at=None)
    stage.remove("odd")
    return {
        "withdrawn": withdrawn, "ended": ended, "moved": moved, "published": published, "draft": draft.id,
        "administrator": anne.id, "operator": siv.id,
    }  # fmt: skip


def test_a_whole_deployment_is_sealed_and_tags_are_enforced_after_a_pass_that_changes_nothing(stage: Stage) -> None:
    known = everything(stage)
    old = upgraded(stage)
    sealer = RowTagger()
    walk(old, sealer)
    assert not is_enforced(old)
    assert listed(old) == {}
    walk(old, sealer)
    assert is_enforced(old)
    new = enforcing(stage)
    assert opens(new, OLA, known["published"])
    assert opens(new, PER, known["published"])
    assert share_of(new, known["draft"]).intact
    assert roles_of(new.deps, person(KARI)).memberships
    roles = roles_of(new.deps, person(SIV))
    assert ([one.id for one in roles.administered], roles.operates) == ([stage.tenant.id], True)
    with new.deps.database.read() as tx:
        assert all(tx.shares.get(known[name]).intact for name in ("withdrawn", "ended", "moved"))  # type: ignore[union-attr]
        assert tx.row_tagging.count_bare(9) == 0
    assert new.deps.damage.is_empty


def test_a_sealer_that_is_stopped_anywhere_is_repeated_by_another(stage: Stage) -> None:
    stage.publish()
    old = upgraded(stage)
    for steps in range(16):
        stopped = RowTagger()
        for _ in range(steps):
            stopped(old.deps)
    walk(old)
    assert is_enforced(old)
    assert RowTagger()(enforcing(stage).deps) == 0


def test_a_row_that_an_attacker_inserted_before_the_upgrade_is_listed_and_never_sealed(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    share_id = stage.publish()
    old = upgraded(stage)
    kari = row(stage, "member", stage.members["kari"])
    put(stage, "member", **kari | {"id": "forged", "account_id": stage.barnevern.id})
    put(stage, "operator", id="operator", **{k: kari[k] for k in ("lookup_hash", "sealed_identifier", "sealed_name")})
    sealer = RowTagger()
    with caplog.at_level(logging.WARNING, "deldokument.integrity"):
        walk(old, sealer)
        walk(old, sealer)
    assert listed(old) == {"forged": Doubt.NOT_ADDED, "operator": Doubt.NOT_ADDED}
    assert caplog.text.count("row without support in the event log: member forged (not_added)") == 1
    assert is_enforced(old)
    new = enforcing(stage)
    assert row(stage, "member", "forged")["tag"] is None
    assert not roles_of(new.deps, person(KARI)).operates
    assert opens(new, OLA, share_id)


@pytest.mark.parametrize(
    ("table", "values", "doubt"),
    [
        ("tenant", {"ask_archived": False}, None),
        ("account", {"four_eyes": False}, Doubt.CHANGED),
        ("account", {"quota": 7}, Doubt.CHANGED),
        ("administrator", {"lookup_hash": b"somebody else's"}, Doubt.PERSON),
        ("operator", {"sealed_identifier": b"\x01 no number"}, Doubt.PERSON),
        ("integration", {"rights": IntegrationRights.READ}, Doubt.CHANGED),
        ("webhook", {"sealed_url": b"\x01 no address"}, Doubt.CHANGED),
    ],
)
def test_a_change_that_no_event_explains_is_listed(
    stage: Stage, table: str, values: dict[str, Any], doubt: Doubt | None
) -> None:
    everything(stage)
    old = upgraded(stage)
    change(stage, values, table)
    walk(old)
    assert set(listed(old).values()) == ({doubt} if doubt else set())


def test_a_share_with_a_recipient_of_another_share_under_another_key_is_listed(stage: Stage) -> None:
    share_id = stage.publish()
    stage.clock.advance(days=40)
    later = stage.publish(SIV)
    old = upgraded(stage)
    with old.deps.database.read() as tx:
        [siv] = tx.shares.recipients([later])
    change(stage, {"share_id": share_id}, "recipient", siv.id)
    walk(old)
    assert listed(old) == {share_id: Doubt.RECIPIENT, later: Doubt.RECIPIENT}


def test_a_share_that_was_moved_to_an_account_its_sharer_never_belonged_to_is_listed(stage: Stage) -> None:
    share_id, other = stage.publish(), stage.publish()
    third = lifecycle.create_account(stage.deps, tenant_id=stage.tenant.id, name="Arkiv")
    old = upgraded(stage)
    change(stage, {"account_id": third.id}, "share", share_id)
    change(stage, {"account_id": stage.barnevern.id}, "share", other)
    walk(old)
    assert listed(old) == {share_id: Doubt.SHARER, other: Doubt.SHARER}


def test_a_member_whose_removal_was_undone_in_the_database_is_listed(stage: Stage) -> None:
    stage.remove("odd")
    old = upgraded(stage)
    change(stage, {"removed_at": None}, "member", stage.members["odd"])
    walk(old)
    assert listed(old) == {stage.members["odd"]: Doubt.OVER}


def test_a_tag_that_a_node_wrote_for_a_forged_row_before_enforcement_is_removed(stage: Stage) -> None:
    old = upgraded(stage)
    change(stage, {"four_eyes": True}, "account", stage.byggesak.id)
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    lifecycle.rename_account(old.deps, **where, name="Plan og bygg", revision=1)
    assert row(stage, "account", stage.byggesak.id)["tag"] is not None
    walk(old)
    assert listed(old) == {stage.byggesak.id: Doubt.CHANGED}
    assert row(stage, "account", stage.byggesak.id)["tag"] is None


def test_a_row_that_is_right_again_is_sealed_and_no_longer_listed(stage: Stage) -> None:
    old = upgraded(stage)
    change(stage, {"four_eyes": True}, "account", stage.byggesak.id)
    sealer = RowTagger()
    walk(old, sealer)
    change(stage, {"four_eyes": False}, "account", stage.byggesak.id)
    walk(old, sealer)
    assert listed(old) == {}
    assert row(stage, "account", stage.byggesak.id)["tag"] is not None


def test_an_upload_for_a_document_of_another_share_is_listed(stage: Stage) -> None:
    draft, other = stage.draft(), stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), draft.id, name="a.txt", length=9, modified_at=None)
    old = upgraded(stage)
    change(stage, {"share_id": other.id}, "upload")
    walk(old)
    assert list(listed(old).values()) == [Doubt.CHANGED]
    assert ticket


def test_many_uploads_take_no_more_queries_than_one(stage: Stage) -> None:
    draft, old, queries = stage.draft(), upgraded(stage), list[int]()
    for name in ("a.txt", "b.txt", "c.txt"):
        drafts.add_document(old.deps, person(KARI), draft.id, name=name, length=9, modified_at=None)
        change(stage, dict.fromkeys(_MARKS))
        with statements() as asked:
            assert row_tagging.seal_slice(old.deps, "upload", "") == (True, None)
        queries.append(len(asked))
    assert len(set(queries)) == 1


def test_a_document_that_was_moved_from_another_share_is_listed(stage: Stage) -> None:
    share_id, other = stage.publish(), stage.publish(SIV)
    [document_id] = stage.document_ids(share_id)
    old = upgraded(stage)
    change(stage, {"share_id": other}, "document", document_id)
    walk(old)
    assert listed(old)[document_id] is Doubt.NOT_ADDED


def test_an_address_that_was_moved_from_another_row_is_listed(stage: Stage) -> None:
    email_addresses.enter_address(stage.deps, person(KARI), "kari@eksempel.example")
    email_addresses.enter_address(stage.deps, person(ODD), "odd@eksempel.example")
    old = upgraded(stage)
    with as_owner(stage.database_url) as connection:
        mine, other = connection.execute(select(tables["notice_address"])).all()
    change(stage, {"sealed_unconfirmed": other.sealed_unconfirmed}, "notice_address", mine.id)
    walk(old)
    assert listed(old) == {mine.id: Doubt.CHANGED}


def test_nothing_is_sealed_by_an_event_log_that_does_not_verify(stage: Stage) -> None:
    old = upgraded(stage)
    with as_owner(stage.database_url) as connection:
        event = tables["audit_event"]
        connection.execute(update(event).where(event.c.kind == "tenant_created").values(kind="tenant_frozen"))
    sealer = RowTagger()
    for _ in range(2):
        with pytest.raises(Broken, match="no row is sealed"):
            walk(old, sealer)
    with old.deps.database.read() as tx:
        assert tx.row_tagging.count_bare(99) > 0


def test_small_chains_share_a_step_of_few_events_and_are_all_verified_before_a_row_is_sealed(stage: Stage) -> None:
    old = upgraded(stage)
    with old.deps.database.read() as tx:
        chains, untagged = tx.audit.chains(), tx.row_tagging.count_bare(99)
    assert len(chains) > 1
    for events, steps in (1000, 1), (51, len(chains)):
        sealer = RowTagger(events)
        for _ in range(steps):
            assert sealer(old.deps) == 1
            with old.deps.database.read() as tx:
                assert tx.row_tagging.count_bare(99) == untagged
    assert sealer(old.deps) == 1
    with old.deps.database.read() as tx:
        assert tx.row_tagging.count_bare(99) < untagged


def test_a_long_chain_is_verified_in_several_steps_and_from_its_beginning_after_a_fault(stage: Stage) -> None:
    stage.publish()
    old, sealer, chain = upgraded(stage), RowTagger(events=2), stage.tenant.id
    with old.deps.database.read() as tx:
        last, untagged = tx.audit.head(chain).number, tx.row_tagging.count_bare(99)
    event = tables["audit_event"]
    is_fourth = (event.c.chain == chain, event.c.number == 4)
    with as_owner(stage.database_url) as connection:
        kind = connection.execute(select(event.c.kind).where(*is_fourth)).scalar_one()
        connection.execute(update(event).where(*is_fourth).values(kind="orphans_swept"))
    with pytest.raises(Broken, match="altered event 4"):
        walk(old, sealer)
    assert sealer(old.deps) == 1
    with pytest.raises(Broken, match="altered event 4"):
        sealer(old.deps)
    with as_owner(stage.database_url) as connection:
        connection.execute(update(event).where(*is_fourth).values(kind=kind))
    for _ in range(last // 2 + 1):
        assert sealer(old.deps) == 1
        with old.deps.database.read() as tx:
            assert tx.row_tagging.count_bare(99) == untagged
    walk(old, sealer)
    walk(old, sealer)
    assert is_enforced(old)


def test_a_chain_that_is_damaged_between_two_passes_stops_the_second(stage: Stage) -> None:
    old, sealer = upgraded(stage), RowTagger()
    walk(old, sealer)
    with old.deps.database.write() as tx:
        record_event(old.deps, tx, EventKind.CLOCK_CONFIRMED)
    with as_owner(stage.database_url) as connection:
        event = tables["audit_event"]
        connection.execute(update(event).where(event.c.kind == "clock_confirmed").values(kind="orphans_swept"))
    with pytest.raises(Broken, match="no row is sealed"):
        walk(old, sealer)
    assert not is_enforced(old)


def test_an_operator_can_vouch_for_a_listed_row_and_that_is_recorded(stage: Stage) -> None:
    old = upgraded(stage)
    kari = row(stage, "member", stage.members["kari"])
    put(stage, "member", **kari | {"id": new_id(), "account_id": stage.barnevern.id})
    walk(old)
    [forged] = listed(old)
    change(stage, {"four_eyes": True}, "account", stage.byggesak.id)
    sealer = RowTagger()
    walk(old, sealer)
    walk(old, sealer)
    new = enforcing(stage)
    with pytest.raises(NotFound):
        row_tagging.accept_row(new.deps, kind="account", row_id=stage.avtaler.id)
    row_tagging.accept_row(new.deps, kind="account", row_id=stage.byggesak.id)
    assert set(listed(new)) == {forged}
    with new.deps.database.read() as tx:
        assert tx.accounts.get(stage.byggesak.id).intact  # type: ignore[union-attr]
        [event] = [one for _, one in tx.audit.events() if one.kind is EventKind.ROW_ACCEPTED]
    assert event.details == {"row": "account", "id": stage.byggesak.id}


def test_nobody_can_vouch_for_a_row_that_the_event_log_says_was_removed(stage: Stage) -> None:
    stage.remove("kari")
    old = upgraded(stage)
    change(stage, {"removed_at": None}, "member", stage.members["kari"])
    walk(old)
    with pytest.raises(Conflict, match="row_removed"):
        row_tagging.accept_row(old.deps, kind="member", row_id=stage.members["kari"])


def test_a_row_cannot_be_vouched_for_while_an_older_node_runs(stage: Stage) -> None:
    old = upgraded(stage)
    change(stage, {"four_eyes": True}, "account", stage.byggesak.id)
    walk(old)
    with older_node(stage):
        assert row_tagging.has_older_nodes(old.deps)
        with pytest.raises(Conflict, match="older_nodes_run"):
            row_tagging.accept_row(old.deps, kind="account", row_id=stage.byggesak.id)
    assert not row_tagging.has_older_nodes(old.deps)


def test_tags_are_not_enforced_before_the_last_older_node_has_gone(stage: Stage) -> None:
    old, sealer = upgraded(stage), RowTagger()
    with older_node(stage):
        walk(old, sealer)
        walk(old, sealer)
        walk(old, sealer)
    assert not is_enforced(old)
    # The pass that it began during counts as well: it may have written a row that had been looked at.
    walk(old, sealer)
    assert is_enforced(old)


def test_large_tables_are_walked_in_slices(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("_BATCH", "_SHARES"):
        monkeypatch.setattr(f"deldokument.services.maintenance.row_tagging.{limit}", 1)
    share_ids = [stage.publish() for _ in range(3)]
    old, sealer = upgraded(stage), RowTagger()
    walk(old, sealer)
    walk(old, sealer)
    assert is_enforced(old)
    assert all(share_of(enforcing(stage), share_id).intact for share_id in share_ids)


def test_a_listed_row_that_a_node_gives_a_tag_once_more_loses_it_again(stage: Stage) -> None:
    old, sealer = upgraded(stage), RowTagger()
    change(stage, {"four_eyes": True}, "account", stage.byggesak.id)
    walk(old, sealer)
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    lifecycle.rename_account(old.deps, **where, name="Plan og bygg", revision=1)
    walk(old, sealer)
    assert row(stage, "account", stage.byggesak.id)["tag"] is None


def test_an_erased_member_and_a_share_of_an_erased_sharer_are_sealed(stage: Stage) -> None:
    draft = stage.draft()
    stage.remove("odd")
    old = upgraded(stage)
    with old.deps.database.write() as tx:
        tx.retention.erase_member(stage.members["odd"], NOON)
        tx.retention.erase_subjects(draft.audit_key_id)
        record_event(old.deps, tx, EventKind.MEMBER_ERASED, tenant_id=stage.tenant.id, member=stage.members["odd"])
    walk(old)
    assert listed(old) == {}
    assert row(stage, "share", draft.id)["card"] is not None


@pytest.mark.parametrize("forged", [b"", b"forged"])
def test_a_share_whose_sharers_number_was_changed_is_listed_and_others_are_sealed(stage: Stage, forged: bytes) -> None:
    mine, odds = stage.draft(KARI, stage.avtaler), stage.draft(ODD, stage.avtaler)
    started = {event.share_id: event.subject_id for _, event in stage.trail() if event.kind is EventKind.DRAFT_STARTED}
    old = upgraded(stage)
    change(stage, {"sealed_identifier": forged}, "audit_subject", started[mine.id])
    walk(old)
    assert listed(old) == {mine.id: Doubt.SHARER}
    assert row(stage, "share", odds.id)["card"] is not None


def test_a_share_whose_audit_key_is_lost_is_listed_if_it_names_anybody(stage: Stage) -> None:
    empty, share_id = stage.draft(), stage.publish()
    old = upgraded(stage)
    old.deps.keyring.destroy([empty.audit_key_id])
    walk(old)
    assert listed(old) == {share_id: Doubt.RECIPIENT}


def test_shares_of_a_system_are_sealed_unless_they_were_moved_from_its_account(stage: Stage) -> None:
    integrate(stage)
    mine = [drafts.start_draft(stage.deps, SYSTEM, account_id=stage.byggesak.id).id for _ in range(2)]
    old = upgraded(stage)
    change(stage, {"account_id": stage.avtaler.id}, "share", mine[1])
    walk(old)
    assert listed(old) == {mine[1]: Doubt.SHARER}


@contextmanager
def older_node(stage: Stage) -> Iterator[None]:
    """A process that uses the database as one of version 0.2.0 does."""
    url = make_url(stage.database_url)
    if url.get_backend_name() == "postgresql":
        with psycopg.connect(stage.database_url, application_name=OLDER_NAME):
            yield
        # The server's own process for a connection ends a moment after it is closed.
        with psycopg.connect(stage.database_url, autocommit=True) as watching:
            wait_until(lambda: watching.execute(_CONNECTED, [OLDER_NAME]).fetchone() is None, 60, "still connected")
        return
    program = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    line = [sys.executable, "-c", program, str(url.database)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as older:
        assert older.stdout is not None
        older.stdout.readline()
        yield
        older.communicate()
