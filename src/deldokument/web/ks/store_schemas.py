"""Objects of Fiks Dokumentlager: names and formats, no rules.

Guarantees:
- An object has exactly the fields that KS' client reads, because other clients may refuse unknown fields.
- Ids are UUIDs, instants ISO 8601 in UTC.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from deldokument.domain.uuids import uuid_of
from deldokument.services.shares.display.history import HistoryEvent
from deldokument.services.shares.published.stored_documents import DocumentDetails
from deldokument.web.ks.account_schemas import Shape


def document_metadata(document: DocumentDetails) -> Shape:
    """Return a DokumentMetadataDownloadResult."""
    return {
        "id": uuid_of(document.id),
        "dokumentnavn": document.name,
        "mimeType": document.media_type,
        "kryptertStorrelse": document.stored_length,
        "ukryptertStorrelse": document.length,
        "korrelasjonsid": _uuid(document.reference),
    }


def _uuid(reference: str) -> str | None:
    """Return a korrelasjonsid; None if the reference is not a UUID, which KS' client could not read."""
    try:
        return str(UUID(reference))
    except ValueError:
        return None


def document_with_events(document: DocumentDetails, events: Sequence[HistoryEvent]) -> Shape:
    """Return a DokumentMetadataUtvidet."""
    return {
        "id": uuid_of(document.id),
        "dokumentnavn": document.name,
        "kryptertStorrelse": document.stored_length,
        "ukryptertStorrelse": document.length,
        "tilgjengeligTil": _instant(document.expires_at),
        "mimetype": document.media_type,
        "slettet": document.is_deleted,
        "hendelser": [
            {"dato": _instant(event.at), "melding": event.kind.value, "aktor": event.system or event.person}
            for event in events
        ],
    }


def search_result(total: int, found: Sequence[DocumentDetails]) -> Shape:
    """Return a Sokeresultat."""
    return {"totaltAntallTreff": total, "dokumenter": [_hit(document) for document in found]}


def _hit(document: DocumentDetails) -> Shape:
    return {
        "id": uuid_of(document.id),
        "dokumentnavn": document.name,
        "kryptertStorrelse": document.stored_length,
        "ukryptertStorrelse": document.length,
        "opprettet": _instant(document.created_at),
        "mimetype": document.media_type,
        "slettet": document.is_deleted,
        "korrelasjonsid": _uuid(document.reference),
    }


def updated_document(document_id: str, until: datetime) -> Shape:
    """Return a DokumentMetadataUpdateResult."""
    return {"id": uuid_of(document_id), "tilgjengeligTil": _instant(until)}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
