"""What a tenant has signed, against what is published."""

import hashlib
from datetime import date, timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, NotFound
from deldokument.domain.tenants.agreement import GRACE, AgreementKind, SignatureState
from deldokument.domain.tenants.agreement_records import MAX_COPY_LENGTH, PublishedText, ServiceAgreement, SignedPaper
from deldokument.services.agreements import status
from deldokument.services.agreements.status import AgreementStatus, Signer
from deldokument.services.downloads import access
from deldokument.services.encryption import tenant_key_id
from tests.support.browser import EWA
from tests.support.stage.stage import NOON, OLA, Stage, person
from tests.support.stored_data import do_as_owner

COPY = b"%PDF-1.7 signert"
DAY = timedelta(days=1)


def publish(stage: Stage, version: str, kind: AgreementKind = AgreementKind.SERVICE) -> None:
    """A version counts from now on."""
    with stage.deps.database.write() as tx:
        assert tx.agreements.publish(PublishedText(kind, version, stage.clock.now()))


def sign(stage: Stage, version: str, tenant_id: str = "") -> ServiceAgreement:
    """A signature of the version, without the way to it."""
    tenant_id = tenant_id or stage.tenant.id
    agreement_id = f"signed-{version}-{tenant_id}"
    key = status.tenant_key(stage.deps, tenant_id)
    agreement = ServiceAgreement(
        id=agreement_id,
        tenant_id=tenant_id,
        version=version,
        organization_number="310240001",
        organization_name="Eksempel kommune",
        signed_at=stage.clock.now(),
        text_sha256="cd" * 32,
        document_sha256="ef" * 32,
        sealed_signer=status.seal_signer(key, Signer(EWA, "Ewa Kowalska", "Rådmann"), agreement_id),
        sealed_evidence=b"",
    )
    with stage.deps.database.write() as tx:
        assert tx.agreements.add_service_agreement(agreement, SignedPaper("# Avtale", b"", b""))
    return agreement


def current_status(stage: Stage) -> AgreementStatus:
    with stage.deps.database.read() as tx:
        return status.agreement_status(stage.deps, tx, stage.tenant.id)


def record_main(stage: Stage, **changes: object) -> object:
    given = {
        "tenant_id": stage.tenant.id,
        "version": "1.0",
        "signed_on": date(2026, 11, 20),
        "signed_by": "Berit  Aas, kommunedirektør",
        "copy": COPY,
        "person": person(EWA),
    }
    return status.record_main_agreement(stage.deps, **(given | changes))  # type: ignore[arg-type]


def test_at_first_nothing_is_published_and_nothing_can_be_signed(stage: Stage) -> None:
    found = current_status(stage)
    assert (found.main_arrived, found.service_signed, found.wants_signature) == (False, False, False)
    assert (found.current, found.current_main, found.signed) == (None, None, None)


def test_a_published_version_wants_a_signature_that_then_holds(stage: Stage) -> None:
    publish(stage, "1.0")
    assert (current_status(stage).service_signed, current_status(stage).wants_signature) == (False, True)
    signed = sign(stage, "1.0")
    found = current_status(stage)
    assert found.signed == signed
    assert (found.service_signed, found.wants_signature, found.service.deadline) == (True, False, None)


def test_after_a_new_version_the_old_signature_holds_for_the_grace_period_only(stage: Stage) -> None:
    publish(stage, "1.0")
    sign(stage, "1.0")
    stage.clock.advance(days=10)
    publish(stage, "1.10")
    stage.clock.advance(days=89)
    due = current_status(stage)
    assert (due.service.state, due.service_signed, due.wants_signature) == (SignatureState.DUE, True, True)
    assert due.service.deadline == NOON + 10 * DAY + GRACE
    stage.clock.advance(days=1)
    overdue = current_status(stage)
    assert (overdue.service.state, overdue.service_signed) == (SignatureState.OVERDUE, False)


def test_an_overdue_signature_stops_new_shares_and_keeps_the_others(stage: Stage) -> None:
    publish(stage, "1.0")
    sign(stage, "1.0")
    publish(stage, "1.10")
    stage.clock.advance(days=89)
    shared = stage.publish(OLA)
    stage.clock.advance(days=1)
    with pytest.raises(Conflict, match="signature_overdue"):
        stage.publish(OLA)
    assert access.authorize(stage.deps, person(OLA), shared)
    sign(stage, "1.10")
    assert stage.publish(OLA)


def test_one_new_version_after_the_other_gives_no_new_grace_period(stage: Stage) -> None:
    publish(stage, "1.0")
    sign(stage, "1.0")
    publish(stage, "1.1")
    stage.clock.advance(days=80)
    publish(stage, "1.2")
    found = current_status(stage)
    assert found.current is not None
    assert (found.current.version, found.service.deadline) == ("1.2", NOON + GRACE)


def test_a_signature_of_others_does_not_count(stage: Stage) -> None:
    publish(stage, "1.0")
    with stage.deps.database.read() as tx:
        other = tx.tenants.by_number("213640003")
    assert other is not None
    sign(stage, "1.0", other.id)
    assert not current_status(stage).service_signed


def test_a_main_agreement_that_has_arrived_is_there_with_its_copy(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    record_main(stage)
    main = status.agreements_of(stage.deps, tenant_id=stage.tenant.id).mains[0]
    assert (main.signer, main.agreement.signed_on) == ("Berit Aas, kommunedirektør", date(2026, 11, 20))
    assert main.agreement.sha256 == hashlib.sha256(COPY).hexdigest()
    copy = status.main_agreement_copy(stage.deps, tenant_id=stage.tenant.id, agreement_id=main.agreement.id)
    assert copy == COPY
    assert current_status(stage).main_arrived
    [(number, event)] = [found for found in stage.trail() if found[1].kind is EventKind.MAIN_AGREEMENT_RECORDED]
    assert (number, event.tenant_id) == (EWA, stage.tenant.id)
    assert event.details == {"agreement": main.agreement.id, "version": "1.0"}


def test_a_correction_is_a_record_anew_and_the_first_stays(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    record_main(stage)
    stage.clock.advance(hours=1)
    record_main(stage, signed_on=date(2026, 11, 21))
    found = status.agreements_of(stage.deps, tenant_id=stage.tenant.id)
    assert [main.agreement.signed_on.day for main in found.mains] == [21, 20]
    assert found.status.main == found.mains[0].agreement


def test_the_same_record_sent_twice_is_one(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    assert record_main(stage) == record_main(stage)
    assert len(status.agreements_of(stage.deps, tenant_id=stage.tenant.id).mains) == 1


def test_all_faults_of_a_record_are_reported_at_once(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    with pytest.raises(InvalidFields) as failed:
        record_main(stage, version="2.0", signed_on=None, signed_by="B", copy=b"")
    assert [(error.field, error.code) for error in failed.value.errors] == [
        ("version", "version_not_published"),
        ("signed_on", "date_missing"),
        ("signed_by", "name_length"),
        ("copy", "copy_missing"),
    ]
    assert not current_status(stage).main_arrived


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signed_on": date(2026, 11, 25)}, "date_in_the_future"),
        ({"signed_on": date(1999, 12, 31)}, "date_too_early"),
        ({"copy": b"PK\x03\x04 a document for Word"}, "copy_not_pdf"),
        ({"copy": b"%PDF-".ljust(MAX_COPY_LENGTH + 1, b" ")}, "copy_too_large"),
    ],
)
def test_a_record_that_cannot_be_right_is_refused(stage: Stage, changes: dict[str, object], code: str) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    with pytest.raises(InvalidFields) as failed:
        record_main(stage, **changes)
    assert [error.code for error in failed.value.errors] == [code]


def test_a_day_that_has_begun_in_norway_is_not_in_the_future(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    stage.clock.instant = NOON.replace(hour=23, minute=30)
    record_main(stage, signed_on=date(2026, 11, 25))
    assert current_status(stage).main_arrived


def test_a_tenant_that_has_left_gets_no_agreement(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    stage.change_tenant(ended_at=NOON)
    with pytest.raises(Conflict, match="service_ended"):
        record_main(stage)


def test_a_tenant_that_has_been_forgotten_gets_no_new_key_for_its_papers(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    record_main(stage)
    stage.change_tenant(ended_at=NOON)
    stage.deps.keyring.destroy([tenant_key_id(stage.tenant.id)])
    with pytest.raises(Conflict, match="service_ended"):
        record_main(stage)
    assert stage.deps.keyring.get([tenant_key_id(stage.tenant.id)]) == {}
    assert status.agreements_of(stage.deps, tenant_id=stage.tenant.id).mains[0].signer == ""


def test_a_tenant_that_is_not_there_gets_neither_agreement_nor_key(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    with pytest.raises(NotFound):
        record_main(stage, tenant_id="nobody")
    assert stage.deps.keyring.get([tenant_key_id("nobody")]) == {}


def test_papers_of_another_tenant_are_not_there(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    record_main(stage)
    signed = sign(stage, "1.0")
    main = status.agreements_of(stage.deps, tenant_id=stage.tenant.id).mains[0]
    with pytest.raises(NotFound):
        status.main_agreement_copy(stage.deps, tenant_id="other", agreement_id=main.agreement.id)
    for read in (status.signed_pdf, status.signed_document):
        with pytest.raises(NotFound):
            read(stage.deps, tenant_id="other", agreement_id=signed.id)


def test_after_the_tenants_key_is_destroyed_the_facts_stay_and_nobody_is_named(stage: Stage) -> None:
    publish(stage, "1.0", AgreementKind.MAIN)
    record_main(stage)
    sign(stage, "1.0")
    stage.deps.keyring.destroy([tenant_key_id(stage.tenant.id)])
    found = status.agreements_of(stage.deps, tenant_id=stage.tenant.id)
    assert [(main.agreement.version, main.signer) for main in found.mains] == [("1.0", "")]
    assert [(service.agreement.version, service.signer, service.role) for service in found.services] == [
        ("1.0", "", "")
    ]
    papers = {
        status.main_agreement_copy: found.mains[0].agreement.id,
        status.signed_pdf: found.services[0].agreement.id,
        status.signed_document: found.services[0].agreement.id,
    }
    for paper, agreement_id in papers.items():
        with pytest.raises(NotFound):
            paper(stage.deps, tenant_id=stage.tenant.id, agreement_id=agreement_id)  # type: ignore[operator]


def test_the_signer_is_shown_by_name_and_role_and_no_number_is_readable(stage: Stage) -> None:
    signed = sign(stage, "1.0")
    view = status.agreements_of(stage.deps, tenant_id=stage.tenant.id).services[0]
    assert (view.signer, view.role) == ("Ewa Kowalska", "Rådmann")
    assert EWA not in repr(Signer(EWA, "Ewa Kowalska", "Rådmann"))
    assert EWA.encode() not in signed.sealed_signer


def test_an_agreement_with_an_emptied_signer_is_listed_without_a_name(stage: Stage) -> None:
    publish(stage, "1.0")
    sign(stage, "1.0")
    do_as_owner(stage.database_url, "UPDATE service_agreement SET sealed_signer = substr(sealed_signer, 1, 0)")
    [found] = status.agreements_of(stage.deps, tenant_id=stage.tenant.id).services
    assert (found.signer, found.role) == ("", "")
