"""The certificate to which systems encrypt: offered for a year, usable for two, and sealed at rest."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.services.uploads.exchange_keys import LIFETIME, RENEWED_AFTER, exchange_pairs, offered_certificate
from tests.support.deployment.systems import SUPPLIER, SYSTEM
from tests.support.stage.stage import FJELL, KARI, OLA, Stage, person

OTHER = Consumer(OrganizationNumber(SUPPLIER))


def certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def test_one_certificate_is_offered_for_a_year_and_its_key_kept_for_another(stage: Stage) -> None:
    first = offered_certificate(stage.deps, SYSTEM)
    assert offered_certificate(stage.deps, SYSTEM) == first
    found = certificate(first)
    assert found.subject.rfc4514_string() == "CN=del.example"
    assert found.not_valid_after_utc == stage.clock.now() + LIFETIME
    stage.clock.advance(days=RENEWED_AFTER.days)
    second = offered_certificate(stage.deps, SYSTEM)
    assert second != first
    assert exchange_pairs(stage.deps, SYSTEM).keys() == {found.serial_number, certificate(second).serial_number}
    stage.clock.instant += LIFETIME - RENEWED_AFTER + timedelta(seconds=1)
    third = offered_certificate(stage.deps, SYSTEM)
    assert exchange_pairs(stage.deps, SYSTEM).keys() == {certificate(one).serial_number for one in (second, third)}


def test_a_private_key_is_stored_sealed_and_for_its_own_record(stage: Stage) -> None:
    offered_certificate(stage.deps, SYSTEM)
    with stage.deps.database.write() as tx:
        [kept] = tx.exchange_keys.of(FJELL)
        assert b"PRIVATE KEY" not in kept.sealed_pair
        tx.exchange_keys.add(replace(kept, id="moved"))
        tx.exchange_keys.add(replace(kept, id="given to another", organization_number=OTHER.organization.value))
    for sharer in (SYSTEM, OTHER):
        with pytest.raises(IntegrityError):
            exchange_pairs(stage.deps, sharer)


def test_each_organisation_has_its_own_key_and_people_share_another(stage: Stage) -> None:
    offered = [certificate(offered_certificate(stage.deps, who)) for who in (SYSTEM, OTHER, person(KARI))]
    assert offered_certificate(stage.deps, person(OLA)) == offered_certificate(stage.deps, person(KARI))
    for who, own in zip((SYSTEM, OTHER, person(OLA)), offered, strict=True):
        assert exchange_pairs(stage.deps, who).keys() == {own.serial_number}


def test_a_service_without_a_host_name_offers_one_too(stage: Stage) -> None:
    deps = replace(stage.deps, config=replace(stage.deps.config, public_url=""))
    assert certificate(offered_certificate(deps, person(KARI))).subject.rfc4514_string() == "CN=deldokument"
