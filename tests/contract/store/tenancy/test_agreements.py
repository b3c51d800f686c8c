"""Published texts, agreements and signatures under way are kept as the contract says."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from deldokument.domain.errors import Conflict
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.agreement_records import (
    MainAgreement,
    PublishedText,
    ServiceAgreement,
    SignedPaper,
    SigningIntent,
    SigningLogin,
)
from deldokument.store.database import Database
from tests.contract.records import HOUR, NOW, TENANT, settle

OTHER = replace(TENANT, id="other", organization_number="974760674")
MAIN = MainAgreement("main", TENANT.id, "1.0", date(2026, 2, 28), NOW, "ab" * 32, 5, b"sealed signer")
SERVICE = ServiceAgreement(
    id="service",
    tenant_id=TENANT.id,
    version="1.0",
    organization_number=TENANT.organization_number,
    organization_name="Lillevik kommune",
    signed_at=NOW,
    text_sha256="cd" * 32,
    document_sha256="ef" * 32,
    sealed_signer=b"sealed signer",
    sealed_evidence=b"sealed evidence",
)
LOGIN = SigningLogin("state", "nonce", "verifier", "salt", NOW)
PAPER = SignedPaper("# Avtale\n\nÆ, Ø og Å.", b"sealed document", b"sealed pdf")


def intent(**changes: Any) -> SigningIntent:
    """A signature under way."""
    base = SigningIntent(
        id="intent",
        tenant_id=TENANT.id,
        session_hash=b"session",
        version="1.0",
        text_sha256="cd" * 32,
        document_sha256="ef" * 32,
        sealed_role=b"sealed role",
        created_at=NOW,
    )
    return replace(base, **changes)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)
    with database.write() as tx:
        tx.tenants.add(OTHER)


def test_a_version_is_published_once_and_kinds_are_apart(database: Database) -> None:
    first = PublishedText(AgreementKind.SERVICE, "1.0", NOW, b"sealed publisher")
    second = PublishedText(AgreementKind.SERVICE, "1.10", NOW + HOUR)
    with database.write() as tx:
        assert tx.agreements.published(AgreementKind.SERVICE) == []
        assert tx.agreements.publish(first)
        assert tx.agreements.publish(second)
        assert not tx.agreements.publish(replace(first, published_at=NOW + HOUR))
        assert tx.agreements.publish(replace(first, kind=AgreementKind.MAIN))
    with database.read() as tx:
        assert sorted(tx.agreements.published(AgreementKind.SERVICE), key=lambda t: t.version) == [first, second]
        assert [text.kind for text in tx.agreements.published(AgreementKind.MAIN)] == [AgreementKind.MAIN]


def test_main_agreements_are_kept_with_their_copies_the_last_recorded_first(database: Database) -> None:
    corrected = replace(MAIN, id="corrected", recorded_at=NOW + HOUR, version="1.1")
    with database.write() as tx:
        tx.agreements.add_main_agreement(MAIN, b"sealed copy")
        tx.agreements.add_main_agreement(corrected, b"sealed correction")
        tx.agreements.add_main_agreement(replace(MAIN, id="theirs", tenant_id=OTHER.id), b"sealed, of others")
    with database.read() as tx:
        assert tx.agreements.main_agreements(TENANT.id) == [corrected, MAIN]
        assert tx.agreements.main_agreement_pdf("main") == b"sealed copy"
        assert tx.agreements.main_agreement_pdf("corrected") == b"sealed correction"
        assert tx.agreements.main_agreement_pdf("nothing") is None
        assert tx.agreements.main_agreements("nobody") == []


def test_a_tenant_signs_a_version_once_and_the_first_signature_stays(database: Database) -> None:
    newer = replace(SERVICE, id="newer", version="1.1", signed_at=NOW + HOUR)
    with database.write() as tx:
        assert tx.agreements.add_service_agreement(SERVICE, PAPER)
        assert not tx.agreements.add_service_agreement(replace(SERVICE, id="again"), replace(PAPER, markdown="again"))
        assert tx.agreements.add_service_agreement(newer, PAPER)
        assert tx.agreements.add_service_agreement(replace(SERVICE, id="theirs", tenant_id=OTHER.id), PAPER)
    with database.read() as tx:
        assert tx.agreements.service_agreements(TENANT.id) == [newer, SERVICE]
        assert tx.agreements.signed_paper("service") == PAPER
        assert tx.agreements.signed_paper("again") is None


def test_an_intent_waits_for_a_login_and_is_then_found_by_its_state(database: Database) -> None:
    with database.write() as tx:
        tx.agreements.add_intent(intent())
        tx.agreements.add_intent(intent(id="another"))
        assert tx.agreements.intent("intent") == intent()
        assert tx.agreements.intent_by_state("state") is None
        assert tx.agreements.begin_intent("intent", LOGIN)
        assert not tx.agreements.begin_intent("nothing", LOGIN)
        assert tx.agreements.intent_by_state("state") == intent(login=LOGIN)
        again = replace(LOGIN, state="again", begun_at=NOW + HOUR)
        assert tx.agreements.begin_intent("intent", again)
        assert tx.agreements.intent_by_state("state") is None
        assert tx.agreements.intent_by_state("again") == intent(login=again)


def test_an_intent_is_taken_once_and_begins_no_login_after_that(database: Database) -> None:
    with database.write() as tx:
        tx.agreements.add_intent(intent(login=LOGIN))
        assert tx.agreements.take_intent("intent", NOW)
        assert not tx.agreements.take_intent("intent", NOW + HOUR)
        assert not tx.agreements.take_intent("nothing", NOW)
        assert not tx.agreements.begin_intent("intent", replace(LOGIN, state="again"))
        tx.agreements.finish_intent("intent", "signed")
    with database.read() as tx:
        assert tx.agreements.intent("intent") == intent(login=LOGIN, taken_at=NOW, outcome="signed")


def test_of_two_answers_at_once_one_takes_the_intent(database: Database) -> None:
    with database.write() as tx:
        tx.agreements.add_intent(intent(login=LOGIN))
    barrier = threading.Barrier(2)

    def take() -> bool:
        barrier.wait(10)
        with database.write() as tx:
            return tx.agreements.take_intent("intent", NOW)

    with ThreadPoolExecutor(2) as pool:
        taken = [future.result() for future in [pool.submit(take) for _ in range(2)]]
    assert sorted(taken) == [False, True]


def test_of_two_signatures_at_once_one_is_stored(database: Database) -> None:
    barrier = threading.Barrier(2)

    def sign(number: int) -> bool:
        barrier.wait(10)
        with database.write() as tx:
            return tx.agreements.add_service_agreement(replace(SERVICE, id=f"service-{number}"), PAPER)

    with ThreadPoolExecutor(2) as pool:
        signed = [future.result() for future in [pool.submit(sign, number) for number in range(2)]]
    assert sorted(signed) == [False, True]
    with database.read() as tx:
        assert len(tx.agreements.service_agreements(TENANT.id)) == 1


def test_two_intents_never_share_a_state(database: Database) -> None:
    with database.write() as tx:
        tx.agreements.add_intent(intent(login=LOGIN))
        tx.agreements.add_intent(intent(id="another"))
    with pytest.raises(Conflict), database.write() as tx:
        tx.agreements.begin_intent("another", LOGIN)


def test_old_intents_are_forgotten_and_counted(database: Database) -> None:
    with database.write() as tx:
        tx.agreements.add_intent(intent())
        tx.agreements.add_intent(intent(id="fresh", created_at=NOW + HOUR))
        assert tx.agreements.forget_intents(NOW + HOUR) == 1
        assert tx.agreements.intent("intent") is None
        assert tx.agreements.intent("fresh") is not None
