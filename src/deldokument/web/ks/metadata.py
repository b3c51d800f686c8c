"""The part ``metadata`` of a share in KS' interface, converted to our types.

Guarantees:
- All errors are reported at once, with the fields' names in the form.
- Every share has an end.
- A recipient is a person or an organisation by number. The only system that a share can be exposed to is the caller.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from deldokument.domain.errors import Faults, InvalidInput
from deldokument.domain.shares.share import MAX_RECIPIENTS
from deldokument.domain.tenants.tenancy import End
from deldokument.domain.uuids import id_of
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.web.http.dispatch import json_object
from deldokument.web.ks.account_schemas import text_of

_MAX_TTL = timedelta(days=36500)
_NUMBERS = {
    "PERSON": ("fnr", re.compile(r"[0-9]{11}")),
    "ORGANISASJON": ("orgnr", re.compile(r"[0-9]{9}")),
}
_SYSTEM = "INTEGRASJON"
_UNNAMED = frozenset({"AUTORISASJON", "MATRIKKELENHET"})
"""Types that name nobody: holders of a privilege and owners of a property change, and are known elsewhere."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The content of the part. ``recipient_fields`` and ``systems`` have the fields by KS' names, for errors."""

    name: str
    media_type: str
    reference: str
    end: End
    archived: bool | None
    """None if not given: then the administrator's confirmation for the integration applies."""
    recipients: tuple[RecipientInput, ...]
    recipient_fields: tuple[str, ...]
    systems: tuple[tuple[str, str], ...]
    """Integrations that may read the document back, each after its field."""


@dataclass(slots=True)
class _Exposed:
    recipients: list[tuple[str, RecipientInput]]
    systems: list[tuple[str, str]]


def read_metadata(raw: bytes) -> Metadata:
    """Return the content of the part. Raises: InvalidInput, or InvalidFields with every error."""
    body = json_object(raw, "metadata")
    faults = Faults()
    name = text_of(body, "dokumentnavn")
    if not name:
        faults.errors.append(InvalidInput("dokumentnavn", "field_missing"))
    if body.get("ikkeLagreDokumentLastetNed"):
        faults.errors.append(InvalidInput("ikkeLagreDokumentLastetNed", "downloads_always_recorded"))
    if body.get("sikkerhetsniva") not in (None, 3, 4):
        faults.errors.append(InvalidInput("sikkerhetsniva", "field_malformed"))
    end = faults.unless(lambda: read_end(body), timedelta())
    exposed = _read_exposed(body, faults)
    faults.raise_any()
    archived = body.get("arkivert")
    return Metadata(
        name=name,
        media_type=text_of(body, "mimetype") or "application/octet-stream",
        reference=text_of(body, "korrelasjonsid"),
        end=end,
        archived=archived if isinstance(archived, bool) else None,
        recipients=tuple(recipient for _, recipient in exposed.recipients),
        recipient_fields=tuple(field for field, _ in exposed.recipients),
        systems=tuple(exposed.systems),
    )


def read_end(body: Mapping[str, Any]) -> End:
    """Return the end, from either ``ttl`` in seconds or ``tilgjengeligTil``; exactly one is required.

    Raises: InvalidInput.
    """
    ttl, until = body.get("ttl"), text_of(body, "tilgjengeligTil")
    if (ttl is None) == (not until):
        raise InvalidInput("ttl", "end_wanted")
    if until:
        return _instant(until)
    if not isinstance(ttl, int) or isinstance(ttl, bool):
        raise InvalidInput("ttl", "field_malformed")
    if ttl < 0:
        raise InvalidInput("ttl", "end_wanted")
    return min(timedelta(seconds=min(ttl, 10**11)), _MAX_TTL)


def end_field(end: End) -> str:
    """Return the name of the field that contained the end."""
    return "ttl" if isinstance(end, timedelta) else "tilgjengeligTil"


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("tilgjengeligTil", "field_malformed") from None
    if instant.tzinfo is None:
        raise InvalidInput("tilgjengeligTil", "field_malformed")
    return instant


def _read_exposed(body: Mapping[str, Any], faults: Faults) -> _Exposed:
    found, listed = _Exposed([], []), body.get("eksponertFor")
    if not isinstance(listed, list):
        listed = []
    if len(listed) > MAX_RECIPIENTS:
        faults.errors.append(InvalidInput("eksponertFor", "too_many_recipients", longest=MAX_RECIPIENTS))
        return found
    before = len(faults.errors)
    for index, one in enumerate(listed):
        faults.unless(partial(_take, one, f"eksponertFor[{index}]", found), None)
    if not found.recipients and len(faults.errors) == before:
        faults.errors.append(InvalidInput("eksponertFor", "recipients_missing"))
    return found


def _take(exposed: object, field: str, found: _Exposed) -> None:
    if not isinstance(exposed, dict):
        raise InvalidInput(field, "field_malformed")
    kind = str(exposed.get("type"))
    if kind in _UNNAMED:
        raise InvalidInput(f"{field}.type", "recipient_unnamed")
    if kind == _SYSTEM:
        found.systems.append((f"{field}.id", _system(exposed, f"{field}.id")))
        return
    if kind not in _NUMBERS:
        raise InvalidInput(f"{field}.type", "recipient_type")
    if exposed.get("ressursId") is not None:
        raise InvalidInput(f"{field}.ressursId", "recipient_type")
    name, form = _NUMBERS[kind]
    number = text_of(exposed, name)
    if not form.fullmatch(number):
        raise InvalidInput(f"{field}.{name}", "field_malformed")
    found.recipients.append((f"{field}.{name}", RecipientInput(number)))


def _system(exposed: Mapping[str, Any], field: str) -> str:
    try:
        return id_of(text_of(exposed, "id"))
    except (ValueError, InvalidInput):
        raise InvalidInput(field, "field_malformed") from None
