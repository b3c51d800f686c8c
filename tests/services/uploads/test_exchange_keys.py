"""The certificate to which systems encrypt: offered for a year, usable for two, and sealed at rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from deldokument.crypto.errors import IntegrityError
from deldokument.services.uploads.exchange_keys import LIFETIME, RENEWED_AFTER, exchange_pairs, offered_certificate
from tests.support.world import Stage


def certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def test_one_certificate_is_offered_for_a_year_and_its_key_kept_for_another(stage: Stage) -> None:
    first = offered_certificate(stage.deps)
    assert offered_certificate(stage.deps) == first
    found = certificate(first)
    assert found.subject.rfc4514_string() == "CN=del.example"
    assert found.not_valid_after_utc == stage.clock.now() + LIFETIME
    stage.clock.advance(days=RENEWED_AFTER.days)
    second = offered_certificate(stage.deps)
    assert second != first
    assert exchange_pairs(stage.deps).keys() == {found.serial_number, certificate(second).serial_number}
    stage.clock.instant += LIFETIME - RENEWED_AFTER + timedelta(seconds=1)
    third = offered_certificate(stage.deps)
    assert exchange_pairs(stage.deps).keys() == {certificate(one).serial_number for one in (second, third)}


def test_a_private_key_is_stored_sealed_and_for_its_own_record(stage: Stage) -> None:
    offered_certificate(stage.deps)
    with stage.deps.database.write() as tx:
        [kept] = tx.exchange_keys.all()
        assert b"PRIVATE KEY" not in kept.sealed_pair
        tx.exchange_keys.add(replace(kept, id="moved"))
    with pytest.raises(IntegrityError):
        exchange_pairs(stage.deps)


def test_a_service_without_a_host_name_offers_one_too(stage: Stage) -> None:
    deps = replace(stage.deps, config=replace(stage.deps.config, public_url=""))
    assert certificate(offered_certificate(deps)).subject.rfc4514_string() == "CN=deldokument"
