"""The way to the first share, step by step, and what a tenant in use should look at."""

from dataclasses import replace
from datetime import date

import pytest

from deldokument.domain.errors import NotFound
from deldokument.domain.tenants.agreement import GRACE, AgreementKind
from deldokument.domain.tenants.agreement_records import PublishedText
from deldokument.domain.tenants.tenancy import AccountRules, Contact, Tenant
from deldokument.services.accounts import lifecycle
from deldokument.services.tenants import registration
from deldokument.services.tenants.activation import SetupStep, activate
from deldokument.services.tenants.setup_checklist import Reminder, SetupChecklist, SetupWarning, setup_checklist
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import FJELL, KARI, NOON, SIV, Stage, person
from tests.support.stage.tenants import record_assessment, sign_agreements


@pytest.fixture
def fresh(stage: Stage) -> Tenant:
    """A tenant that has done nothing yet; Siv administers it."""
    tenant = registration.create_tenant(stage.deps, organization_number=FJELL, name="Fjell", contact=Contact())
    add_administrator(stage.deps, tenant_id=tenant.id, number=SIV, name="Siv Holm")
    return tenant


@pytest.fixture
def settled(stage: Stage) -> Stage:
    """The stage's tenant, in use, with agreements and assessment in place."""
    sign_agreements(stage.deps, stage.tenant.id)
    record_assessment(stage.deps, stage.tenant.id)
    return stage


def checklist(stage: Stage, tenant: Tenant | None = None) -> SetupChecklist:
    return setup_checklist(stage.deps, tenant_id=(tenant or stage.tenant).id)


def test_the_steps_come_one_after_the_other(stage: Stage, fresh: Tenant) -> None:
    deps, tenant_id = stage.deps, fresh.id
    assert list(checklist(stage, fresh).done) == list(SetupStep)
    seen = [checklist(stage, fresh).next]
    sign_agreements(deps, tenant_id, AgreementKind.MAIN)
    seen.append(checklist(stage, fresh).next)
    sign_agreements(deps, tenant_id, AgreementKind.SERVICE)
    seen.append(checklist(stage, fresh).next)
    record_assessment(deps, tenant_id)
    seen.append(checklist(stage, fresh).next)
    activate(deps, tenant_id=tenant_id, person=person(SIV))
    seen.append(checklist(stage, fresh).next)
    account = lifecycle.create_account(deps, tenant_id=tenant_id, name="Avtaledokumenter")
    seen.append(checklist(stage, fresh).next)
    assert seen == list(SetupStep)
    assert not checklist(stage, fresh).can_share
    stage.add(KARI, "Kari Lunde", account)
    walked = checklist(stage, fresh)
    assert (walked.next, walked.can_share, walked.activated_by) == (None, True, "Siv Holm")


def test_a_deleted_account_is_on_nobodys_checklist(stage: Stage) -> None:
    stage.change_account(stage.avtaler, deleted_at=NOON)
    assert [view.account.name for view in checklist(stage).accounts] == ["Byggesak"]
    assert checklist(stage).contents.members == 1


def test_the_status_is_counted(settled: Stage) -> None:
    settled.publish()
    now = checklist(settled)
    held = now.contents
    assert (held.members, held.open_shares, held.stored_bytes, now.reminders) == (3, 1, 7, ())
    assert now.assessment
    assert now.assessment.assessor == "Berit Ås"


def test_a_tenant_that_does_not_exist_has_no_checklist(stage: Stage) -> None:
    with pytest.raises(NotFound):
        setup_checklist(stage.deps, tenant_id="nobody")


def test_missing_steps_are_listed_though_the_service_is_in_use(stage: Stage) -> None:
    assert [reminder.concern for reminder in checklist(stage).reminders] == [
        SetupWarning.MAIN_AGREEMENT_MISSING,
        SetupWarning.SIGNATURE_MISSING,
        SetupWarning.ASSESSMENT_MISSING,
    ]


def test_a_new_version_to_sign_is_listed_until_it_is_overdue(settled: Stage) -> None:
    with settled.deps.database.write() as tx:
        tx.agreements.publish(PublishedText(AgreementKind.SERVICE, "1.1", NOON))
    deadline = (NOON + GRACE).date()
    assert checklist(settled).reminders == (Reminder(SetupWarning.SIGNATURE_DUE, on=deadline),)
    settled.clock.instant = NOON + GRACE
    assert checklist(settled).reminders == (Reminder(SetupWarning.SIGNATURE_OVERDUE, on=deadline),)


def test_an_assessment_a_year_old_is_listed_with_its_day(settled: Stage) -> None:
    settled.clock.advance(days=365)
    assert checklist(settled).reminders == (Reminder(SetupWarning.ASSESSMENT_DUE, on=date(2027, 11, 24)),)
    assert checklist(settled).can_share


def test_a_stop_by_the_operator_is_listed(settled: Stage) -> None:
    settled.change_tenant(frozen_at=NOON)
    settled.change_account(settled.byggesak, frozen_at=NOON)
    assert [(r.concern, r.account and r.account.name, r.on) for r in checklist(settled).reminders] == [
        (SetupWarning.TENANT_FROZEN, None, NOON.date()),
        (SetupWarning.ACCOUNT_FROZEN, "Byggesak", NOON.date()),
    ]


@pytest.mark.parametrize(("quota", "is_near"), [(None, False), (8, False), (7, True), (6, True)])
def test_an_account_near_its_quota_is_listed(settled: Stage, quota: int | None, is_near: bool) -> None:
    settled.publish()
    settled.change_account(settled.byggesak, rules=replace(AccountRules(), quota=quota))
    concerns = [(reminder.concern, reminder.used) for reminder in checklist(settled).reminders]
    assert concerns == ([(SetupWarning.NEARLY_FULL, 7)] if is_near else [])
