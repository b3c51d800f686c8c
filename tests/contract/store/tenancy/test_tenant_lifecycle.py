"""Assessments, who began and ended, and the rest after an end are stored and found as the contract says."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from deldokument.domain.errors import ServiceError
from deldokument.domain.shares.share import ShareState
from deldokument.domain.tenants.impact_assessment import ImpactAssessment, ResidualRisk
from deldokument.domain.tenants.offboarding import TenantLifecycle, TenantTotals
from deldokument.domain.tenants.tenancy import Account, AccountRules, Administrator, Contact, Integration, Member
from deldokument.store.database import Database
from tests.contract.records import (
    ACCOUNT,
    DAY,
    HOUR,
    KARI,
    NOW,
    TENANT,
    append,
    available,
    begin_upload,
    complete_document_of,
    draft,
    ended,
    keep,
    settle,
)
from tests.contract.store.tenancy.test_agreements import MAIN, PAPER, SERVICE

ASSESSMENT = ImpactAssessment(
    id="assessment",
    tenant_id=TENANT.id,
    done_on=date(2026, 2, 28),
    risk=ResidualRisk.HIGH,
    consulted=True,
    recorded_at=NOW,
    sealed_assessor=b"assessor",
    sealed_role=b"role",
    sealed_recorder=b"recorder",
    media_type="application/pdf",
    length=4,
    sealed_file_name=b"name",
)
REACHED = AccountRules(Contact("22 00 00 00", "kari@eksempel.example", "9-15"), four_eyes=True, sms_cost_code="Kari")
OTHER = replace(TENANT, id="other", organization_number="974760223")
OTHERS = Account("theirs", OTHER.id, "Byggesak")
VIGDIS = Member("vigdis", OTHERS.id, b"hash of vigdis", b"sealed number", b"sealed name", NOW)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)
    with database.write() as tx:
        tx.tenants.add(OTHER)
        tx.accounts.add(OTHERS)
        tx.members.add(VIGDIS)


def end(database: Database, at: datetime = NOW, **changes: Any) -> None:
    with database.write() as tx:
        tx.tenants.save(replace(TENANT, ended_at=at))
        tx.tenant_lifecycle.save(TenantLifecycle(TENANT.id, **changes))


def others_stay(database: Database) -> None:
    """Another tenant that uses the service, with a share: no reason for this one's end to wait."""
    with database.write() as tx:
        tx.tenant_lifecycle.save(TenantLifecycle(OTHER.id, b"vigdis"))
    keep(database, of_others())


def of_others(**changes: Any) -> Any:
    return available(tenant_id=OTHER.id, account_id=OTHERS.id, member_id=VIGDIS.id, **changes)


def test_assessments_come_back_the_last_recorded_first_and_only_the_tenants_own(database: Database) -> None:
    later = replace(ASSESSMENT, id="b", risk=ResidualRisk.LOW, consulted=False, recorded_at=NOW + HOUR)
    bare = replace(later, id="a", media_type="", length=0, sealed_file_name=b"")
    with database.write() as tx:
        for assessment in (bare, ASSESSMENT, later, replace(ASSESSMENT, id="c", tenant_id=OTHER.id)):
            sealed_file = b"sealed " + assessment.id.encode() if assessment.length else b""
            tx.tenant_lifecycle.add_assessment(assessment, sealed_file)
    with database.read() as tx:
        assert tx.tenant_lifecycle.assessments(TENANT.id) == [later, bare, ASSESSMENT]
        assert tx.tenant_lifecycle.assessment_file("b") == b"sealed b"
        assert tx.tenant_lifecycle.assessment_file("a") is None
        assert tx.tenant_lifecycle.assessments("nobody") == []


@pytest.mark.parametrize("changes", [{"consulted": False}, {"length": 0}, {"media_type": ""}, {"tenant_id": "nobody"}])
def test_an_assessment_that_breaks_a_rule_is_refused_by_the_database(
    database: Database, changes: dict[str, Any]
) -> None:
    with pytest.raises(ServiceError), database.write() as tx:
        tx.tenant_lifecycle.add_assessment(replace(ASSESSMENT, **changes), b"sealed")


def test_a_tenure_comes_back_as_it_was_saved_last(database: Database) -> None:
    whole = TenantLifecycle(TENANT.id, b"ewa", b"odd", NOW + HOUR, NOW + DAY)
    with database.write() as tx:
        assert tx.tenant_lifecycle.get(TENANT.id) == TenantLifecycle(TENANT.id)
        tx.tenant_lifecycle.save(TenantLifecycle(TENANT.id, b"ewa"))
        tx.tenant_lifecycle.save(whole)
    with database.read() as tx:
        assert tx.tenant_lifecycle.get(TENANT.id) == whole
        assert tx.tenant_lifecycle.get(OTHER.id) == TenantLifecycle(OTHER.id)


def test_names_are_never_erased_before_the_contents(database: Database) -> None:
    with pytest.raises(ServiceError), database.write() as tx:
        tx.tenant_lifecycle.save(TenantLifecycle(TENANT.id, names_erased_at=NOW))


def test_holdings_count_what_lives_and_is_the_tenants_own(database: Database) -> None:
    gone = Account("gone", TENANT.id, "Skole", deleted_at=NOW)
    open_share, spent = available(), ended(key_destroyed_at=NOW)
    keep(database, open_share, draft(), draft(), ended(), spent, of_others())
    with database.write() as tx:
        tx.accounts.add(gone)
        tx.members.add(replace(KARI, id="kari-gone", account_id=gone.id))
        tx.members.add(replace(KARI, id="ola", lookup_hash=b"hash of ola"))
        tx.members.remove("ola", NOW)
        for share in (open_share, spent):
            tx.shares.add_document(complete_document_of(share, length=3 * 10**9))
    with database.read() as tx:
        assert tx.tenant_lifecycle.totals(TENANT.id, NOW) == TenantTotals(1, 1, 2, 1, 1, 3 * 10**9)
        assert tx.tenant_lifecycle.totals("nobody", NOW) == TenantTotals()


def test_an_end_withdraws_open_shares_and_abandons_drafts_of_that_tenant_alone(database: Database) -> None:
    shares = [available(), draft(), ended(), of_others(), available(expires_at=NOW + HOUR)]
    keep(database, *shares)
    with database.write() as tx:
        tx.tenant_lifecycle.close_shares(TENANT.id, NOW + HOUR)
    with database.read() as tx:
        after = [tx.shares.get(share.id) for share in shares]
    closed = {"closed_at": NOW + HOUR, "changed_at": NOW + HOUR}
    assert after == [
        replace(shares[0], state=ShareState.WITHDRAWN, **closed),
        replace(shares[1], state=ShareState.ABANDONED, **closed),
        *shares[2:4],
        replace(shares[4], state=ShareState.ENDED, **closed),
    ]


def test_a_share_published_while_the_tenant_ends_is_withdrawn(database: Database) -> None:
    share = draft(expires_at=NOW + DAY)
    keep(database, share)

    def end_meanwhile() -> None:
        with database.write() as tx:
            tx.tenant_lifecycle.close_shares(TENANT.id, NOW + HOUR)

    with ThreadPoolExecutor(1) as pool:
        with database.write() as tx:
            tx.shares.save(replace(share, state=ShareState.AVAILABLE, published_at=NOW))
            ending = pool.submit(end_meanwhile)
            time.sleep(0.2)
        ending.result()
    with database.read() as tx:
        found = tx.shares.get(share.id)
    assert found
    assert (found.state, found.published_at, found.closed_at) == (ShareState.WITHDRAWN, NOW, NOW + HOUR)


def test_everybody_of_a_tenant_is_removed_and_nobody_else(database: Database) -> None:
    integration = Integration("i", ACCOUNT.id, "974760673", "Fagsystem", NOW)
    with database.write() as tx:
        tx.integrations.add(integration)
        tx.tenant_lifecycle.remove_everybody(TENANT.id, NOW + HOUR)
    with database.read() as tx:
        assert tx.members.of_account(ACCOUNT.id) == []
        assert tx.integrations.of_account(ACCOUNT.id) == []
        assert tx.members.of_account(OTHERS.id) == [VIGDIS]


def test_every_share_of_a_tenant_is_listed_also_an_erased_one(database: Database) -> None:
    every = [draft(), available(), ended(), ended(key_destroyed_at=NOW), ended(key_destroyed_at=NOW)]
    keep(database, *every)
    others_stay(database)
    with database.write() as tx:
        tx.retention.erase_shares([every[-1].id], NOW)
        assert sorted(tx.tenant_lifecycle.share_ids(TENANT.id)) == sorted(one.id for one in every)


def test_a_tenant_is_empty_when_it_has_ended_and_no_key_and_no_object_is_left(database: Database) -> None:
    def emptied() -> list[str]:
        with database.write() as tx:
            return tx.tenant_lifecycle.emptied_tenants(10)

    share = ended()
    keep(database, share)
    others_stay(database)
    append(database, begin_upload(database, share), 100)
    assert emptied() == []
    end(database)
    assert emptied() == []
    with database.write() as tx:
        tx.shares.save(replace(share, key_destroyed_at=NOW))
    assert emptied() == []
    with database.write() as tx:
        tx.retention.release_blobs([share.id], NOW)
        names = tx.uploads.garbage(10)
    assert emptied() == []
    with database.write() as tx:
        tx.uploads.forget_garbage(names)
    assert emptied() == [TENANT.id]
    end(database, contents_deleted_at=NOW)
    assert emptied() == []


def test_what_others_have_to_be_deleted_keeps_no_tenant_from_being_empty(database: Database) -> None:
    mine, theirs = ended(key_destroyed_at=NOW), of_others()
    keep(database, mine, theirs)
    [own], [others] = (append(database, begin_upload(database, share), 100) for share in (mine, theirs))
    end(database)
    with database.write() as tx:
        tx.retention.release_blobs([mine.id, theirs.id], NOW)
        assert set(tx.uploads.garbage(10)) == {own.id, others.id}
        assert tx.tenant_lifecycle.emptied_tenants(10) == []
        tx.uploads.forget_garbage([own.id])
        assert tx.tenant_lifecycle.emptied_tenants(10) == [TENANT.id]


def test_a_tenant_is_forgettable_after_its_retention_when_no_share_has_names(database: Database) -> None:
    def forgettable(now: datetime) -> list[str]:
        with database.write() as tx:
            return tx.tenant_lifecycle.forgettable(now, 10)

    share = ended(key_destroyed_at=NOW)
    keep(database, share)
    others_stay(database)
    over = NOW + TENANT.retention
    end(database)
    assert forgettable(over) == []
    end(database, contents_deleted_at=NOW)
    assert forgettable(over) == []
    with database.write() as tx:
        tx.retention.erase_shares([share.id], over)
    assert forgettable(over - timedelta(microseconds=1)) == []
    assert forgettable(over) == [TENANT.id]
    end(database, contents_deleted_at=NOW, names_erased_at=over)
    assert forgettable(over) == []


def test_people_assessments_papers_and_contacts_of_a_tenant_are_forgotten_and_those_of_others_stay(
    database: Database,
) -> None:
    ewa = Administrator("ewa", TENANT.id, b"hash of ewa", b"sealed", b"name")
    with database.write() as tx:
        tx.staff.add_administrator(ewa)
        tx.staff.add_administrator(replace(ewa, id="ewa-other", tenant_id=OTHER.id))
        tx.tenant_lifecycle.add_assessment(ASSESSMENT, b"sealed")
        tx.tenant_lifecycle.add_assessment(replace(ASSESSMENT, id="theirs", tenant_id=OTHER.id), b"sealed")
        for number, owner in enumerate((TENANT, OTHER)):
            tx.agreements.add_main_agreement(replace(MAIN, id=f"main{number}", tenant_id=owner.id), b"sealed")
            service = replace(SERVICE, id=f"service{number}", tenant_id=owner.id)
            tx.agreements.add_service_agreement(service, PAPER)
        for kept in (ACCOUNT, OTHERS):
            tx.accounts.save(replace(kept, rules=REACHED))
        tx.tenant_lifecycle.remove_everybody(TENANT.id, NOW)
        # Several members that the removal missed.
        for each in ("late", "later"):
            tx.members.add(replace(KARI, id=each, lookup_hash=each.encode()))
        tx.tenant_lifecycle.forget_people(TENANT.id, NOW + DAY)
    with database.read() as tx:
        forgotten = replace(KARI, lookup_hash=b"", sealed_identifier=b"", sealed_name=b"", removed_at=NOW)
        assert tx.members.get(KARI.id) == forgotten
        assert tx.members.get("later") == replace(forgotten, id="later", removed_at=NOW + DAY)
        assert tx.staff.administrators(TENANT.id) == []
        assert tx.tenant_lifecycle.assessments(TENANT.id) == []
        assert tx.tenant_lifecycle.assessment_file(ASSESSMENT.id) is None
        assert tx.members.get(VIGDIS.id) == VIGDIS
        assert len(tx.staff.administrators(OTHER.id)) == 1
        assert tx.tenant_lifecycle.assessment_file("theirs") == b"sealed"
        papers = [tx.agreements.main_agreement_pdf(f"main{number}") for number in range(2)]
        assert papers == [None, b"sealed"]
        assert [tx.agreements.signed_paper(f"service{number}") for number in range(2)] == [None, PAPER]
        assert len(tx.agreements.main_agreements(TENANT.id)) == 1
        kept = tx.accounts.by_ids([ACCOUNT.id, OTHERS.id])
        assert [account.rules for account in kept.values()] == [AccountRules(four_eyes=True), REACHED]
