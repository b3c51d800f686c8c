"""«Feil mottaker»: steps after sharing with a wrong recipient, and a draft of the breach notification.

Guarantees:
- The draft has the items of GDPR article 33(3). Facts come from the report; items that only people know are left open.
- The draft names only the chosen recipients. Without a choice there is no draft.
- Nothing is sent: the body itself decides whether to notify Datatilsynet.
- Persons are masked.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from starlette.responses import Response

from deldokument.domain.errors import NotFound
from deldokument.domain.shares.report import ShareReport
from deldokument.domain.shares.share import ShareState
from deldokument.services.shares.display.queries import view_share
from deldokument.services.shares.display.report import share_report
from deldokument.services.shares.display.views import ShareView
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole
from deldokument.web.http.responses.i18n import Translator, _
from deldokument.web.http.responses.rendering import render
from deldokument.web.http.responses.report_document import receipt_rows
from deldokument.web.transfer.downloads import attachment

RECIPIENT: Final = "mottaker"
"""Query parameter: the id of a chosen recipient; may be repeated."""
ALL: Final = "alle"
"""Query parameter: all recipients are chosen. Keeps the address of many short."""
CHOSEN: Final = "valgt"
"""Query parameter of the form's button, which shows that a choice is missing."""
_LIST = "\n- "


def page(call: RequestContext) -> Response:
    """Show the steps: stop the access, see the receipts, and the draft."""
    view, report = _find_share(call)
    chosen = _choose(call, report)
    is_all = bool(call.query(ALL))
    return render(
        call,
        "pages/sharing/wrong_recipient.html",
        view=view,
        open=view.share.state is ShareState.AVAILABLE,
        receipts=list(receipt_rows(report, call.translator)),
        is_all=is_all,
        chosen=[] if is_all else [one.id for one in chosen.recipients],
        is_missing=bool(call.query(CHOSEN)) and not chosen.recipients,
        draft=notification(view, chosen, call.translator) if chosen.recipients else "",
        query=call.address.partition("?")[2],
    )


def draft_file(call: RequestContext) -> Response:
    """Return the draft as a text file. Raises: NotFound, also if no recipient is chosen."""
    view, report = _find_share(call)
    chosen = _choose(call, report)
    if not chosen.recipients:
        raise NotFound("no recipient is chosen")
    content = notification(view, chosen, call.translator)
    return Response(content, headers=attachment("avviksmelding.txt"), media_type="text/plain; charset=utf-8")


def _find_share(call: RequestContext) -> tuple[ShareView, ShareReport]:
    """Return the share and its report. Raises: NotFound, also for a draft."""
    person, share_id = call.person.person, call.path("id")
    return view_share(call.deps, person, share_id), share_report(call.deps, person, share_id)


def _choose(call: RequestContext, report: ShareReport) -> ShareReport:
    """Return the report with only the chosen recipients. If there is only one, no choice is needed.

    Raises: NotFound for an id that is not a recipient of the share.
    """
    ids = set(call.request.query_params.getlist(RECIPIENT))
    if not ids <= {one.id for one in report.recipients}:
        raise NotFound("a chosen recipient")
    if call.query(ALL) or len(report.recipients) == 1:
        return report
    return replace(report, recipients=tuple(one for one in report.recipients if one.id in ids))


def notification(view: ShareView, report: ShareReport, translator: Translator) -> str:
    """Return the draft in the translator's language. The recipients in ``report`` are the wrong ones."""
    return "\n\n".join(_paragraphs(view, report, translator)) + "\n"


def _paragraphs(view: ShareView, report: ShareReport, translator: Translator) -> Iterator[str]:
    text, count = translator.text, len(report.recipients)
    opened = sum(1 for one in report.recipients if one.receipts)
    got = sum(1 for one in report.recipients if any(receipt.document for receipt in one.receipts))
    yield text(_("Draft: notification of a personal data breach (GDPR article 33(3))"))
    yield text(_("Fill in what stands in brackets. Made from the report of the share %(id)s."), id=report.share_id)
    yield text(_("1. Nature of the breach"))
    yield translator.ngettext(
        "%(tenant)s shared documents with a recipient who should not have had them. They were shared %(at)s.",
        "%(tenant)s shared documents with recipients who should not have had them. They were shared %(at)s.",
        count,
        tenant=report.tenant_name,
        at=translator.when(report.published_at),
    )
    yield text(_("Documents:")) + _LIST + _LIST.join(document.name for document in report.documents)
    yield text(
        _("Recipients by mistake: %(all)s. Have opened the share: %(opened)s. Have downloaded something: %(got)s."),
        all=count,
        opened=opened,
        got=got,
    )
    rows = [
        ": ".join(filter(None, (who, what))) + (f", {at}" if at else "")
        for who, what, at in receipt_rows(report, translator)
    ]
    yield text(_("What has happened:")) + _LIST + _LIST.join(rows)
    yield text(_("Categories of persons that the documents are about, and about how many: [fill in]"))
    yield text(_("Categories and approximate number of records: [fill in]"))
    yield text(_("Discovered: [time]. The notification is due 72 hours after that."))
    yield text(_("2. Contact"))
    yield _contact(view, translator)
    yield text(_("3. Likely consequences"))
    yield _consequences(count, opened, translator)
    yield text(_("4. Measures taken or planned"))
    yield _measures(report, translator)


def _consequences(count: int, opened: int, translator: Translator) -> str:
    if not opened:
        return translator.ngettext(
            "The recipient above has not opened the share.", "None of the recipients above has opened the share.", count
        )
    readers = translator.ngettext(
        "The recipient above may have read the documents.",
        "Those of the recipients above who have opened the share may have read the documents.",
        count,
    )
    return f"{readers} {translator.text(_('Consequences for the persons concerned: [fill in]'))}"


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
    done.append(
        translator.ngettext(
            "The recipient was asked to delete the documents, and not to use them: [yes or no, time]",
            "The recipients were asked to delete the documents, and not to use them: [yes or no, time]",
            len(report.recipients),
        )
    )
    done.append(text(_("The persons concerned were told: [yes or no, time]")))
    return "- " + _LIST.join(done)


ENDPOINTS = (
    Endpoint("/delinger/{id}/feil-mottaker", page, RequiredRole.PERSON),
    Endpoint("/delinger/{id}/avviksmelding.txt", draft_file, RequiredRole.PERSON, answer=ErrorFormat.BYTES),
)
