"""The event log of a tenant: opening, searching, paging.

    open_log      the newest events
    search_log    turns a search into a token (see services.audit.search)
    show_log      the page of a token

Guarantees:
- Access is recorded before anything is shown: open_log and search_log record it, and every token comes from one of
  them.
- A token is valid for a day from that record, however many pages are viewed.
- Only data that the tenant may know is shown: persons as `actors` shows them, titles as long as they exist.

Web and CLI choose the texts for events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.actors import FORGOTTEN, Actor, Actors
from deldokument.services.audit.recording import record_event
from deldokument.services.audit.search import Search, SearchWords, filters_of, open_search, seal_search, search_of
from deldokument.services.people import StaffRole, directory_key, view_person
from deldokument.services.text_fields import open_title
from deldokument.store.audit.audit import EventFilter
from deldokument.store.audit.event_rows import StoredEvent
from deldokument.store.transaction import Transaction

PAGE = 50


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An event with its actor and the title of its share.

    ``names`` holds the known names of the ids in its details, by id.
    """

    number: int
    event: AuditEvent
    who: Actor | None
    title: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of the log. ``token`` is the token of its search, ``next`` the token of the next page.

    ``person`` is the person searched for: None without one, FORGOTTEN if nobody with that number is in the log.
    """

    entries: tuple[LogEntry, ...]
    wanted: EventFilter
    person: Actor | None
    token: str
    next: str | None
    is_first: bool


def open_log(deps: Dependencies, *, tenant_id: str, person: PersonIdentifier) -> LogPage:
    """Return the newest events, among them the opening of the log."""
    _record_opening(deps, EventFilter(tenant_id), person)
    return _page(deps, person, Search(EventFilter(tenant_id)))


def search_log(
    deps: Dependencies, *, tenant_id: str, person: PersonIdentifier, words: SearchWords, zone: tzinfo
) -> str:
    """Return the token of the first page of a search; days are those of ``zone``. Raises: InvalidFields."""
    wanted = search_of(deps, tenant_id=tenant_id, person=person, words=words, zone=zone)
    _record_opening(deps, wanted, person)
    return seal_search(deps, person, Search(wanted))


def show_log(deps: Dependencies, *, tenant_id: str, person: PersonIdentifier, token: str) -> LogPage:
    """Return the page of a token. Raises: InvalidInput if it is too old or was issued to another person."""
    return _page(deps, person, open_search(deps, tenant_id=tenant_id, person=person, token=token))


def _record_opening(deps: Dependencies, wanted: EventFilter, person: PersonIdentifier) -> None:
    with deps.database.write() as tx:
        filters = filters_of(wanted)
        record_event(deps, tx, EventKind.EVENT_LOG_OPENED, tenant_id=wanted.chain, person=person, filters=filters)


def _page(deps: Dependencies, person: PersonIdentifier, search: Search) -> LogPage:
    wanted = search.wanted
    with deps.database.read() as tx:
        found = tx.audit.newest(wanted, before=search.before, limit=PAGE + 1)
        actors = Actors(deps, wanted.chain)
        entries = _entries(deps, tx, actors, found[:PAGE])
        sought = _sought(tx, actors, wanted)
    last = found[PAGE - 1] if len(found) > PAGE else None
    following = replace(search, before=(last.event.at, last.number)) if last else None
    return LogPage(
        entries=entries,
        wanted=wanted,
        person=sought,
        token=seal_search(deps, person, replace(search, before=None)),
        next=seal_search(deps, person, following) if following else None,
        is_first=search.before is None,
    )


def _sought(tx: Transaction, actors: Actors, wanted: EventFilter) -> Actor | None:
    if wanted.subject_ids is None:
        return None
    known = actors.of(tx, wanted.subject_ids)
    return next((known[i] for i in wanted.subject_ids if known[i] != FORGOTTEN), FORGOTTEN)


def _entries(deps: Dependencies, tx: Transaction, actors: Actors, found: Sequence[StoredEvent]) -> tuple[LogEntry, ...]:
    behind = actors.behind(tx, [stored.event for stored in found])
    titles = _titles(deps, tx, {stored.event.share_id for stored in found if stored.event.share_id})
    names = _Names(deps, tx, actors)
    return tuple(
        LogEntry(
            stored.number,
            stored.event,
            who,
            titles.get(stored.event.share_id or "", ""),
            names.of(stored.event),
        )
        for stored, who in zip(found, behind, strict=True)
    )


def _titles(deps: Dependencies, tx: Transaction, share_ids: set[str]) -> dict[str, str]:
    """Return the titles of the shares that still have one."""
    shares = [share for share in map(tx.shares.get, share_ids) if share and share.intact]
    keys = deps.keyring.get({share.audit_key_id for share in shares})
    return {share.id: open_title(keys[share.audit_key_id], share) for share in shares if share.audit_key_id in keys}


class _Names:
    """Names of the accounts, people and integrations whose ids are in event details.

    A person who has or had a right (``holder``) is named by the masked number. Each id is looked up once.
    """

    def __init__(self, deps: Dependencies, tx: Transaction, actors: Actors) -> None:
        self._tx = tx
        self._actors = actors
        self._key = directory_key(deps)
        self._known: dict[str, str] = {}

    def of(self, event: AuditEvent) -> Mapping[str, str]:
        """Return the known names of the ids in an event's details."""
        wanted = {str(value): name for name, value in (event.details or {}).items()}
        return {i: name for i, detail in wanted.items() if (name := self._name(event, detail, i))}

    def _name(self, event: AuditEvent, detail: str, record_id: str) -> str:
        if record_id not in self._known:
            self._known[record_id] = self._find_name(event, detail, record_id)
        return self._known[record_id]

    def _find_name(self, event: AuditEvent, detail: str, record_id: str) -> str:
        if detail == "account":
            account = self._tx.accounts.get(record_id)
            return account.name if account else ""
        if detail == "member":
            member = self._tx.members.get(record_id)
            return view_person(self._key, StaffRole.MEMBER, member).name if member else ""
        if detail == "integration":
            integration = self._tx.integrations.get(record_id)
            return integration.name if integration else ""
        if detail == "administrator":
            administrators = self._tx.staff.administrators(event.chain)
            views = [view_person(self._key, StaffRole.ADMINISTRATOR, a) for a in administrators if a.id == record_id]
            return views[0].name if views else ""
        if detail == "holder":
            return self._actors.of(self._tx, [record_id])[record_id].masked
        return ""
