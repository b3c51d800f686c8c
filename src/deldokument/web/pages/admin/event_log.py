"""«Hendelseslogg»: the tenant's events, found by time, kind, share and person, and exported as a file.

Guarantees:
- No person's number appears in a URL. A search is posted, and redirects to a URL with a sealed token.
- An export is a posted form with the same token, so that no link leads to a file.

The texts of the table are in event_texts and event_details.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.responses import RedirectResponse, Response, StreamingResponse

from deldokument.domain.norwegian_time import OSLO
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.actors import FORGOTTEN, Actor
from deldokument.services.audit.browsing import LogEntry, LogPage, open_log, search_log, show_log
from deldokument.services.audit.export import (
    EventExport,
    ExportedEvent,
    ExportForm,
    begin_event_export,
    export_lines,
    exported_events,
)
from deldokument.services.audit.search import SearchWords, open_search
from deldokument.store.audit.audit import EventFilter
from deldokument.web.http.request import POST, RequestContext
from deldokument.web.http.responses.csv import CSV_HEAD, CSV_TYPE, csv_line
from deldokument.web.http.responses.i18n import Translator, _
from deldokument.web.pages.admin.layout import section_endpoint, section_page, section_path
from deldokument.web.pages.event_details import Detail, details_of
from deldokument.web.pages.event_texts import GROUPS, by_nobody, words_for
from deldokument.web.transfer.downloads import attachment

_SECTION = "hendelseslogg"
_JSON_LINES = "application/jsonl"


_COLUMNS = (
    _("Number"),
    _("Time"),
    "UTC",
    _("Code"),
    _("Event"),
    _("By"),
    _("Fødselsnummer or D-nummer"),
    _("Share"),
    _("Subject"),
    _("Details"),
    _("Previous hash"),
    _("Hash"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """Event as a row of the table."""

    entry: LogEntry
    day: str
    clock: str
    words: str
    details: list[Detail]
    by_nobody: str
    is_forgotten: bool


def log_page(call: RequestContext) -> Response:
    """Show the newest events, the result of a search, or the form with its errors."""
    where: dict[str, Any] = {"tenant_id": call.tenant.id, "person": call.person.person}
    if call.refused:
        return _page(call, _words(call))
    token = call.query("sok")
    page = show_log(call.deps, **where, token=token) if token else open_log(call.deps, **where)
    return _page(call, _typed_words(page.wanted), page)


def search(call: RequestContext) -> Response:
    """Turn the form into a sealed token, and redirect to the search's page."""
    words = _words(call)
    token = search_log(call.deps, tenant_id=call.tenant.id, person=call.person.person, words=words, zone=OSLO)
    return RedirectResponse(f"{section_path(call.tenant.id, _SECTION)}?sok={token}", 303)


def _words(call: RequestContext) -> SearchWords:
    return SearchWords(
        first_day=call.fields.get("first_day", ""),
        last_day=call.fields.get("last_day", ""),
        kind=call.fields.get("kind", ""),
        share=call.fields.get("share", ""),
        number=call.fields.get("number", ""),
        kept=call.fields.get("search", "") if call.fields.get("keep_person") else "",
    )


def export(call: RequestContext) -> Response:
    """Export the events of a search as a file; all events without a search."""
    token, person = call.fields.get("search", ""), call.person.person
    form: ExportForm = "csv" if call.fields.get("form") == "csv" else "json"
    wanted = EventFilter(call.tenant.id)
    if token:
        wanted = open_search(call.deps, tenant_id=call.tenant.id, person=person, token=token).wanted
    event_export = begin_event_export(call.deps, wanted=wanted, form=form, person=person)
    pieces = _csv(call.deps, event_export, call.translator) if form == "csv" else export_lines(call.deps, event_export)
    media_type = CSV_TYPE if form == "csv" else _JSON_LINES
    return StreamingResponse(pieces, headers=_attachment_headers(call, event_export, form), media_type=media_type)


def _attachment_headers(call: RequestContext, event_export: EventExport, form: str) -> dict[str, str]:
    ending = "csv" if form == "csv" else "jsonl"
    name = f"hendelseslogg-{call.tenant.organization_number}-{event_export.made_at.astimezone(OSLO):%Y-%m-%d}.{ending}"
    return attachment(name)


def _typed_words(wanted: EventFilter) -> SearchWords:
    """Return the form fields of a search, without the person's number."""
    last = wanted.until and wanted.until.astimezone(OSLO) - timedelta(days=1)
    return SearchWords(
        first_day=f"{wanted.since.astimezone(OSLO):%Y-%m-%d}" if wanted.since else "",
        last_day=f"{last:%Y-%m-%d}" if last else "",
        kind=wanted.kind or "",
        share=wanted.share_id or "",
    )


def _page(call: RequestContext, typed: SearchWords, page: LogPage | None = None) -> Response:
    text = call.translator.text
    # The token of a search is not in a field that the person can correct.
    errors = [("first_day" if field == "search" else field, words) for field, words in call.errors]
    groups = [(text(title), [(kind.value, text(words)) for kind, words in kinds.items()]) for title, kinds in GROUPS]
    return section_page(
        call,
        _SECTION,
        "pages/admin/event_log.html",
        errors=errors,
        typed=typed,
        groups=groups,
        log=page,
        rows=[_row(call, entry) for entry in page.entries] if page else [],
        here=section_path(call.tenant.id, _SECTION),
    )


def _row(call: RequestContext, entry: LogEntry) -> Row:
    event, translator = entry.event, call.translator
    local = event.at.astimezone(OSLO)
    return Row(
        entry=entry,
        day=translator.day(local.date()),
        clock=translator.clock(local),
        words=translator.text(words_for(event)),
        details=details_of(event, entry.names, translator, call.deps.clock.now()),
        by_nobody=translator.text(by_nobody(event.kind)),
        is_forgotten=entry.who == FORGOTTEN,
    )


def _csv(deps: Dependencies, event_export: EventExport, translator: Translator) -> Iterator[bytes]:
    yield (CSV_HEAD + csv_line(translator.text(column) for column in _COLUMNS)).encode()
    for step in exported_events(deps, event_export):
        yield "".join(csv_line(_values(exported, translator)) for exported in step).encode()


def _values(exported: ExportedEvent, translator: Translator) -> tuple[str | int, ...]:
    stored, who = exported.stored, exported.who or Actor(translator.text(by_nobody(exported.stored.event.kind)))
    at, kind, share_id, subject_id, details = stored.event.content()
    return (
        stored.number,
        f"{stored.event.at.astimezone(OSLO):%Y-%m-%d %H:%M:%S}",
        at,
        kind,
        translator.text(words_for(stored.event)),
        who.name,
        who.masked,
        share_id or "",
        subject_id or "",
        json.dumps(details, ensure_ascii=False) if details else "",
        stored.previous.hex(),
        stored.hash.hex(),
    )


ENDPOINTS = (
    section_endpoint("/hendelseslogg", log_page, again=log_page),
    section_endpoint("/hendelseslogg", search, POST, after_end=True, again=log_page),
    section_endpoint(
        "/hendelseslogg/eksport",
        export,
        POST,
        after_end=True,
        again=log_page,
        needs_fresh_login=_("Export the event log"),
    ),
)
