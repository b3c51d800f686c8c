"""«Delinger»: one share with its timeline, and its actions. The list is in module share_list.

Guarantees:
- Only members can see that these pages exist.
- After an error there is no new draft, the form still contains the input, and the share's page gives the reason.
- Every action works without JavaScript.

The rules are in services.shares: `display.queries`, `published.publishing`, `recipients.access_requests` and
`scans.held_documents`.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from starlette.responses import RedirectResponse, Response

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import InvalidInput
from deldokument.domain.norwegian_time import OSLO
from deldokument.domain.shares.share import DISCARD_UNDO, Progress, ShareState
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import ShareView
from deldokument.services.shares.drafts.discarding import UNCHANGED
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients import reminders
from deldokument.services.shares.recipients.access_requests import refuse_requests
from deldokument.services.shares.scans import held_documents
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole, endpoint_below
from deldokument.web.http.responses.document_texts import common_verdict
from deldokument.web.http.responses.i18n import LANGUAGES, Translator
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.sharing.drafts import can_be_filled_in, email_text, oslo_instant
from deldokument.web.pages.sharing.timeline import moments

UNDO_SECONDS = int(DISCARD_UNDO.total_seconds())
_DATE, _TIME = "expires-date", "expires-time"
REFUSAL, RETURN = "refusal-reason", "return-reason"
"""Fields for the reason of a no to those who ask, and to what a colleague has proposed."""
_SAVED = frozenset(
    {"paminnet", "slutt", "trukket", "retur"}
    | {
        "avslatt",
        "rettet",
        "fjernet",
        "dokument-fjernet",
        "sendt-tilbake",
        "lagt-til",
        "finnes",
        "foreslatt",
        "endring-godkjent",
        "uendret",
    }
    | {"angret", "apnet", "dokumenter-lagt-til", "overlatt"}
)
"""Values of ``lagret`` in the URL of a share's page: the action that has just been done."""


def is_own_proposal(call: RequestContext, view: ShareView) -> bool:
    """Return whether the logged-in person is the proposer, as a member of any account."""
    return view.proposal is not None and view.proposal.proposer.id in own_ids(call)


def may_approve(call: RequestContext, view: ShareView) -> bool:
    """Return whether the logged-in person may approve the pending proposal."""
    if view.proposal is None or is_own_proposal(call, view):
        return False
    mine = {one.id: one.acts_from for one in call.roles.memberships if one.account.id == view.account.id}
    return any(since and view.proposal.approvers.include(own_id, since) for own_id, since in mine.items())


def own_ids(call: RequestContext) -> set[str]:
    """Return the ids of the logged-in person's memberships, in all accounts."""
    return {membership.id for membership in call.roles.memberships}


def detail_page(call: RequestContext) -> Response:
    """Show one share: its facts, recipients, timeline and actions.

    After a refused action, also its reason and the input.
    """
    view, events = queries.show_share(call.deps, call.person.person, call.path("id"), call.roles.memberships)
    saved = call.query("lagret")
    date, time = _typed_end(call) if "expires_date" in call.fields else _local(view.share.expires_at)
    period = view.account.period(view.tenant)
    return render(
        call,
        "pages/sharing/share_detail.html",
        errors=call.errors_at(_DATE, _TIME, REFUSAL, RETURN),
        view=view,
        moments=moments(events, call.translator, call.deps.clock.now()),
        earlier_left_out=len(events) >= queries.MAX_EVENTS,
        open=view.share.state is ShareState.AVAILABLE,
        ended_unchanged=any(_is_end_of_unchanged_draft(event) for event, _ in events),
        can_continue=can_be_filled_in(call, view),
        own_proposal=is_own_proposal(call, view),
        may_approve=may_approve(call, view),
        emails={code: email_text(view, Translator(code)) for code in LANGUAGES} if view.share.expires_at else {},
        expires_date=date,
        expires_time=time,
        suggested=_suggested_end(view, call.deps.clock.now()),
        refusal=call.fields.get(REFUSAL, ""),
        return_reason=call.fields.get(RETURN, ""),
        with_documents=bool(call.fields.get("documents")),
        earliest=_local(call.deps.clock.now() + period.shortest)[0],
        latest=_local(call.deps.clock.now() + period.longest)[0],
        longest=call.translator.period(period.longest),
        tells_recipients=call.deps.sends_notices,
        can_remind=_can_remind(call, view, [event for event, _ in events]),
        scans=call.deps.scanner is not None,
        common_verdict=common_verdict(document.finding for document in view.documents),
        undo_seconds=UNDO_SECONDS,
        own_share=view.sharer_id in own_ids(call),
        own_answer=view.answering is not None and view.answering.sharer_id in own_ids(call),
        saved=saved if saved in _SAVED and not call.errors else "",
        retention_ends=view.share.closed_at + view.tenant.retention if view.share.closed_at else None,
    )


def _is_end_of_unchanged_draft(event: AuditEvent) -> bool:
    return event.kind is EventKind.DRAFT_ABANDONED and (event.details or {}).get("cause") == UNCHANGED


def _typed_end(call: RequestContext) -> tuple[str, str]:
    return call.fields.get("expires_date", "")[:10], call.fields.get("expires_time", "")[:8]


def _suggested_end(view: ShareView, now: datetime) -> tuple[datetime, str, str] | None:
    """Return the later end to suggest to recipients who ask, as an instant and form fields; None if there is none."""
    period, end = view.account.period(view.tenant), view.share.expires_at
    if not view.asking or end is None or not view.share.is_open_at(now):
        return None
    later = min(end + period.standard, now + period.longest).replace(second=0, microsecond=0)
    return (later, *_local(later)) if later > end else None


def _can_remind(call: RequestContext, view: ShareView, events: Sequence[AuditEvent]) -> bool:
    now = call.deps.clock.now()
    notifies = call.deps.sends_notices and view.share.notify and not view.stopped
    left = any(one.progress not in (Progress.SENT, Progress.RECEIVED) for one in view.recipients)
    return notifies and view.share.is_open_at(now) and left and not reminders.had_notice(view.share, events, now)


def _local(instant: datetime | None) -> tuple[str, str]:
    """Return the values of the two form fields: the date, and the time to the minute."""
    if instant is None:
        return "", ""
    local = instant.astimezone(OSLO)
    return local.strftime("%Y-%m-%d"), local.strftime("%H:%M")


def change_end(call: RequestContext) -> Response:
    """Change the end («Endre sluttidspunkt»)."""
    share_id, date, time = call.path("id"), call.fields.get("expires_date", ""), call.fields.get("expires_time", "")
    try:
        shown = queries.view_share(call.deps, call.person.person, share_id).share.expires_at
        # An end set by a system may have seconds, or be in the second of two equal hours. The form shows neither.
        is_unchanged = (date, time) == _local(shown)
        until = shown if is_unchanged else oslo_instant(f"{date}T{time}" if date and time else "")
        if until is None:
            raise InvalidInput("expires_at", "expiry_missing")
        is_waiting = changes.change_share(call.deps, call.person.person, share_id, Change(expires_at=until))
    except InvalidInput as error:
        raise error.at(_TIME if date and not time else _DATE) from None
    return to_share(share_id, "foreslatt" if is_waiting else "slutt")


def to_share(share_id: str, saved: str) -> Response:
    """Redirect to the share's page, with a message about the action that was ``saved``."""
    return RedirectResponse(f"/delinger/{share_id}?lagret={saved}", 303)


def remind(call: RequestContext) -> Response:
    """Remind the recipients who have documents left («Send påminnelse»)."""
    reminders.request_reminder(call.deps, call.person.person, call.path("id"))
    return to_share(call.path("id"), "paminnet")


def withdrawal_page(call: RequestContext) -> Response:
    """Ask for confirmation, for browsers that cannot show a dialog."""
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    return render(call, "pages/sharing/share_withdrawal.html", view=view)


def withdraw(call: RequestContext) -> Response:
    """Withdraw the share («Trekk tilbake delingen»)."""
    invites = call.fields.get("invites") == "on"
    publishing.withdraw_share(call.deps, call.person.person, call.path("id"), invites=invites)
    return to_share(call.path("id"), "trukket")


def undo(call: RequestContext) -> Response:
    """Undo the publication («Angre»)."""
    share = publishing.undo_publication(call.deps, call.person.person, call.path("id"))
    return to_share(share.id, "angret" if share.state is ShareState.DRAFT else "apnet")


def refuse(call: RequestContext) -> Response:
    """Refuse all who ask for more time or a new share («Si nei»). More time is given by changing the end."""
    try:
        refuse_requests(call.deps, call.person.person, call.path("id"), call.fields.get(REFUSAL, ""))
    except InvalidInput as error:
        raise error.at(REFUSAL) from None
    return to_share(call.path("id"), "avslatt")


def share_again(call: RequestContext) -> Response:
    """Start a new draft for those who ask («Lag ny deling til dem som ber om det»)."""
    draft = publishing.copy_share(call.deps, call.person.person, call.path("id"), only_asking=True)
    return RedirectResponse(f"/del?utkast={draft.id}", 303)


def copy(call: RequestContext) -> Response:
    """Start a new draft from this share («Lag ny deling fra denne»), with its documents if that box is checked."""
    share_id, with_documents = call.path("id"), bool(call.fields.get("documents"))
    draft = publishing.copy_share(call.deps, call.person.person, share_id, with_documents=with_documents)
    return RedirectResponse(f"/del?utkast={draft.id}", 303)


def release(call: RequestContext) -> Response:
    """Release a document that the scan policy holds («Slipp fri»)."""
    held_documents.release_document(call.deps, call.person.person, call.path("id"), call.path("document_id"))
    return _to_documents(call)


def hold(call: RequestContext) -> Response:
    """Hold a released document again («Hold tilbake»)."""
    held_documents.hold_document(call.deps, call.person.person, call.path("id"), call.path("document_id"))
    return _to_documents(call)


def _to_documents(call: RequestContext) -> Response:
    return RedirectResponse(f"/delinger/{call.path('id')}#documents", 303)


deed = partial(endpoint_below, "/delinger/{id}/", RequiredRole.PERSON, methods=POST, again=detail_page)
"""Returns the endpoint of an action on a share."""
ENDPOINTS = (
    Endpoint("/delinger/{id}", detail_page, RequiredRole.PERSON),
    Endpoint("/delinger/{id}/tilbaketrekking", withdrawal_page, RequiredRole.PERSON),
    deed("sluttidspunkt", change_end),
    deed("paminnelse", remind),
    deed("tilbaketrekking", withdraw),
    deed("angring", undo),
    deed("avslag", refuse),
    deed("ny-deling", share_again),
    deed("kopi", copy),
    deed("dokumenter/{document_id}/frigivelse", release),
    deed("dokumenter/{document_id}/tilbakehold", hold),
)
