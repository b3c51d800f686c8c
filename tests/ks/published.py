"""What KS has published of its interface («KS Fiks: Dokumentdeling», v1), expressed anew: paths, codes, fields."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ACCOUNT_NAME = (
    r"[A-ZÆØÅa-zæøå0-9ÁáÀàÂâÉéÈèÊêÍíÌìÎîÓóÒòÔôÚúÙùÛûÝýÄäËëÏïÖöÜü,.!?\-:;/\\'()&+*=%§]+"
    r"[A-ZÆØÅa-zæøå0-9ÁáÀàÂâÉéÈèÊêÍíÌìÎîÓóÒòÔôÚúÙùÛûÝýÄäËëÏïÖöÜü ,.!?\-:;/\\'()&+*=%§]*"
    r"[A-ZÆØÅa-zæøå0-9ÁáÀàÂâÉéÈèÊêÍíÌìÎîÓóÒòÔôÚúÙùÛûÝýÄäËëÏïÖöÜü,.!?\-:;/\\'()&+*=%§]+"
)
SMS_SENDER = re.compile(r"[A-Za-zæøåÆØÅ0-9]{2,11}")

SUCCESS: dict[tuple[str, str], int] = {
    ("POST", "/kontoer/{kontoId}/deldokument"): 201,
    ("GET", "/kontoer/{kontoId}/mottakere/{dokumentId}"): 200,
    ("GET", "/kontoer"): 200,
    ("GET", "/{fiksOrgId}/kontoer"): 200,
    ("POST", "/{fiksOrgId}/kontoer"): 201,
    ("GET", "/{fiksOrgId}/kontoer/{kontoId}"): 204,
    ("PUT", "/{fiksOrgId}/kontoer/{kontoId}"): 204,
    ("DELETE", "/{fiksOrgId}/kontoer/{kontoId}"): 200,
    ("POST", "/{fiksOrgId}/kontoer/{kontoId}/aktiverVarsling"): 201,
    ("POST", "/{fiksOrgId}/kontoer/{kontoId}/deaktiverVarsling"): 201,
}

_KONTO = "/api/v1/{fiksOrgId}/kontoer/{kontoId}"
STORE_SUCCESS: dict[tuple[str, str], int] = {
    ("POST", f"{_KONTO}/dokumenter"): 201,
    ("POST", f"{_KONTO}/dokumenter/"): 201,
    ("POST", f"{_KONTO}/dokumenter/sok"): 200,
    ("GET", f"{_KONTO}/dokumenter/{{dokumentId}}"): 200,
    ("PATCH", f"{_KONTO}/dokumenter/{{dokumentId}}"): 200,
    ("DELETE", f"{_KONTO}/dokumenter/{{dokumentId}}"): 200,
    ("DELETE", f"{_KONTO}/korrelasjonsid/{{korrelasjonsid}}"): 204,
    ("GET", f"{_KONTO}/statistikk"): 200,
    ("GET", "/api/v1/public-key"): 200,
    ("GET", "/nedlasting/{dokumentId}"): 200,
    ("GET", "/nedlasting/{dokumentId}/metadata"): 200,
}
"""Of Dokumentlager: what its client (version 4.0.2) calls, and of its description the events and the statistics."""


def _text(value: object) -> bool:
    return isinstance(value, str)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _uuid(value: object) -> bool:
    return isinstance(value, str) and str(uuid.UUID(value)) == value


@dataclass(frozen=True)
class Published:
    """An object: each field's form, and which must be there."""

    fields: Mapping[str, Callable[[Any], bool]]
    required: frozenset[str] = frozenset()

    def fits(self, value: object) -> bool:
        """Whether it is one: nothing missing, nothing that is not there, each in its form."""
        return (
            isinstance(value, dict)
            and value.keys() <= self.fields.keys()
            and self.required <= value.keys()
            and all(self.fields[name](part) for name, part in value.items())
        )


ERROR_MESSAGE = Published(
    {
        "timestamp": _whole,
        "status": _whole,
        "error": _text,
        "errorId": _uuid,
        "path": _text,
        "originalPath": _text,
        "message": _text,
        "errorCode": _text,
        "errorJson": _text,
    }
)
EXPOSED = Published({"fnrOrgnr": _text})
SMS_SETTINGS = Published(
    {"aktivert": _flag, "avsendernavn": _text, "konteringskode": _text, "kontoId": _uuid}, frozenset({"aktivert"})
)
AVAILABLE = Published(
    {
        "kontoId": _uuid,
        "navn": _text,
        "fiksOrgNavn": _text,
        "fiksOrgId": _uuid,
        "kommunenummer": _text,
        "varslingkonto": SMS_SETTINGS.fits,
    },
    frozenset({"fiksOrgId", "fiksOrgNavn", "kontoId", "navn", "varslingkonto"}),
)
ACCOUNT = Published({"kontoId": _uuid, "navn": _text}, frozenset({"kontoId", "navn"}))
STATISTICS = Published(
    {
        "kontoId": _uuid,
        "antallMetadata": _whole,
        "antallDokumenter": _whole,
        "antallSlettet": _whole,
        "totalStorrelse": _whole,
        "ukryptertStorrelse": _whole,
    },
    frozenset(
        {"kontoId", "antallMetadata", "antallDokumenter", "antallSlettet", "totalStorrelse", "ukryptertStorrelse"}
    ),
)
"""KS requires no field; all of them are filled in here."""
SUMMARY = Published(
    {"kontoId": _uuid, "navn": _text, "statistikk": STATISTICS.fits, "smsVarslingKonfig": SMS_SETTINGS.fits},
    frozenset({"kontoId", "navn", "smsVarslingKonfig", "statistikk"}),
)
"""The objects of the description."""

UPLOADED = Published(
    {
        "id": _uuid,
        "dokumentnavn": _text,
        "mimeType": _text,
        "ukryptertStorrelse": _whole,
        "kryptertStorrelse": _whole,
        "venterPaGodkjenning": _flag,
    },
    frozenset({"id", "dokumentnavn", "mimeType", "ukryptertStorrelse", "kryptertStorrelse"}),
)
"""Not of the description: as Dokumentlager answers, and one field of ours."""


def _optional(form: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or form(value)


def _instant(value: object) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def _whole_object(**fields: Callable[[Any], bool]) -> Published:
    return Published(fields, frozenset(fields))


DOWNLOADED = _whole_object(
    id=_uuid,
    dokumentnavn=_text,
    mimeType=_text,
    kryptertStorrelse=_optional(_whole),
    ukryptertStorrelse=_whole,
    korrelasjonsid=_optional(_uuid),
)
UPDATED = _whole_object(id=_uuid, tilgjengeligTil=_instant)
HIT = _whole_object(
    id=_uuid,
    dokumentnavn=_text,
    kryptertStorrelse=_optional(_whole),
    ukryptertStorrelse=_whole,
    opprettet=_instant,
    mimetype=_text,
    slettet=_flag,
    korrelasjonsid=_optional(_uuid),
)
FOUND = _whole_object(totaltAntallTreff=_whole, dokumenter=lambda hits: all(map(HIT.fits, hits)))
"""The objects that the client of Dokumentlager reads."""

EVENT = _whole_object(dato=_instant, melding=_text, aktor=_text)
WITH_EVENTS = _whole_object(
    id=_uuid,
    dokumentnavn=_text,
    kryptertStorrelse=_optional(_whole),
    ukryptertStorrelse=_whole,
    tilgjengeligTil=_instant,
    mimetype=_text,
    slettet=_flag,
    hendelser=lambda events: all(map(EVENT.fits, events)),
)
"""A document with its events, of Dokumentlager's description."""
