"""JSON about documents and their uploads, for the scripts of the pages that upload (frontend/src/types.ts)."""

from typing import Any, TypedDict

from deldokument.domain.shares.share import Verdict
from deldokument.services.shares.display.views import DocumentView
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.web.http.request import RequestContext
from deldokument.web.http.requests.json_fields import json_number, json_text


def document_json(view: DocumentView) -> dict[str, Any]:
    """Return a document as `StoredDocument`."""
    return {
        "id": view.id,
        "name": view.name,
        "length": view.length,
        "modified_at": view.modified_at,
        "offset": view.offset,
        "complete": view.complete,
        "infected": is_infected(view),
        "copying": view.is_copying,
        "copy_failure": view.copy_failure or "",
    }


def is_infected(view: DocumentView) -> bool:
    """Return whether the scanner has found malware in the document."""
    return view.finding is not None and view.finding.verdict is Verdict.INFECTED


class FileFacts(TypedDict):
    """A file that a script announces: name, length in bytes, and time of its last change in milliseconds since 1970."""

    name: str
    length: int
    modified_at: int | None


def file_facts(call: RequestContext) -> FileFacts:
    """Return the file that a script announces. Raises: InvalidInput."""
    has_time = call.body.get("modified_at") is not None
    return {
        "name": json_text(call, "name"),
        "length": json_number(call, "length"),
        "modified_at": json_number(call, "modified_at") if has_time else None,
    }


def announced_json(ticket: UploadTicket) -> dict[str, Any]:
    """Return an announced document as `StoredDocument`, and the data for its upload as `UploadTarget`."""
    document = DocumentView(
        id=ticket.document_id,
        name=ticket.file.name,
        length=ticket.file.length,
        modified_at=ticket.file.modified_at,
        offset=ticket.offset + sum(one.offset for one in ticket.partials),
        complete=False,
        inspected=False,
        finding=None,
    )
    upload = {
        "endpoint": "/uploads",
        "token": ticket.token,
        "url": f"/uploads/{ticket.upload_id}" if ticket.offset else None,
        "partials": [
            {"url": f"/uploads/{one.id}", "start": one.start, "length": one.length, "offset": one.offset}
            for one in ticket.partials
        ],
    }
    return {"document": document_json(document), "upload": upload}
