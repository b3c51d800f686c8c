"""Tenants as tests of other things need them."""

from dataclasses import replace

from deldokument.domain.errors import existing
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.agreement_records import MainAgreement, PublishedText, ServiceAgreement, SignedPaper
from deldokument.domain.tenants.impact_assessment import ResidualRisk
from deldokument.domain.tenants.tenancy import Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.agreements import impact_assessment
from deldokument.services.agreements.impact_assessment import AssessmentView, AssessmentWords
from deldokument.services.agreements.status import Signer, seal_signer
from deldokument.services.encryption import EncryptedColumn, seal_field, seal_file, tenant_key_id
from tests.support.bulk.sample_files import PDF


def take_into_use(deps: Dependencies, tenant_id: str) -> Tenant:
    """The tenant in use, without the agreements and the assessment: tests of those walk the way as people do."""
    with deps.database.write() as tx:
        tenant = replace(existing(tx.tenants.get(tenant_id)), activated_at=deps.clock.now())
        tx.tenants.save(tenant)
    return tenant


def sign_agreements(deps: Dependencies, tenant_id: str, *kinds: AgreementKind) -> None:
    """Agreements in place, both unless ``kinds`` are given, signed by Grethe Ness."""
    with deps.database.write() as tx:
        for kind in kinds or (AgreementKind.MAIN, AgreementKind.SERVICE):
            tx.agreements.publish(PublishedText(kind, "1.0", deps.clock.now()))
            if kind is AgreementKind.MAIN:
                tx.agreements.add_main_agreement(*_main(deps, tenant_id))
            else:
                tx.agreements.add_service_agreement(*_service(deps, tenant_id))


def _main(deps: Dependencies, tenant_id: str) -> tuple[MainAgreement, bytes]:
    key, now, agreement_id = deps.keyring.create(tenant_key_id(tenant_id)), deps.clock.now(), new_id()
    signer = seal_field(key, "Grethe Ness, kommunedirektør", EncryptedColumn.MAIN_SIGNER, agreement_id)
    sealed_copy = seal_file(key, PDF, EncryptedColumn.MAIN_COPY, agreement_id)
    return MainAgreement(agreement_id, tenant_id, "1.0", day_of(now), now, "00" * 32, len(PDF), signer), sealed_copy


def _service(deps: Dependencies, tenant_id: str) -> tuple[ServiceAgreement, SignedPaper]:
    key, agreement_id = deps.keyring.create(tenant_key_id(tenant_id)), new_id()
    signer = Signer("14839114193", "Grethe Ness", "Kommunedirektør")
    agreement = ServiceAgreement(
        id=agreement_id,
        tenant_id=tenant_id,
        version="1.0",
        organization_number="310240001",
        organization_name="Eksempel kommune",
        signed_at=deps.clock.now(),
        text_sha256="00" * 32,
        document_sha256="00" * 32,
        sealed_signer=seal_signer(key, signer, agreement_id),
        sealed_evidence=b"",
    )
    papers = (
        seal_file(key, PDF, field, agreement_id)
        for field in (EncryptedColumn.SIGNED_DOCUMENT, EncryptedColumn.SIGNED_PDF)
    )
    return agreement, SignedPaper("# Tjenesteavtale", *papers)


def record_assessment(deps: Dependencies, tenant_id: str, person: PersonIdentifier | None = None) -> AssessmentView:
    """An impact assessment with low residual risk, done today."""
    words = AssessmentWords("Berit Ås", "Enhetsleder", day_of(deps.clock.now()), ResidualRisk.LOW)
    return impact_assessment.record_assessment(deps, tenant_id=tenant_id, words=words, person=person)
