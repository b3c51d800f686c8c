"""«Feil mottaker»: what to do when a share went to the wrong recipient, with a draft of the breach notification.

Guarantees:
- The draft has what GDPR article 33(3) asks for. Facts are those of the report; what only people know is left open.
- Nothing is sent: the body itself decides whether to notify Datatilsynet.
- Persons are masked.
"""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import Response

from deldokument.domain.report import ShareReport
from deldokument.domain.share import ShareState
from deldokument.services.shares.queries import view_share
from deldokument.services.shares.report import share_report
from deldokument.services.shares.views import ShareView
from deldokument.web.http.i18n import Translator, _
from deldokument.web.http.rendering import render
from deldokument.web.http.report_document import receipt_rows
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole
from deldokument.web.transfer.downloads import attachment

_LIST = "\n- "


def page(call: RequestContext) -> Response:
    """Show the steps: stop the access, see who opened what, and the draft."""
    view, report = _found(call)
    return render(
        call,
        "pages/sharing/wrong_recipient.html",
        view=view,
        open=view.share.state is ShareState.AVAILABLE,
        receipts=list(_whole(report, call.translator)),
        draft=notification(view, report, call.translator),
    )


def draft_file(call: RequestContext) -> Response:
    """Return the draft as a text file."""
    view, report = _found(call)
    content = notification(view, report, call.translator)
    return Response(content, headers=attachment("avviksmelding.txt"), media_type="text/plain; charset=utf-8")


def _found(call: RequestContext) -> tuple[ShareView, ShareReport]:
    """Return the share and its report. Raises: NotFound, also for a draft."""
    person, share_id = call.person.person, call.path("id")
    return view_share(call.deps, person, share_id), share_report(call.deps, person, share_id)


def notification(view: ShareView, report: ShareReport, translator: Translator) -> str:
    """Return the draft in the translator's language."""
    return "\n\n".join(_paragraphs(view, report, translator)) + "\n"


def _paragraphs(view: ShareView, report: ShareReport, translator: Translator) -> Iterator[str]:
    text = translator.text
    opened = sum(1 for one in report.recipients if one.receipts)
    got = sum(1 for one in report.recipients if any(receipt.document for receipt in one.receipts))
    yield text(_("Draft: notification of a personal data breach (GDPR article 33(3))"))
    yield text(_("Fill in what stands in brackets. Made from the report of the share %(id)s."), id=report.share_id)
    yield text(_("1. Nature of the breach"))
    yield text(
        _("%(tenant)s shared documents with a recipient who should not have had them. They were shared %(at)s."),
        tenant=report.tenant_name,
        at=translator.when(report.published_at),
    )
    yield text(_("Documents:")) + _LIST + _LIST.join(document.name for document in report.documents)
    yield text(
        _("Recipients: %(all)s. %(opened)s of them opened the share, and %(got)s downloaded something."),
        all=len(report.recipients),
        opened=opened,
        got=got,
    )
    rows = [
        ": ".join(filter(None, (who, what))) + (f", {at}" if at else "") for who, what, at in _whole(report, translator)
    ]
    yield text(_("What has happened:")) + _LIST + _LIST.join(rows)
    yield text(_("Categories of persons that the documents are about, and about how many: [fill in]"))
    yield text(_("Categories and approximate number of records: [fill in]"))
    yield text(_("Discovered: [time]. The notification is due 72 hours after that."))
    yield text(_("2. Contact"))
    yield _contact(view, translator)
    yield text(_("3. Likely consequences"))
    yield text(
        _("Nobody has opened the share.")
        if not opened
        else _("The recipients above may have read the documents. Consequences for the persons concerned: [fill in]")
    )
    yield text(_("4. Measures taken or planned"))
    yield _measures(report, translator)


def _whole(report: ShareReport, translator: Translator) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the receipts, each with its recipient."""
    who = ""
    for row in receipt_rows(report, translator):
        who = row[0] or who
        yield who, *row[1:]


def _contact(view: ShareView, translator: Translator) -> str:
    if named := view.tenant.breach_contact:
        return f"{view.tenant.name}: {named}"
    contact = view.tenant.contact
    known = ", ".join(filter(None, (view.tenant.name, contact.telephone, contact.email)))
    return translator.text(_("%(contact)s. Data protection officer or other contact: [fill in]"), contact=known)


def _measures(report: ShareReport, translator: Translator) -> str:
    text, key = translator.text, report.key_destroyed
    done = [
        text(_("%(number)s was removed %(at)s."), number=one.number, at=translator.when(one.removed_at))
        for one in report.recipients
        if one.removed_at
    ]
    if report.closed_at and report.state == ShareState.WITHDRAWN:
        done.append(text(_("The share was withdrawn %(at)s."), at=translator.when(report.closed_at)))
    if key:
        words = _("The key was destroyed %(at)s (event %(number)s of the event log): nobody can open the documents.")
        done.append(text(words, at=translator.when(key.event.at), number=key.place.number))
    done.append(text(_("The recipient was asked to delete the documents, and not to use them: [yes or no, time]")))
    done.append(text(_("The persons concerned were told: [yes or no, time]")))
    return "- " + _LIST.join(done)


ENDPOINTS = (
    Endpoint("/delinger/{id}/feil-mottaker", page, RequiredRole.PERSON),
    Endpoint("/delinger/{id}/avviksmelding.txt", draft_file, RequiredRole.PERSON, answer=ErrorFormat.BYTES),
)
