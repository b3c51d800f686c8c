"""Text of a share's report, to be rendered as PDF.

Guarantees:
- The text contains exactly the report. Every name is escaped.
- A report of a simple share fits on one page. A long list is cut, with a note; the JSON has all of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from deldokument.domain.audit import EventKind
from deldokument.domain.shares.report import ReportDocument, ReportEvent, ReportReceipt, ShareReport
from deldokument.domain.shares.share import ShareState
from deldokument.domain.tenants.agreement import escape
from deldokument.ports.documents import RenderedDocument
from deldokument.web.http.responses.i18n import Translator, _

MAX_ROWS: Final = 500
"""Maximum number of rows of a table in the PDF."""
REPORTED: Final = {
    EventKind.SHARE_PROPOSED: _("Approval was asked for"),
    EventKind.SHARE_APPROVED: _("Approved by another member"),
    EventKind.SHARE_PUBLISHED: _("Shared"),
    EventKind.SHARE_UNPUBLISHED: _("The publication was undone"),
    EventKind.REMINDER_REQUESTED: _("Reminder asked for by a member"),
    EventKind.RECIPIENT_NOTIFIED: _("Notice sent to a recipient"),
    EventKind.MESSAGE_GIVEN_UP: _("A notice to a recipient was not delivered"),
    EventKind.DOCUMENT_RELEASED: _("Document that was held released"),
    EventKind.DOCUMENT_HELD: _("Document held back"),
    EventKind.WARNING_CONFIRMED: _("Warning about a document confirmed"),
    EventKind.DOCUMENT_READ_BACK: _("Document read back by a system"),
    EventKind.DOCUMENT_COPIED: _("Document copied to a new share"),
    EventKind.NUMBERS_DISCLOSED: _("Full numbers given to a system"),
    EventKind.DOCUMENT_ADDED: _("Document added"),
    EventKind.DOCUMENT_TAKEN_BACK: _("Document taken back before it was added"),
    EventKind.RECIPIENT_ADDED: _("Recipient added"),
    EventKind.RECIPIENT_REMOVED: _("Recipient removed"),
    EventKind.CHANGE_PROPOSED: _("A change was proposed"),
    EventKind.CHANGE_APPROVED: _("A change was approved"),
    EventKind.CHANGE_RETURNED: _("A change was not approved"),
    EventKind.SHARE_CORRECTED: _("Texts corrected"),
    EventKind.CONFIDENTIALITY_CHANGED: _("Marked as confidential or not"),
    EventKind.EXPIRY_CHANGED: _("End changed"),
    EventKind.ACCESS_REQUESTED: _("More time or a new share asked for by a recipient"),
    EventKind.ACCESS_REFUSED: _("Request for more time or a new share refused"),
    EventKind.SHARE_FROZEN: _("Stopped by the operator"),
    EventKind.SHARE_UNFROZEN: _("Resumed by the operator"),
    EventKind.SHARE_WITHDRAWN: _("Withdrawn"),
    EventKind.SHARE_ENDED: _("The period ended"),
    EventKind.SHARE_KEY_DESTROYED: _("Keys destroyed"),
}
"""Events that the PDF lists. Openings and receipts are in the table of recipients."""
_WITH_LATER_END: Final = {
    EventKind.CHANGE_PROPOSED: _("A change with a later end was proposed"),
    EventKind.CHANGE_APPROVED: _("A change with a later end was approved"),
    EventKind.CHANGE_RETURNED: _("A change with a later end was not approved"),
}
_STATES: Final = {
    "opened": _("Opened"),
    "started": _("%(document)s: partly downloaded"),
    "sent": _("%(document)s: downloaded"),
    "received": _("%(document)s: confirmed by the recipient"),
}
_VERDICTS: Final = {
    "clean": _("Nothing found"),
    "infected": _("A virus was found"),
    "not_scanned": _("Not checked"),
    "too_large": _("Too large to be checked"),
    "encrypted": _("Has a password, not checked"),
    "archive_limits": _("Packed too deep, not checked"),
    "unreadable": _("Damaged, not checked"),
    "stale": _("Nothing found, with old signatures"),
    "error": _("Could not be read"),
}


def report_document(report: ShareReport, translator: Translator) -> RenderedDocument:
    """Return the report in the translator's language."""
    text = translator.text
    sections = (
        f"# {text(_('Report of a share'))}",
        _status(report, translator),
        _table((_("Information"), _("Value")), _facts(report, translator), translator),
        f"## {text(_('Recipients'))} ({len(report.recipients)})",
        _table(
            (_("Recipient"), _("What has happened"), _("Time")),
            receipt_rows(report, translator),
            translator,
        ),
        f"## {text(_('Documents'))}",
        _table((_("Document"), _("Size"), _("Virus check")), _documents(report.documents, translator), translator),
        _table((_("Document"), _("SHA-256")), _digests(report.documents), translator),
        f"## {text(_('Events'))}",
        _table((_("Number"), _("Event"), _("By"), _("Time")), _events(report.events, translator), translator),
        f"## {text(_('Proof'))}",
        _proof(report, translator),
    )
    title = text(_("Report of a share"))
    return RenderedDocument("\n\n".join(sections), title, "", report.made_at, translator.language, is_dense=True)


def _status(report: ShareReport, translator: Translator) -> str:
    at = translator.when(report.made_at)
    words = _("Final report, made %(at)s.") if report.is_final else _("Interim report, made %(at)s.")
    return f"**{translator.text(words, at=at)}**"


def _facts(report: ShareReport, translator: Translator) -> Iterator[tuple[str, ...]]:
    text = translator.text
    yield text(_("Title")), report.title or text(_("Without a title"))
    yield text(_("Organisation")), f"{report.tenant_name}, {report.tenant_number}"
    yield text(_("Shared by")), ", ".join(filter(None, (report.sharer, report.account)))
    if report.reference:
        yield text(_("Case number")), report.reference
    yield text(_("Confidential content")), text(_("Yes") if report.confidential else _("No"))
    yield text(_("Shared at")), translator.when(report.published_at)
    yield text(_("Available until")), translator.when(report.expires_at)
    if report.closed_at and report.state == ShareState.WITHDRAWN:
        yield text(_("Withdrawn")), translator.when(report.closed_at)


def receipt_rows(report: ShareReport, translator: Translator) -> Iterator[tuple[str, str, str]]:
    """Yield a row for each event of a recipient: the recipient, the event, and its time."""
    names = {document.id: document.name for document in report.documents}
    for recipient in report.recipients:
        label = f" ({recipient.label})" if recipient.label else ""
        who = " ".join(filter(None, (recipient.name, recipient.number))) + label
        if recipient.removed_at:
            who += f", {translator.text(_('removed'))} {translator.when(recipient.removed_at)}"
        if not recipient.receipts:
            yield who, translator.text(_("Not opened")), ""
        for receipt in recipient.receipts:
            what = _receipt(receipt, names, translator)
            by = f", {receipt.person}" if recipient.kind == "organization" else ""
            yield who, what + by, translator.when(receipt.at)


def _receipt(receipt: ReportReceipt, names: dict[str, str], translator: Translator) -> str:
    if receipt.document is None:
        return translator.text(_STATES[receipt.state])
    return translator.text(_STATES[receipt.state], document=names[receipt.document])


def _documents(documents: Iterable[ReportDocument], translator: Translator) -> Iterator[tuple[str, ...]]:
    for document in documents:
        verdict = _VERDICTS.get(document.verdict or "", _("Not examined yet"))
        name = document.name
        if document.removed_at:
            name += f", {translator.text(_('removed'))} {translator.when(document.removed_at)}"
        yield name, translator.size(document.length), translator.text(verdict)


def _digests(documents: Iterable[ReportDocument]) -> Iterator[tuple[str, str]]:
    for document in documents:
        digest = document.sha256 or ""
        # In groups, so that the line can be broken between them.
        yield document.name, " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def _events(events: Iterable[ReportEvent], translator: Translator) -> Iterator[tuple[str, ...]]:
    for one in events:
        words = REPORTED.get(one.event.kind)
        if words is None:
            continue
        until = (one.event.details or {}).get("until")
        what = translator.text(_WITH_LATER_END.get(one.event.kind, words) if until else words)
        if isinstance(until, str):
            what = f"{what}: {translator.when(datetime.fromisoformat(until))}"
        yield str(one.place.number), what, one.who, translator.when(one.event.at)


def _proof(report: ShareReport, translator: Translator) -> str:
    text, key = translator.text, report.key_destroyed
    if key is None:
        key_status = text(_("The share's key still exists. A final report can be made when it has been destroyed."))
    else:
        key_status = text(
            _(
                "The share's key was destroyed %(at)s. That is event %(number)s in the organisation's event log, with "
                "the SHA-256 %(hash)s. Nobody can open the documents after that, not even from a backup."
            ),
            at=translator.when(key.event.at),
            number=key.place.number,
            hash=f"`{key.place.hash.hex()}`",
        )
    sealed = text(
        _(
            "The report is made by Del dokument and sealed with the service's certificate. The seal shows whether "
            "anything has been changed. The same report as JSON can be checked against the event log. The share has "
            "the id %(id)s."
        ),
        id=f"`{report.share_id}`",
    )
    return f"{key_status}\n\n{sealed}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], translator: Translator) -> str:
    """Return a Markdown table of at most MAX_ROWS rows.

    An empty cell gets a dash, because the renderer makes empty cells large, for filling in by hand.
    """
    filled = list(rows)
    lines = [tuple(translator.text(cell) for cell in head), ("---",) * len(head)]
    lines += [tuple(escape(cell) or "–" for cell in row) for row in filled[:MAX_ROWS]]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if len(filled) <= MAX_ROWS:
        return table
    left = translator.text(_("%(count)s more rows are in the report as JSON."), count=len(filled) - MAX_ROWS)
    return f"{table}\n\n{left}"
