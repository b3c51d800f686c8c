"""What KS' Java client does with Dokumentlager, it does here: level 3 and level 4, to the end."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.shares.share import ShareState
from deldokument.domain.tenants.tenancy import Integration
from deldokument.domain.uuids import document_id_of, uuid_of
from deldokument.services.accounts.integrations import confirm_archive, renew_password
from deldokument.services.downloads.content import open_document, read_content
from deldokument.services.uploads.exchange_keys import RENEWED_AFTER
from tests.ks.conftest import Fiks
from tests.ks.java_client import (
    Autorisasjon,
    DokumentlagerHttpError,
    DokumentMetadataUpload,
    EmptyDokumentError,
    Integrasjon,
    JavaClient,
    OffsetDateTime,
    Organisasjon,
    Person,
)
from tests.ks.test_sharing import living
from tests.support.browser import site
from tests.support.deployment.systems import integrate
from tests.support.servers.local_server import listening
from tests.support.stage.envelopes import enveloped
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, OLA, person

OTHER = "314758625"
REFERENCE = UUID("4c0ffee0-0000-4000-8000-000000000001")
OSLO_WINTER = timezone(timedelta(hours=1))
PDF = b"%PDF-1.4\n" + os.urandom(200_000)


@pytest.fixture
def address(fiks: Fiks) -> Iterator[str]:
    with listening(fiks.web.stage, site()) as address:
        yield address


@pytest.fixture
def client(fiks: Fiks, address: str) -> Iterator[JavaClient]:
    """KS' client of FJELL AS' system. The administrator has confirmed archiving: it has no field for that."""
    confirm_archive(fiks.web.stage.deps, **place_of(fiks, fiks.integration), confirmed=True)
    new = JavaClient(address, "fjell", UUID(uuid_of(fiks.integration.id)), fiks.password)
    yield new
    new.close()


@pytest.fixture
def org(fiks: Fiks) -> UUID:
    return UUID(uuid_of(fiks.web.stage.tenant.id))


@pytest.fixture
def konto(fiks: Fiks) -> UUID:
    return UUID(uuid_of(fiks.web.stage.byggesak.id))


def place_of(fiks: Fiks, integration: Integration) -> dict[str, str]:
    stage = fiks.web.stage
    return {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id, "integration_id": integration.id}


def metadata(fiks: Fiks, **changes: object) -> DokumentMetadataUpload:
    own = Integrasjon(UUID(uuid_of(fiks.integration.id)))
    usual = {
        "dokumentnavn": "vedtak «Åse».pdf",
        "mimetype": "application/pdf",
        "ttl": 86400,
        "eksponert_for": (Person(OLA), Organisasjon(FJELL), own),
        "sikkerhetsniva": 3,
        "korrelasjonsid": REFERENCE,
    }
    return DokumentMetadataUpload(**(usual | changes))  # type: ignore[arg-type]


def received(fiks: Fiks, document_id: str) -> bytes:
    """What Ola downloads."""
    deps, [view] = fiks.web.stage.deps, living(fiks)
    content = open_document(deps, person(OLA), view.share.id, document_id_of(document_id))
    return b"".join(bytes(piece) for piece in read_content(deps, content, 0, content.length))


@pytest.mark.parametrize("level", [3, 4, None])
def test_from_upload_to_deletion_at_each_level(
    fiks: Fiks, client: JavaClient, org: UUID, konto: UUID, level: int | None
) -> None:
    uploaded = client.upload(PDF, metadata(fiks, sikkerhetsniva=level), org, konto)
    assert (uploaded.dokumentnavn, uploaded.mimeType) == ("vedtak «Åse».pdf", "application/pdf")
    assert uploaded.ukryptertStorrelse == len(PDF)
    inspect_documents(fiks.web.stage.deps)
    dokument = UUID(uploaded.id)
    assert client.download(dokument) == received(fiks, uploaded.id) == PDF
    known = client.download_metadata(dokument)
    assert (known.mimeType, known.ukryptertStorrelse) == ("application/pdf", len(PDF))
    assert known.kryptertStorrelse == uploaded.kryptertStorrelse
    assert known.korrelasjonsid == str(REFERENCE)
    count, [hit] = client.search(org, konto, REFERENCE)
    assert (count, hit.id, hit.slettet, hit.opprettet) == (1, uploaded.id, False, "2026-11-24T12:00:00Z")
    client.delete(org, konto, dokument)
    for again in (lambda: client.download(dokument), lambda: client.delete(org, konto, dokument)):
        with pytest.raises(DokumentlagerHttpError) as caught:
            again()
        assert caught.value.status == 410
    assert client.search(org, konto, REFERENCE, 0, 10)[1][0].slettet
    assert [view.share.state for view in living(fiks)] == [ShareState.WITHDRAWN]


def test_times_come_with_nanoseconds_and_an_offset(fiks: Fiks, client: JavaClient, org: UUID, konto: UUID) -> None:
    until = OffsetDateTime(datetime(2026, 12, 1, 12, 0, tzinfo=OSLO_WINTER), 123_456_789)
    assert str(until) == "2026-12-01T12:00:00.123456789+01:00"
    uploaded = client.upload(PDF, metadata(fiks, ttl=None, tilgjengelig_til=until), org, konto)
    [view] = living(fiks)
    assert view.share.expires_at == datetime(2026, 12, 1, 11, 0, 0, 123_456, tzinfo=UTC)
    later = OffsetDateTime(datetime(2026, 12, 2, 12, 0, tzinfo=OSLO_WINTER), 1)
    assert client.update_metadata(org, konto, UUID(uploaded.id), til=later).tilgjengeligTil == "2026-12-02T11:00:00Z"
    assert client.update_metadata(org, konto, UUID(uploaded.id), ttl=7200).tilgjengeligTil == "2026-11-24T14:00:00Z"


def test_all_documents_of_a_case_are_deleted_together(fiks: Fiks, client: JavaClient, org: UUID, konto: UUID) -> None:
    for _ in range(2):
        client.upload(PDF, metadata(fiks), org, konto)
    client.delete_by_korrelasjonsid(org, konto, REFERENCE)
    count, hits = client.search(org, konto, REFERENCE)
    assert (count, [hit.slettet for hit in hits]) == (2, [True, True])


def test_a_client_that_keeps_the_certificate_encrypts_to_it_after_another_is_offered(
    fiks: Fiks, client: JavaClient, org: UUID, konto: UUID
) -> None:
    before = client.public_key()
    client.upload(PDF, metadata(fiks, sikkerhetsniva=4), org, konto)
    fiks.web.stage.clock.advance(days=RENEWED_AFTER.days)
    assert client.public_key() != before
    assert client.upload(PDF, metadata(fiks, sikkerhetsniva=4), org, konto).ukryptertStorrelse == len(PDF)


def test_a_system_decrypts_no_captured_upload_of_another_organisation_by_sharing_it_as_its_own(
    fiks: Fiks, client: JavaClient, address: str, org: UUID, konto: UUID
) -> None:
    stage = fiks.web.stage
    captured = enveloped(client.public_certificate(), PDF)
    stage.register.known[OTHER] = replace(stage.register.known[FJELL], number=OTHER)
    other = integrate(stage, number=OTHER)
    confirm_archive(stage.deps, **place_of(fiks, other), confirmed=True)
    stage.tokens.known["other"] = Consumer(OrganizationNumber(OTHER))
    password = renew_password(stage.deps, **place_of(fiks, other))
    own = JavaClient(address, "other", UUID(uuid_of(other.id)), password)
    with closing(own), pytest.raises(DokumentlagerHttpError) as caught:
        own.upload_already_encrypted(captured, metadata(fiks, eksponert_for=(Person(OLA),)), org, konto)
    assert json.loads(caught.value.response)["errorCode"] == "document_undecryptable"
    assert living(fiks) == []
    assert client.upload_already_encrypted(captured, metadata(fiks), org, konto).ukryptertStorrelse == len(PDF)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ttl": -1}, "end_wanted"),
        ({"ttl": None}, "end_wanted"),
        ({"eksponert_for": None}, "recipients_missing"),
        ({"eksponert_for": (Integrasjon(UUID(int=7)), Person(OLA))}, "exposed_to_other"),
        ({"eksponert_for": (Autorisasjon("EN.TILGANG", UUID(int=7)),)}, "recipient_unnamed"),
        ({"ikke_lagre_dokument_lastet_ned": True}, "downloads_always_recorded"),
        ({"dokumentnavn": None}, "field_missing"),
    ],
)
def test_an_unsupported_field_is_a_400_with_a_code(
    fiks: Fiks, client: JavaClient, org: UUID, konto: UUID, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(DokumentlagerHttpError) as caught:
        client.upload(PDF, metadata(fiks, **changes), org, konto)
    assert (caught.value.status, json.loads(caught.value.response)["errorCode"]) == (400, code)
    assert living(fiks) == []


def test_an_empty_document_is_refused_by_the_client_itself(
    fiks: Fiks, client: JavaClient, org: UUID, konto: UUID
) -> None:
    with pytest.raises(EmptyDokumentError):
        client.upload(b"", metadata(fiks), org, konto)


def test_a_document_damaged_in_transit_shares_nothing(fiks: Fiks, client: JavaClient, org: UUID, konto: UUID) -> None:
    sealed = enveloped(client.public_certificate(), PDF)
    with pytest.raises(DokumentlagerHttpError) as caught:
        client.upload_already_encrypted(sealed[:-20], metadata(fiks), org, konto)
    assert json.loads(caught.value.response)["errorCode"] == "document_undecryptable"
    assert living(fiks) == []
