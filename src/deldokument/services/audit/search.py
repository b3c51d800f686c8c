"""Search filters of the event log: parsed from form input, and encrypted as tokens.

A token may appear in a URL. It is encrypted and valid for one person, one tenant and one day.

Guarantees:
- A person's number in the form is not stored. A filter contains the person's random ids under the tenant's audit keys.
"""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Faults, InvalidInput
from deldokument.domain.identifiers import PersonIdentifier, parse_person
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import known_subject
from deldokument.services.encryption import (
    EncryptedColumn,
    audit_key_id,
    identifier_hash,
    open_json,
    seal_json,
)
from deldokument.services.people import directory_key
from deldokument.store.audit.audit import EventFilter, Place

LIFETIME = timedelta(days=1)
_SHARE_ID = re.compile(r"(?:^|/(?:d|delinger)/)([A-Za-z0-9_-]{22})(?=$|[/?#])")
_NORWEGIAN_DAY = re.compile(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})")
_YEARS = range(2000, 2200)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SearchWords:
    """Form input. ``kept`` is the token of an earlier search whose person applies if no number is entered."""

    first_day: str = ""
    last_day: str = ""
    kind: str = ""
    share: str = ""
    number: str = ""
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """A filter, the position of the page, and the expiry of its token, which paging does not extend."""

    wanted: EventFilter
    before: Place | None = None
    until: datetime | None = None


def search_of(
    deps: Dependencies, *, tenant_id: str, person: PersonIdentifier, words: SearchWords, zone: tzinfo
) -> EventFilter:
    """Return the filter for the input of ``person``; days are those of ``zone``. Raises: InvalidFields."""
    faults = Faults()
    first = faults.unless(lambda: _day("first_day", words.first_day), None)
    last = faults.unless(lambda: _day("last_day", words.last_day), None)
    if first and last and last < first:
        faults.errors.append(InvalidInput("last_day", "days_reversed"))
    kind = faults.unless(lambda: _kind(words.kind), None)
    share_id = faults.unless(lambda: _share_id(deps, tenant_id, words.share), None)
    subject_ids = faults.unless(lambda: _subject_ids(deps, tenant_id, person, words), None)
    faults.raise_any()
    since = _midnight(first, zone) if first else None
    until = _midnight(last + timedelta(days=1), zone) if last else None
    return EventFilter(tenant_id, since, until, kind, share_id, subject_ids)


def filters_of(wanted: EventFilter) -> str:
    """Return the criteria that the filter uses, without their values; "none" if it uses none."""
    narrows = {
        "time": wanted.since is not None or wanted.until is not None,
        "kind": wanted.kind is not None,
        "share": wanted.share_id is not None,
        "person": wanted.subject_ids is not None,
    }
    return ",".join(name for name, does in narrows.items() if does) or "none"


def seal_search(deps: Dependencies, person: PersonIdentifier, search: Search) -> str:
    """Return the token of a search."""
    wanted = search.wanted
    body = {
        "until": _to_number(search.until or deps.clock.now() + LIFETIME),
        "times": [_to_number(wanted.since), _to_number(wanted.until)],
        "kind": wanted.kind,
        "share": wanted.share_id,
        "subjects": wanted.subject_ids,
        "before": search.before and [_to_number(search.before[0]), search.before[1]],
    }
    key = directory_key(deps)
    sealed = seal_json(key, body, EncryptedColumn.EVENT_SEARCH, _owner(key, wanted.chain, person))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def open_search(deps: Dependencies, *, tenant_id: str, person: PersonIdentifier, token: str) -> Search:
    """Return the search of a token. Raises: InvalidInput if it is too old, malformed, or belongs to another person."""
    key = directory_key(deps)
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        body = open_json(key, sealed, EncryptedColumn.EVENT_SEARCH, _owner(key, tenant_id, person))
    except (ValueError, IntegrityError):
        raise InvalidInput("search", "search_expired") from None
    if body.get("until", 0) <= (deps.clock.now() - _EPOCH) // _MICROSECOND:
        raise InvalidInput("search", "search_expired")
    since, until = map(_to_instant, body["times"])
    kind = EventKind(body["kind"]) if body["kind"] else None
    subject_ids = None if body["subjects"] is None else tuple(body["subjects"])
    wanted = EventFilter(tenant_id, since, until, kind, body["share"], subject_ids)
    before = body["before"] and (_EPOCH + body["before"][0] * _MICROSECOND, body["before"][1])
    return Search(wanted, before, _to_instant(body["until"]))


def _owner(key: bytes, tenant_id: str, person: PersonIdentifier) -> str:
    return f"{tenant_id}:{identifier_hash(key, person).hex()}"


def _to_number(instant: datetime | None) -> int | None:
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND


def _to_instant(number: int | None) -> datetime | None:
    return None if number is None else _EPOCH + number * _MICROSECOND


def _day(field: str, text: str) -> date | None:
    """Return a day, in the format of browsers or the one that people type."""
    plain = text.strip()
    if not plain:
        return None
    written = _NORWEGIAN_DAY.fullmatch(plain)
    try:
        day = date(*(int(part) for part in reversed(written.groups()))) if written else date.fromisoformat(plain)
    except ValueError:
        raise InvalidInput(field, "day_malformed") from None
    if day.year not in _YEARS:
        raise InvalidInput(field, "day_malformed")
    return day


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _kind(text: str) -> EventKind | None:
    try:
        return EventKind(text) if text else None
    except ValueError:
        raise InvalidInput("kind", "event_kind_unknown") from None


def share_id_in(text: str) -> str | None:
    """Return the share id in a link or in a bare id; None if there is none."""
    found = _SHARE_ID.search(text.strip())
    return found[1] if found else None


def _share_id(deps: Dependencies, tenant_id: str, text: str) -> str | None:
    """Return the id of the tenant's share in a link or a bare id; also of an erased share."""
    if not text.strip():
        return None
    share_id = share_id_in(text)
    if share_id:
        with deps.database.read() as tx:
            share = tx.shares.get(share_id)
        if share is not None and share.tenant_id == tenant_id:
            return share.id
    raise InvalidInput("share", "share_unknown")


def _subject_ids(
    deps: Dependencies, tenant_id: str, person: PersonIdentifier, words: SearchWords
) -> tuple[str, ...] | None:
    if words.number.strip():
        wanted = parse_person(words.number, allow_synthetic=deps.config.allow_synthetic, field="number")
        return subject_ids_of(deps, tenant_id, wanted)
    if words.kept:
        return open_search(deps, tenant_id=tenant_id, person=person, token=words.kept).wanted.subject_ids
    return None


def subject_ids_of(deps: Dependencies, tenant_id: str, wanted: PersonIdentifier) -> tuple[str, ...]:
    """Return the ids of a person under the tenant's existing audit keys."""
    prefix = audit_key_id(tenant_id, deps.clock.now())[: -len("YYYY-MM")]
    keys = deps.keyring.get(deps.keyring.ids(prefix))
    with deps.database.read() as tx:
        found = (known_subject(tx, key_id, key, wanted) for key_id, key in sorted(keys.items()))
        return tuple(subject.id for subject in found if subject is not None)
