"""Export of a tenant's data as a streamed zip: shares, receipts, event log, agreements and DPIA.

Shares are written twice, one after the other: as JSON for programs and as CSV for spreadsheets. Keys are in English, as
in the API; columns are in the person's language.

Guarantees:
- Both have the same content, unless a share is changed in between.
- Neither contains messages.
- The export is recorded before its first byte.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.norwegian_time import OSLO
from deldokument.domain.shares.share import ReceiptState, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.export import EventExport, begin_event_export, export_lines
from deldokument.services.shares.display.views import RecipientView, ShareView
from deldokument.services.tenants.export import begin_export, exported_papers, exported_shares
from deldokument.store.audit.audit import EventFilter
from deldokument.web.http.responses.csv import CSV_HEAD, csv_line
from deldokument.web.http.responses.i18n import Translator, _
from deldokument.web.transfer.zip_stream import Entry, zip_pieces

_STATES: dict[ShareState, str] = {
    ShareState.DRAFT: _("Draft"),
    ShareState.AVAILABLE: _("Available"),
    ShareState.WITHDRAWN: _("Withdrawn"),
    ShareState.ENDED: _("Ended"),
    ShareState.ABANDONED: _("Deleted"),
}
_RECEIPT_STATES: dict[ReceiptState, str] = {
    ReceiptState.STARTED: _("Partly downloaded"),
    ReceiptState.SENT: _("Downloaded"),
    ReceiptState.RECEIVED: _("Confirmed"),
}
_SHARE_COLUMNS = (
    _("Id"),
    _("Account"),
    _("Shared by"),
    _("State"),
    _("Created"),
    _("Shared"),
    _("Available until"),
    _("Ended at"),
    _("Title"),
    _("Case number"),
    _("Recipients"),
    _("Documents"),
    _("Bytes"),
)
_RECEIPT_COLUMNS = (
    _("Id"),
    _("Recipient"),
    _("Label"),
    _("Event"),
    _("Document"),
    _("Person"),
    _("Time"),
)


def tenant_export(
    deps: Dependencies, tenant_id: str, translator: Translator, person: PersonIdentifier | None = None
) -> tuple[str, Iterator[bytes]]:
    """Return the zip's name and its bytes.

    Raises: NotFound if there is no such tenant.
    """
    tenant = begin_export(deps, tenant_id=tenant_id, person=person)
    log = begin_event_export(deps, wanted=EventFilter(tenant_id), form="json", person=person)
    now = deps.clock.now().astimezone(OSLO)
    name = f"del-dokument-{tenant.organization_number}-{now:%Y-%m-%d}.zip"
    return name, zip_pieces(_entries(deps, tenant_id, translator, log), now)


def _entries(deps: Dependencies, tenant_id: str, translator: Translator, log: EventExport) -> Iterator[Entry]:
    def shares() -> Iterator[ShareView]:
        return exported_shares(deps, tenant_id=tenant_id)

    yield "delinger.json", shares_as_json(shares())
    yield "delinger.csv", shares_as_lines(shares(), translator)
    yield "kvitteringer.csv", receipts_as_lines(shares(), translator)
    yield "hendelseslogg.jsonl", export_lines(deps, log)
    for paper in exported_papers(deps, tenant_id=tenant_id):
        yield f"avtaler-og-dpia/{paper.name}", (paper.content,)


def shares_as_json(shares: Iterable[ShareView]) -> Iterator[bytes]:
    """Yield a JSON list with one line per share."""
    between = "[\n"
    for view in shares:
        yield (between + json.dumps(_as_dict(view), ensure_ascii=False)).encode()
        between = ",\n"
    yield b"\n]\n" if between == ",\n" else b"[]\n"


def _as_dict(view: ShareView) -> dict[str, object]:
    return {
        "id": view.share.id,
        "account": view.account.name,
        "shared_by": view.sharer,
        "state": view.share.state.value,
        "created_at": _iso(view.share.created_at),
        "published_at": _iso(view.share.published_at),
        "expires_at": _iso(view.share.expires_at),
        "closed_at": _iso(view.share.closed_at),
        "confidential": view.share.confidential,
        "archived": view.share.archived,
        "title": view.texts.title,
        "reference": view.texts.reference,
        "recipients": [_recipient(one) for one in (*view.recipients, *view.removed_recipients)],
        "documents": [
            {"id": one.id, "name": one.name, "length": one.length, "removed_at": _iso(one.removed_at)}
            for one in (*view.documents, *view.removed_documents)
        ],
    }


def _recipient(recipient: RecipientView) -> dict[str, object]:
    return {
        "kind": recipient.kind,
        "number": recipient.display,
        "name": recipient.name,
        "label": recipient.label,
        "removed_at": _iso(recipient.removed_at),
        "opened": [{"person": o.person, "at": _iso(o.at)} for o in recipient.openings],
        "downloaded": [
            {
                "document": d.document_id,
                "person": d.person,
                "at": _iso(d.at),
                "whole": d.is_sent,
                "state": d.state.value,
            }
            for d in recipient.downloads
        ],
    }


def shares_as_lines(shares: Iterable[ShareView], translator: Translator) -> Iterator[bytes]:
    """Yield one CSV line per share."""
    yield _head(_SHARE_COLUMNS, translator)
    for view in shares:
        values: tuple[str | int, ...] = (
            view.share.id,
            view.account.name,
            view.sharer,
            translator.text(_STATES[view.share.state]),
            _iso(view.share.created_at) or "",
            _iso(view.share.published_at) or "",
            _iso(view.share.expires_at) or "",
            _iso(view.share.closed_at) or "",
            view.texts.title,
            view.texts.reference,
            len(view.recipients),
            len(view.documents),
            sum(document.length for document in view.documents),
        )
        yield csv_line(values).encode()


def receipts_as_lines(shares: Iterable[ShareView], translator: Translator) -> Iterator[bytes]:
    """Yield one CSV line for each first opening of a share by a person, and for each receipt of a document."""
    opened = translator.text(_("Opened"))
    yield _head(_RECEIPT_COLUMNS, translator)
    for view in shares:
        for recipient in (*view.recipients, *view.removed_recipients):
            about = view.share.id, f"{recipient.display} {recipient.name}".strip(), recipient.label
            for opening in recipient.openings:
                yield csv_line((*about, opened, "", opening.person, _iso(opening.at) or "")).encode()
            for got in recipient.downloads:
                deed = translator.text(_RECEIPT_STATES[got.state])
                yield csv_line((*about, deed, got.document_name, got.person, _iso(got.at) or "")).encode()


def _head(columns: Iterable[str], translator: Translator) -> bytes:
    return (CSV_HEAD + csv_line(translator.text(column) for column in columns)).encode()


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat(timespec="seconds") if instant else None
