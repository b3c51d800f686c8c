"""Ending the service: at once, once, for good; and the record of what was deleted."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from deldokument import worker
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Gone, InvalidInput, NotFound, existing
from deldokument.domain.messages.outbox import Cost
from deldokument.domain.shares.share import ShareState
from deldokument.domain.shares.statistics import Month
from deldokument.domain.tenants.offboarding import DeletionState, TenantTotals
from deldokument.domain.tenants.tenancy import AccountRules, Contact, Tenant
from deldokument.services.accounts import members
from deldokument.services.agreements.status import agreements_of
from deldokument.services.auth.roles import roles_of
from deldokument.services.downloads import access, offers
from deldokument.services.encryption import AUDIT_PREFIX, share_key_id, tenant_key_id
from deldokument.services.maintenance import retention
from deldokument.services.tenants import freezing, offboarding, registration
from deldokument.services.tenants.deletion_certificate import deletion_paper
from deldokument.services.tenants.deletion_record import DeletionRecord, deletion_record
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.services.tenants.offboarding import holdings_of, offboard_tenant
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.schema import metadata
from tests.support.faults.faulty_ports import Crash, FaultyKeyring
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, NOON, ODD, OLA, SIV, VIGDIS, Stage, person, run_all
from tests.support.stage.tenants import record_assessment, sign_agreements
from tests.support.stored_data import as_owner

RETENTION = timedelta(days=365)


@pytest.fixture(autouse=True)
def siv_administers(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")


def end(stage: Stage, typed: str = "Eksempel kommune") -> Tenant:
    return offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name=typed, person=person(SIV))


def recorded(stage: Stage) -> DeletionRecord:
    return deletion_record(stage.deps, tenant_id=stage.tenant.id)


def kinds(stage: Stage) -> list[EventKind]:
    return [event.kind for _, event in stage.trail()]


def test_before_the_end_the_holdings_of_the_tenant_are_counted(stage: Stage) -> None:
    stage.publish()
    stage.draft()
    assert holdings_of(stage.deps, tenant_id=stage.tenant.id) == TenantTotals(2, 3, 1, 1, 1, len(b"innhold"))
    with pytest.raises(NotFound):
        holdings_of(stage.deps, tenant_id="nobody")


def test_at_the_end_open_shares_are_withdrawn_and_recipients_learn_whom_to_ask(stage: Stage) -> None:
    share_id = stage.publish()
    end(stage)
    with pytest.raises(Gone, match="share_withdrawn") as caught:
        access.authorize(stage.deps, person(OLA), share_id)
    assert caught.value.params["tenant"] == "Eksempel kommune"
    assert caught.value.params["telephone"] == "22 00 00 00"
    assert offers.list_offers(stage.deps, person(OLA)) == offers.OfferList()


def test_a_share_that_is_put_back_after_the_end_opens_nothing_and_its_key_is_destroyed(stage: Stage) -> None:
    share_id = stage.publish()
    table = metadata.tables["share"]
    with as_owner(stage.database_url) as connection:
        [before] = connection.execute(select(table).where(table.c.id == share_id)).mappings().all()
    end(stage)
    with as_owner(stage.database_url) as connection:
        connection.execute(update(table).where(table.c.id == share_id).values(dict(before)))
    with pytest.raises(Gone):
        access.authorize(stage.deps, person(OLA), share_id)
    run_all(stage.deps)
    assert stage.deps.keyring.ids(share_key_id(share_id))
    retention.patrol_shares(stage.deps, None)
    run_all(stage.deps)
    assert not stage.deps.keyring.ids(share_key_id(share_id))
    assert recorded(stage).contents_deleted_at is not None


def test_a_share_without_its_account_does_not_stop_the_patrol(stage: Stage) -> None:
    share_id = stage.publish()
    table = metadata.tables["account"]
    with as_owner(stage.database_url) as connection:
        connection.execute(delete(table).where(table.c.id == stage.byggesak.id))
    assert retention.patrol_shares(stage.deps, None) is None
    assert stage.deps.keyring.ids(share_key_id(share_id))


def test_a_share_over_before_the_end_was_neither_open_nor_withdrawn_even_without_a_worker(
    stage: Stage,
) -> None:
    late, open_share = stage.publish(), stage.publish()
    with recording(stage.deps.database) as tx:
        share = existing(tx.shares.get(late))
        tx.shares.save(replace(share, expires_at=NOON + timedelta(hours=1)))
    stage.clock.advance(hours=1)
    end(stage)
    assert recorded(stage).held.open_shares == 1
    with stage.deps.database.read() as tx:
        states = [existing(tx.shares.get(share_id)).state for share_id in (late, open_share)]
    assert states == [ShareState.ENDED, ShareState.WITHDRAWN]


def test_after_the_end_members_reach_nothing_and_administrators_still_get_in(stage: Stage) -> None:
    share_id = stage.publish()
    tenant = end(stage)
    for number in (KARI, ODD):
        assert members.memberships(stage.deps, person(number)) == []
    with pytest.raises(NotFound):
        stage.draft()
    assert roles_of(stage.deps, person(SIV)).administered == (tenant,)
    with stage.deps.database.read() as tx:
        assert existing(tx.shares.get(share_id)).state is ShareState.WITHDRAWN


def test_the_end_of_one_tenant_is_not_the_end_of_another(stage: Stage) -> None:
    draft = stage.draft(VIGDIS, stage.barnevern)
    end(stage)
    run_all(stage.deps)
    assert [m.account for m in members.memberships(stage.deps, person(VIGDIS))] == [stage.barnevern]
    with stage.deps.database.read() as tx:
        assert existing(tx.shares.get(draft.id)).state is ShareState.DRAFT


def test_the_end_is_recorded_with_who_and_what_it_took(stage: Stage) -> None:
    stage.publish()
    assert end(stage).ended_at == NOON
    [(who, event)] = [(w, e) for w, e in stage.trail() if e.kind is EventKind.TENANT_ENDED]
    assert (who, event.tenant_id) == (SIV, stage.tenant.id)
    assert dict(event.details or {}) == {
        "accounts": 2, "members": 3, "drafts": 0, "open_shares": 1, "documents": 1, "stored_bytes": 7,
        "revision": 3,
    }  # fmt: skip
    assert recorded(stage).ended_by == "Siv Holm"


@pytest.mark.parametrize("typed", ["", "Eksempel", "Prøve kommune", "Eksempel kommune 2"])
def test_without_the_tenants_name_nothing_ends(stage: Stage, typed: str) -> None:
    with pytest.raises(InvalidInput, match="tenant_name_differs"):
        end(stage, typed)
    assert EventKind.TENANT_ENDED not in kinds(stage)
    assert stage.draft()


def test_the_name_may_be_typed_as_people_type(stage: Stage) -> None:
    assert end(stage, "  eksempel   KOMMUNE ").ended_at == NOON


def test_ending_it_twice_ends_it_once_with_any_input(stage: Stage) -> None:
    first = end(stage)
    stage.clock.advance(hours=1)
    assert end(stage, "") == first
    assert kinds(stage).count(EventKind.TENANT_ENDED) == 1


def test_of_two_administrators_who_end_it_at_once_one_does(stage: Stage) -> None:
    with ThreadPoolExecutor(4) as pool:
        ended = set(pool.map(lambda _: end(stage), range(4)))
    assert len(ended) == 1
    assert kinds(stage).count(EventKind.TENANT_ENDED) == 1


def test_a_tenant_never_taken_into_use_may_leave_too_and_is_forgotten(stage: Stage) -> None:
    stage.change_tenant(activated_at=None)
    record_assessment(stage.deps, stage.tenant.id, person(SIV))
    end(stage)
    run_all(stage.deps)
    assert recorded(stage).state is DeletionState.CONTENTS_DELETED
    stage.clock.instant = NOON + RETENTION
    run_all(stage.deps)
    assert recorded(stage).state is DeletionState.NAMES_ERASED
    assert roles_of(stage.deps, person(SIV)).administered == ()
    registration.create_tenant(stage.deps, organization_number="310240001", name="Eksempel kommune", contact=Contact())


def test_what_the_operator_has_stopped_is_not_deleted(stage: Stage) -> None:
    share_id = stage.publish()
    stage.change_tenant(frozen_at=NOON)
    with pytest.raises(Conflict, match="end_while_frozen"):
        end(stage)
    with stage.deps.database.read() as tx:
        assert existing(tx.shares.get(share_id)).state is ShareState.AVAILABLE


def test_nor_does_an_end_delete_an_account_that_the_operator_has_stopped(stage: Stage) -> None:
    freezing.set_account_freeze(stage.deps, stage.byggesak.id, None, FreezeReason.AUTHORITY)
    with pytest.raises(Conflict, match="end_while_frozen"):
        end(stage)
    freezing.set_account_freeze(stage.deps, stage.byggesak.id, None, None)
    assert end(stage).ended_at


def test_a_tenant_that_does_not_exist_does_not_end(stage: Stage) -> None:
    with pytest.raises(NotFound):
        offboard_tenant(stage.deps, tenant_id="nobody", typed_name="")


def rounds_until(stage: Stage, last: object) -> Iterator[None]:
    """One round of the end at a time, up to ``last``."""
    for reconcile in worker.ROUNDS:
        reconcile(stage.deps)
        yield
        if reconcile is last:
            return


def test_the_record_is_complete_when_keys_and_objects_are_gone_and_not_before(stage: Stage) -> None:
    stage.publish()
    stage.draft()
    end(stage)
    stage.clock.advance(minutes=5)
    for _ in rounds_until(stage, retention.delete_garbage):
        assert recorded(stage).state is DeletionState.UNDER_WAY
    assert offboarding.complete_deletions(stage.deps) == 1
    record = recorded(stage)
    assert (record.state, record.contents_deleted_at) == (DeletionState.CONTENTS_DELETED, stage.clock.now())
    assert (record.destroyed_keys, record.keys_destroyed_at) == (2, stage.clock.now())
    assert record.held == TenantTotals(2, 3, 1, 1, 1, 7)
    assert list(stage.deps.blobs.list()) == []
    assert offboarding.complete_deletions(stage.deps) == 0
    assert kinds(stage).count(EventKind.DELETION_RECORDED) == 1


def test_the_record_waits_while_an_object_is_left_in_the_store(stage: Stage) -> None:
    stage.publish()
    end(stage)
    for _ in rounds_until(stage, retention.release_blobs):
        pass
    assert list(stage.deps.blobs.list())
    assert offboarding.complete_deletions(stage.deps) == 0


def test_a_tenant_that_never_shared_is_deleted_at_once(stage: Stage) -> None:
    end(stage)
    run_all(stage.deps)
    record = recorded(stage)
    assert (record.state, record.destroyed_keys) == (DeletionState.CONTENTS_DELETED, 0)
    assert record.keys_destroyed_at is None


def test_a_tenant_in_use_has_no_record(stage: Stage) -> None:
    with pytest.raises(NotFound):
        recorded(stage)
    with pytest.raises(NotFound):
        deletion_paper(stage.deps, tenant_id=stage.tenant.id)


def test_after_the_retention_period_nobody_of_the_tenant_is_known_and_not_before(stage: Stage) -> None:
    stage.publish()
    record_assessment(stage.deps, stage.tenant.id, person(SIV))
    end(stage)
    run_all(stage.deps)
    stage.clock.instant = NOON + RETENTION - timedelta(seconds=1)
    run_all(stage.deps)
    assert roles_of(stage.deps, person(SIV)).administered
    assert recorded(stage).names_until == NOON + RETENTION
    stage.clock.instant = NOON + RETENTION
    run_all(stage.deps)
    record = recorded(stage)
    assert (record.state, record.ended_by, record.names_until) == (
        DeletionState.NAMES_ERASED,
        "",
        NOON + RETENTION,
    )
    assert roles_of(stage.deps, person(SIV)).administered == ()
    keyring = stage.deps.keyring
    assert keyring.ids(tenant_key_id(stage.tenant.id)) == []
    assert keyring.ids(f"{AUDIT_PREFIX}{stage.tenant.id}:") == []
    assert kinds(stage).count(EventKind.TENANT_FORGOTTEN) == 1
    assert offboarding.forget_tenants(stage.deps) == 0
    with stage.deps.database.read() as tx:
        assert tx.audit.verify() is None
        assert tx.tenant_lifecycle.assessments(stage.tenant.id) == []


def test_no_subject_is_left_when_a_worker_dies_as_it_forgets_a_tenant(stage: Stage) -> None:
    end(stage)
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        subjects = {event.subject_id for _, event in tx.audit.events() if event.subject_id}
        assert tx.subjects.by_ids(subjects)
    stage.clock.instant = NOON + RETENTION
    dying = replace(stage.deps, keyring=FaultyKeyring(stage.deps.keyring, dies_after_destroy=True))
    with pytest.raises(Crash):
        offboarding.forget_tenants(dying)
    run_all(stage.deps)
    assert recorded(stage).state is DeletionState.NAMES_ERASED
    with stage.deps.database.read() as tx:
        assert tx.subjects.by_ids(subjects) == []


def test_when_forgetting_was_broken_off_after_the_keys_the_record_still_opens(stage: Stage) -> None:
    end(stage)
    stage.deps.keyring.destroy([tenant_key_id(stage.tenant.id)])
    assert recorded(stage).ended_by == ""


def test_a_tenant_is_forgotten_with_what_was_done_to_it_after_the_end_too(stage: Stage) -> None:
    end(stage)
    run_all(stage.deps)
    stage.clock.advance(days=300)
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=OLA, name="Ola Moen", person=person(SIV))
    stage.clock.instant = NOON + RETENTION
    run_all(stage.deps)
    mine = [(who, event) for who, event in stage.trail() if event.tenant_id == stage.tenant.id]
    assert mine
    assert {who for who, _ in mine} == {None}


def test_nobody_can_be_asked_and_no_paper_is_left_when_a_tenant_is_forgotten(stage: Stage) -> None:
    sign_agreements(stage.deps, stage.tenant.id)
    rules = AccountRules(contact=Contact("22 33 44 55", "kari.lunde@eksempel.example", "9-15"), sms_cost_code="Kari L.")
    stage.change_account(stage.byggesak, rules=rules)
    with stage.deps.database.write() as tx:
        tx.statistics.count_notice(stage.byggesak.id, Month(2026, 11), Cost("Kari L.", 1))
    end(stage)
    run_all(stage.deps)
    papers = agreements_of(stage.deps, tenant_id=stage.tenant.id)
    stage.clock.instant = NOON + RETENTION
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        assert existing(tx.tenants.get(stage.tenant.id)).contact == Contact()
        accounts = tx.accounts.of_tenant(stage.tenant.id)
        assert {account.rules for account in accounts} == {AccountRules()}
        [counted] = tx.statistics.notices([stage.byggesak.id], Month(2026, 11), Month(2026, 11))
        assert (counted.cost_code, counted.notices) == ("", 1)
        assert tx.agreements.main_agreement_pdf(papers.mains[0].agreement.id) is None
        assert tx.agreements.signed_paper(papers.services[0].agreement.id) is None
    after = agreements_of(stage.deps, tenant_id=stage.tenant.id)
    assert [(view.agreement, view.signer) for view in after.mains] == [(papers.mains[0].agreement, "")]


def test_a_body_that_has_been_forgotten_may_come_back_and_finds_nothing_of_its_own(stage: Stage) -> None:
    back = {"organization_number": "310240001", "name": "Eksempel kommune", "contact": Contact()}
    end(stage)
    run_all(stage.deps)
    with pytest.raises(Conflict, match="tenant_exists"):
        registration.create_tenant(stage.deps, **back)
    stage.clock.instant = NOON + RETENTION
    run_all(stage.deps)
    tenant = registration.create_tenant(stage.deps, **back)
    assert not tenant.is_in_use
    assert holdings_of(stage.deps, tenant_id=tenant.id) == TenantTotals()
    assert recorded(stage).tenant.organization_number == "310240001 (avsluttet 2026-11-24)"


def test_a_tenant_key_that_is_there_again_after_a_tenant_was_forgotten_is_destroyed_with_an_alarm(stage: Stage) -> None:
    end(stage)
    run_all(stage.deps)
    entry = tenant_key_id(stage.tenant.id)
    offboarding.destroy_tenant_keys(stage.deps)
    assert stage.deps.keyring.ids(entry) == [entry]
    stage.clock.instant = NOON + RETENTION
    run_all(stage.deps)
    assert stage.deps.keyring.ids(entry) == []
    stage.deps.keyring.create(entry)
    offboarding.destroy_tenant_keys(stage.deps)
    assert stage.deps.keyring.ids(entry) == []
    assert stage.deps.damage.take() == [DamagedRow("tenant_key", stage.tenant.id)]


def test_nobody_of_another_tenant_is_forgotten(stage: Stage) -> None:
    record_assessment(stage.deps, stage.barnevern.tenant_id)
    end(stage)
    run_all(stage.deps)
    stage.clock.instant = NOON + RETENTION
    run_all(stage.deps)
    assert len(members.memberships(stage.deps, person(VIGDIS))) == 1
    with stage.deps.database.read() as tx:
        assert len(tx.tenant_lifecycle.assessments(stage.barnevern.tenant_id)) == 1


def words(pdf: bytes) -> str:
    done = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True)
    return " ".join(done.stdout.decode().split())


def test_no_paper_is_issued_while_anything_is_left(stage: Stage) -> None:
    stage.publish()
    end(stage)
    with pytest.raises(Conflict, match="deletion_under_way"):
        deletion_paper(stage.deps, tenant_id=stage.tenant.id)


def test_the_paper_names_the_person_the_holdings_and_the_time_of_deletion(stage: Stage) -> None:
    stage.publish(content=bytes(1_234_567))
    end(stage)
    stage.clock.advance(minutes=10)
    run_all(stage.deps)
    text = words(deletion_paper(stage.deps, tenant_id=stage.tenant.id))
    for expected in (
        "Sletteprotokoll",
        "Eksempel kommune, organisasjonsnummer 310240001",
        "Leverandør: Del dokument",
        "Siv Holm avsluttet tjenesten 24.11.2026 kl. 13.00 (norsk tid)",
        "1 234 567 byte",
        "Den siste 24.11.2026 kl. 13.10",
        "slettes 24.11.2027, når lagringstiden er over",
    ):
        assert expected in text


def test_the_paper_of_a_forgotten_tenant_names_nobody(stage: Stage) -> None:
    end(stage)
    stage.clock.instant = NOON + RETENTION
    run_all(stage.deps)
    text = words(deletion_paper(stage.deps, tenant_id=stage.tenant.id))
    assert "Siv Holm" not in text
    assert "Virksomheten avsluttet tjenesten" in text
    assert "Navn og identifikatorer ble slettet 24.11.2027" in text
    assert "Ingen igjen" in text
    assert "kontaktopplysninger" in text


def test_a_name_that_looks_like_markup_is_only_a_name_on_paper(stage: Stage) -> None:
    stage.change_tenant(name="*Eksempel* | kommune")
    end(stage, "*Eksempel* | kommune")
    run_all(stage.deps)
    assert "*Eksempel* | kommune" in words(deletion_paper(stage.deps, tenant_id=stage.tenant.id))
